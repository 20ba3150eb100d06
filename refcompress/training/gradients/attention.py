"""Attention in training, forward and back, and the gradients of softmax and of the rotation."""

import math

import numpy as np

from ...graph import OPERATIONS
from ..arithmetic import softmax
from .linear import stacked
from .row import Gradient, summed_to

__all__ = ["ROWS"]


def softmax_gradient(dy, y, x, *, wanted, axis):
    """dx = y (dy - sum of dy y)."""
    return (y * (dy - (dy * y).sum(axis=axis, keepdims=True)),)


def attention(q, k, v, mask=None, past_k=None, past_v=None, **attributes):
    """Return what the operation gives: the mixed values, and the keys and values with the past in front."""
    y, k, v, _, _ = _mixed(q, k, v, mask, past_k, past_v, **attributes)
    return y, k, v


def _mixed(q, k, v, mask, past_k, past_v, *, heads, kv_heads, causal, scale, softcap):
    """Return the result, the keys and values with the past, how each query weighs them, and softcap's derivative."""
    flat = q.ndim == 3
    q, k, v = _apart(q, heads), _apart(k, kv_heads or heads), _apart(v, kv_heads or heads)
    if past_k is not None:
        k, v = np.concatenate([past_k, k], 2), np.concatenate([past_v, v], 2)
    times = q.shape[1] // k.shape[1]
    scores = stacked(q, np.repeat(k, times, 1).swapaxes(2, 3)) * q.dtype.type(scale or 1 / math.sqrt(q.shape[3]))
    slope = None
    if softcap:
        bent = np.tanh(scores / scores.dtype.type(softcap))
        scores, slope = bent * scores.dtype.type(softcap), 1 - bent * bent
    hidden = _hidden(mask, scores, causal, 0 if past_k is None else past_k.shape[2])
    if hidden is not None:
        scores = scores + hidden
        blind = np.isneginf(scores).all(axis=-1, keepdims=True)
        weights = np.where(blind, 0, softmax(np.where(blind, 0, scores))).astype(scores.dtype)
    else:
        weights = softmax(scores)
    y = stacked(weights, np.repeat(v, times, 1))
    return _together(y) if flat else y, k, v, weights, slope


def _hidden(mask, scores, causal, past):
    """Return what is added to the scores, minus infinity where a query does not see a key; None for nothing."""
    queries, keys = scores.shape[-2:]
    if mask is not None:
        mask = np.where(mask, 0, -np.inf).astype(scores.dtype) if mask.dtype == bool else mask
        mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, keys - mask.shape[-1])], constant_values=-np.inf)
    if not causal:
        return mask
    later = np.where(np.tri(queries, keys, past, dtype=bool), 0, -np.inf).astype(scores.dtype)
    return later if mask is None else later + mask


def attention_gradient(dy, y, q, k, v, mask=None, past_k=None, past_v=None, *, wanted, heads, kv_heads, **attributes):
    """With weights w = softmax(s), s = scale q kᵀ:  dv = wᵀ dy;  ds = w (dw - sum of dw w), dw = dy vᵀ;  dq = ds k;
    dk = dsᵀ q. A key that several queries share gets the sum of what they send."""
    dy, *passed = dy
    flat = q.ndim == 3
    _, keys, values, w, slope = _mixed(q, k, v, mask, past_k, past_v, heads=heads, kv_heads=kv_heads, **attributes)
    dy = _apart(dy, heads) if flat else dy
    q4 = _apart(q, heads)
    times = q4.shape[1] // keys.shape[1]
    dw = stacked(dy, np.repeat(values, times, 1).swapaxes(2, 3))
    ds = w * (dw - (dw * w).sum(axis=-1, keepdims=True))
    dmask = summed_to(ds[..., : mask.shape[-1]], mask) if len(wanted) > 3 and wanted[3] else None
    ds = (ds if slope is None else ds * slope) * ds.dtype.type(attributes["scale"] or 1 / math.sqrt(q4.shape[3]))
    dq = stacked(ds, np.repeat(keys, times, 1))
    dk, dv = (_shared(stacked(a.swapaxes(2, 3), b), times) + more for a, b, more in
              ((ds, q4, passed[0]), (w, dy, passed[1])))
    past = 0 if past_k is None else past_k.shape[2]
    new = dq, dk[:, :, past:], dv[:, :, past:]
    return (*(_together(a) if flat else a for a in new), dmask, dk[:, :, :past], dv[:, :, :past])[: len(wanted)]


def _shared(a, times):
    """Return the sum over the query heads that share a key head."""
    return a.reshape(len(a), -1, times, *a.shape[2:]).sum(axis=2)


def _apart(x, heads):
    """Return (b, l, heads * d) as (b, heads, l, d); what is so already stays."""
    return x if x.ndim == 4 else x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _together(x):
    return np.ascontiguousarray(x.swapaxes(1, 2)).reshape(len(x), x.shape[2], -1)


def rotary(dy, y, x, cosines, sines, positions=None, *, wanted, **attributes):
    """A rotation goes back by the opposite angles."""
    dx = OPERATIONS["rotary"].compute(dy, cosines, -sines, positions, use=None, **attributes)
    return dx, *(None,) * (len(wanted) - 1)


ROWS = (Gradient("softmax", softmax_gradient), Gradient("attention", attention_gradient, forward=attention),
        Gradient("rotary", rotary, frozenset({0})))
