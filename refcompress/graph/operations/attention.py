"""Attention, and the rotation that tells it where a token stands."""

import math

import numpy as np

from ...errors import RefcompressError
from ..known import Known, Size
from ..sizes import UNKNOWN, added, divided, multiplied, product
from ..use import Use
from .checks import broadcast_shape, float32, of_type, rank, same_size
from .linear import batched
from .row import operation

__all__ = ["ROWS"]

HIDDEN = np.float32(-np.inf)


def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None,
              past_k: np.ndarray | None = None, past_v: np.ndarray | None = None, *, use: Use, heads: int = 0,
              kv_heads: int = 0, causal: bool = False, scale: float = 0.0, softcap: float = 0.0):
    """Mix values by how well their keys fit a query.

        y[b, h] = softmax(softcap(scale q[b, h] k[b, g]^T) + mask[b, h]) v[b, g],    g = floor(h kv_heads / heads)

    Parameters
    ----------
    q : (b, heads, l, d) float32, or (b, l, heads * d) with the attribute heads
    k, v : (b, kv_heads, s, d) and (b, kv_heads, s, e), or (b, s, kv_heads * d), ...; kv_heads divides heads
    mask : None, or what broadcasts to (b, heads, l, s): bool (True is seen) or float32 (it is added). One that is
        shorter along s hides the rest.
    past_k, past_v : None, or (b, kv_heads, p, d) and (b, kv_heads, p, e), which stand in front of k and v
    causal : query i sees keys up to p + i alone
    scale : by default (0) 1 / sqrt(d). softcap : c tanh(x / c) where it is not 0

    Returns
    -------
    y : (b, heads, l, e), or (b, l, heads * e) float32; then the keys and the values with the past in front, (b,
        kv_heads, p + s, ...)
        The products are those of gemm_f32f32, scaled in float32; softmax is nn_softmax. A query that sees no key is 0.

    **Source** Vaswani et al., Attention Is All You Need (2017, arXiv 1706.03762); grouped queries:
    Ainslie et al., GQA (2023, arXiv 2305.13245); ONNX, Attention (23). **Departs** scale is one product
    with the scores, where ONNX multiplies q and k by its root.
    """
    flat = q.ndim == 3
    if flat:
        q, k, v = _heads(q, heads), _heads(k, kv_heads or heads), _heads(v, kv_heads or heads)
    past = 0 if past_k is None else past_k.shape[2]
    if past_k is not None:
        k, v = np.concatenate([past_k, k], 2), np.concatenate([past_v, v], 2)
    times = q.shape[1] // k.shape[1]
    each_k, each_v = (a if times == 1 else np.repeat(a, times, 1) for a in (k, v))
    scores = batched(q, each_k.swapaxes(2, 3), use)
    scores = use.computed(np.multiply, scores, np.float32(scale or 1 / math.sqrt(q.shape[3])), out=scores)
    if softcap:
        scores = use("nn_activation")(scores / np.float32(softcap), "tanh") * np.float32(softcap)
    hidden = _bias(mask, q.shape[2], k.shape[2], past, causal, use)
    weights = use("nn_softmax")(scores if hidden is None else use.computed(np.add, scores, hidden, out=scores))
    if hidden is not None:
        weights = use.computed(_seeing, weights, hidden, out=weights)
    y = batched(weights, each_v, use)
    if flat:
        y = use.contiguous(y.swapaxes(1, 2)).reshape(len(y), y.shape[2], -1)
    return y, k, v


def _seeing(weights: np.ndarray, hidden: np.ndarray, *, out: np.ndarray) -> np.ndarray:
    """Return ``out``, which is the weights: those of a query that sees no key become 0 there."""
    blind = np.all(hidden == HIDDEN, -1, keepdims=True)
    if blind.any():
        np.copyto(out, np.float32(0), where=blind)
    return out


def _heads(x: np.ndarray, heads: int) -> np.ndarray:
    """Return (b, l, heads * d) as (b, heads, l, d), in the same memory."""
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).swapaxes(1, 2)


def _bias(mask: np.ndarray | None, queries: int, keys: int, past: int, causal: bool,
          use: Use) -> np.ndarray | None:
    """Return what is added to the scores, or None: minus infinity where a query does not see a key."""
    if mask is not None:
        if mask.dtype == bool:
            mask = use.computed(np.where, mask, np.float32(0), HIDDEN)
        if mask.shape[-1] < keys:
            missing = [(0, 0)] * (mask.ndim - 1) + [(0, keys - mask.shape[-1])]
            mask = np.pad(mask, missing, constant_values=HIDDEN)
    if not causal:
        return mask
    seen = np.arange(keys) <= np.arange(queries)[:, None] + past
    later = np.where(seen, np.float32(0), HIDDEN)
    return later if mask is None else later + mask


def attention_shape(q: Known, k: Known, v: Known, mask: Known | None = None, past_k: Known | None = None,
                    past_v: Known | None = None, *, heads: int, kv_heads: int, causal: bool, scale: float,
                    softcap: float) -> tuple[Known, ...]:
    float32(q=q, k=k, v=v, past_k=past_k, past_v=past_v)
    if (past_k is None) != (past_v is None):
        raise RefcompressError("past_k", "and past_v must both be given, or none")
    for name, value in (("heads", heads), ("kv_heads", kv_heads)):
        if value < 0:
            raise RefcompressError(name, f"must not be negative, not {value}")
    if q.shape is None or k.shape is None or v.shape is None:
        return Known("float32", None), Known("float32", None), Known("float32", None)
    rank(q, "q", 3, 4)
    flat = len(q.shape) == 3
    for name, each in (("k", k), ("v", v)):
        rank(each, name, len(q.shape))
    rank(past_k, "past_k", 4)
    rank(past_v, "past_v", 4)
    if flat and not heads:
        raise RefcompressError("heads", "must be given for q of 3 dimensions")
    if flat:
        q, k, v = _split(q, "q", heads), _split(k, "k", kv_heads or heads), _split(v, "v", kv_heads or heads)
    b, h, length, d = q.sizes
    g = k.sizes[1]
    others: tuple[tuple[str, Known | None], ...] = (("k", k), ("v", v), ("past_k", past_k), ("past_v", past_v))
    for name, one in others:
        same_size(one, name, 0, b, "as q has")
        same_size(one, name, 1, g, "as k has heads")
    same_size(k, "k", 3, d, "as q has values a head")
    same_size(past_k, "past_k", 3, d, "as q has values a head")
    same_size(past_v, "past_v", 3, v.sizes[3], "as v has values a head")
    same_size(v, "v", 2, k.sizes[2], "as k has")
    if isinstance(h, int) and isinstance(g, int) and (not g or h % g):
        raise RefcompressError("k", f"must have heads that divide the {h} of q, not {g}")
    past = 0 if past_k is None else past_k.sizes[2]
    keys = added(k.sizes[2], past)
    if mask is not None:
        _checked_mask(mask, (b, h, length, keys))
    y = (b, length, multiplied(h, v.sizes[3])) if flat else (b, h, length, v.sizes[3])
    return Known("float32", y), Known("float32", (b, g, keys, d)), Known("float32", (b, g, keys, v.sizes[3]))


def _split(x: Known, name: str, heads: int) -> Known:
    b, length, width = x.sizes
    if isinstance(width, int) and width % heads:
        raise RefcompressError(name, f"must have a width that {heads} heads divide, not {width}")
    return Known(x.type, (b, heads, length, divided(width, heads)))


def _checked_mask(mask: Known, scores: tuple[Size, ...]) -> None:
    of_type(mask, "mask", "bool", "float32")
    if mask.shape is None:
        return
    if len(mask.shape) > 4 or not mask.shape:
        raise RefcompressError("mask", f"must have 1 to 4 dimensions, not {len(mask.shape)}")
    last, keys = mask.shape[-1], scores[-1]
    if isinstance(last, int) and isinstance(keys, int) and last > keys:
        raise RefcompressError("mask", f"must have at most {keys} values along its last axis, one a key, not {last}")
    broadcast_shape(mask=Known("bool", (*mask.shape[:-1], 1)), scores=Known("bool", (*scores[:-1], 1)))


def attention_cost(q: Known, k: Known, v: Known, mask, past_k, past_v, y: Known, **attributes):
    if q.shape is None or k.shape is None or v.shape is None:
        return UNKNOWN
    keys = added(k.shape[-2], 0 if past_k is None else past_k.sizes[2])
    return added(product((2, *q.shape, keys)), product((2, *y.sizes, keys)))


def rotary(x: np.ndarray, cosines: np.ndarray, sines: np.ndarray, positions: np.ndarray | None = None, *, use: Use,
           heads: int = 0, interleaved: bool = False, dimensions: int = 0) -> np.ndarray:
    """Rotate pairs of values by angles that say where a token stands.

        y1 = x1 cos - x2 sin,    y2 = x1 sin + x2 cos

    Parameters
    ----------
    x : (b, heads, l, d) float32, or (b, l, heads * d) with the attribute heads
    cosines, sines : (b, l, r / 2) float32; with positions (places, r / 2), of which each token takes a row
    positions : None or (b, l) int64
    interleaved : a pair is two neighbours; else a value of the first half and one of the second
    dimensions : r, how many values of a head are rotated, by default (0) all d

    Returns
    -------
    float32 of the shape of x : each product and each sum rounded

    **Source** Su et al., RoFormer (2021, arXiv 2104.09864); ONNX, RotaryEmbedding (23). **Departs**
    nothing.
    """
    shape = x.shape
    if x.ndim == 3:
        x = _heads(x, heads)
    r = dimensions or x.shape[3]
    if positions is not None:
        places = min(len(cosines), len(sines))
        if np.any(wrong := (positions < 0) | (positions >= places)):
            raise RefcompressError("positions", f"must be in [0, {places}), not {positions[wrong][0]}")
    cos, sin = ((a if positions is None else a[positions])[:, None] for a in (cosines, sines))
    if interleaved:
        first, second = x[..., 0:r:2], x[..., 1:r:2]
    else:
        first, second = x[..., : r // 2], x[..., r // 2 : r]
    y = x.copy()
    into = (np.s_[..., 0:r:2], np.s_[..., 1:r:2]) if interleaved else (np.s_[..., : r // 2], np.s_[..., r // 2 : r])
    y[into[0]] = cos * first - sin * second
    y[into[1]] = sin * first + cos * second
    return np.ascontiguousarray(y.swapaxes(1, 2)).reshape(shape) if len(shape) == 3 else y


def rotary_shape(x: Known, cosines: Known, sines: Known, positions: Known | None = None, *, heads: int,
                 interleaved: bool, dimensions: int) -> Known:
    float32(x=x, cosines=cosines, sines=sines)
    rank(x, "x", 3, 4)
    if x.shape is None:
        return Known("float32", None)
    if len(x.shape) == 3:
        if heads < 1:
            raise RefcompressError("heads", "must be given for x of 3 dimensions")
        whole = _split(x, "x", heads)
    else:
        whole = x
    b, _, length, d = whole.sizes
    r = dimensions or d
    if isinstance(r, int) and (r % 2 or r < 0 or isinstance(d, int) and r > d):
        raise RefcompressError("dimensions", f"must be even and at most {d}, not {r}")
    for name, each in (("cosines", cosines), ("sines", sines)):
        rank(each, name, 3 if positions is None else 2)
        if each.shape is not None:
            same_size(each, name, len(each.shape) - 1, divided(r, 2), "one a pair of values")
            if positions is None:
                if each.shape[0] != 1:
                    same_size(each, name, 0, b, "as x has")
                same_size(each, name, 1, length, "one a token")
    if positions is not None:
        of_type(positions, "positions", "int64", "int32")
        rank(positions, "positions", 2)
        if positions.shape is not None and positions.shape[0] != 1:
            same_size(positions, "positions", 0, b, "as x has")
        same_size(positions, "positions", 1, length, "one a token")
    return Known("float32", x.shape)


ROWS = (
    operation(attention, attention_shape, outputs=3, cost=attention_cost),
    operation(rotary, rotary_shape),
)
