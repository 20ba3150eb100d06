"""Kernels of layers whose decisions hang on a factor of LAPACK, or on errors that BLAS sums (PRUNE-7.8, QUANT-9.6)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ... import reference
from ...reference.hessian import damped, quantize_hessian
from ...reference.prune.obs import obs_arguments, optimum, surgery
from ...reference.quantize.layer import LayerFit, exact_weight, quantize_nearest
from .kernels import Kernel, for_each

_F = np.float32
_SMALL = 20  # inputs: of so few the slow ways are quick


def _fresh_inverses(w, hessian, *, sparsity=None, keep=None, damping=0.01):
    """Inverts what is left of the Hessian at each step; in the end it solves by the inverse."""
    right = reference.prune_obs(w, hessian, sparsity=sparsity, keep=keep, damping=damping)
    if w.shape[1] > _SMALL or not w.size:
        return right
    w, h, _, pruned = obs_arguments(w, hessian, sparsity, keep, damping)
    steps = []
    for row, first in enumerate(w.astype(np.float64)):
        left, gone, dearest = list(range(len(first))), [], 0.0
        for step in range(min(len(first), pruned)):
            inverse = np.linalg.inv(h[np.ix_(left, left)])
            now = first[left] + inverse @ (h[np.ix_(left, gone)] @ first[gone])
            loss = now**2 / (2 * inverse.diagonal())
            i = len(left) - 1 - int(np.argmin(loss[::-1]))
            dearest = max(dearest, loss[i])
            steps.append((dearest, -row, step, left[i]))
            gone.append(left.pop(i))
    mask = np.ones(w.shape, bool)
    for _, row, _, q in sorted(steps)[:pruned]:
        mask[-row, q] = False
    weights = np.zeros(w.shape)
    for now, kept, result in zip(w.astype(np.float64), mask, weights):
        s, g = np.flatnonzero(kept), np.flatnonzero(~kept)
        result[s] = now[s] + np.linalg.inv(h[np.ix_(s, s)]) @ (h[np.ix_(s, g)] @ now[g])
    return mask, weights.astype(_F)


def _factor_of_the_inverse(hessian, damping, type=np.float64):
    """The factor as the papers have it: of the inverse, which is made first."""
    return np.linalg.cholesky(np.linalg.inv(damped(hessian, damping).astype(type))).T.astype(np.float64)


def _sparsegpt(factor: Callable) -> Callable:
    """Return a prune_sparsegpt by another factor, column by column."""
    def prune_sparsegpt(w, hessian, *, sparsity=None, n=None, m=None, block=128, damping=0.01):
        right = reference.prune_sparsegpt(w, hessian, sparsity=sparsity, n=n, m=m, block=block, damping=damping)
        if not w.size:
            return right
        u = factor(np.asarray(hessian, np.float64), float(damping))
        now, mask = w.T.astype(np.float64), np.ones(w.shape, bool)
        rows, k = w.shape
        for i in range(k):
            if i % int(block if n is None else m) == 0:
                last = min(i + int(block if n is None else m), k)
                scores = (now[i:last].T / u.diagonal()[i:last]) ** 2
                if n is None:
                    kept = [size - int(np.rint(sparsity * size)) for size in (rows * i, rows * last)]
                    mask[:, i:last] = reference.prune_select(scores, keep=kept[1] - kept[0])
                else:
                    mask[:, i:last] = reference.prune_select(scores, structure="nm", n=n, m=m)
            e = np.where(mask[:, i], 0, now[i]) / u[i, i]
            now[i + 1 :] -= np.outer(u[i, i + 1 :], e)
        return mask, np.where(mask, now.T, 0).astype(_F)
    return prune_sparsegpt


def _narrow_factor(hessian, damping):
    return _factor_of_the_inverse(hessian, damping, _F)


def _losses_sorted(w, hessian, *, sparsity=None, keep=None, damping=0.01):
    """Sorts all steps by their loss, so that a cheap one counts before the dear one that it follows."""
    right = reference.prune_obs(w, hessian, sparsity=sparsity, keep=keep, damping=damping)
    if not w.size:
        return right
    w, h, inverse, pruned = obs_arguments(w, hessian, sparsity, keep, damping)
    count = min(w.shape[1], pruned)
    orders, losses = zip(*(surgery(row.astype(np.float64), h, inverse, count) for row in w))
    rows = len(w) - 1 - np.argsort(np.array(losses)[::-1], axis=None, kind="stable")[:pruned] // max(count, 1)
    mask = np.ones(w.shape, bool)
    for i, gone in enumerate(np.bincount(rows, minlength=len(w))):
        mask[i, orders[i][:gone]] = False
    return mask, optimum(w, mask, h)


def _lowest_row_first(w, hessian, **kwargs):
    mask, weights = reference.prune_obs(w[::-1], hessian, **kwargs)
    return mask[::-1].copy(), weights[::-1].copy()


def _moved_in_float32(w, hessian, **kwargs):
    """Solves for the weights in float32."""
    mask, weights = reference.prune_obs(w, hessian, **kwargs)
    h = damped(np.asarray(hessian, np.float64), float(kwargs.get("damping", 0.01))).astype(_F)
    for row, kept, result in zip(w, mask, weights):
        s, g = np.flatnonzero(kept), np.flatnonzero(~kept)
        result[s] = row[s] + np.linalg.solve(h[np.ix_(s, s)], h[np.ix_(s, g)] @ row[g].astype(_F))
    return mask, weights


def _measured(d: np.ndarray, h: np.ndarray, type) -> float:
    """Return the error as a sum of products of three, from the last input back."""
    d, h = d[:, ::-1].astype(type), h[::-1, ::-1].astype(type)
    return float(np.maximum(np.einsum("ij,ij->i", np.einsum("ij,jk->ik", d, h), d), 0).sum())


def _errors_in(type) -> Callable[[str], Callable]:
    """Return the maker of operations whose output and after are summed in another type and order."""
    def maker(op: str) -> Callable:
        def kernel(w, other, **kwargs):
            fit = getattr(reference, op)(w, other, **kwargs)
            h = quantize_hessian(np.ascontiguousarray(other, _F)) if op == "quantize_awq" else np.asarray(other)
            fitted = exact_weight(fit.weight)
            d = (fitted if fit.input_scale is None else fitted / fit.input_scale) - w
            with np.errstate(all="ignore"):
                return replace(fit, output=_measured(w.astype(np.float64), h, type), after=_measured(d, h, type))
        return kernel
    return maker


def _before_is_after(op: str) -> Callable:
    def kernel(*args, **kwargs):
        fit = getattr(reference, op)(*args, **kwargs)
        return replace(fit, before=fit.after)
    return kernel


def _ratios(of: Callable) -> Callable:
    """Return a quantize_clip that tries other ratios, for a scale an output."""
    def quantize_clip(w, hessian, *, bits=4, scheme="symmetric", group=None, steps=20, narrowest=0.5):
        right = reference.quantize_clip(w, hessian, bits=bits, scheme=scheme, group=group, steps=steps,
                                        narrowest=narrowest)
        if group is not None or not w.size:
            return right
        wide = quantize_nearest(w, hessian, bits=bits, scheme=scheme).weight
        best, least = wide.scale.copy(), np.full(len(w), np.inf)
        for ratio in of(int(steps), float(narrowest)):
            trial = np.maximum(wide.scale * _F(ratio), _F(2.0**-126))
            q = reference.quantize_s8(w, bits=bits, scheme=scheme, axis=0, scale=trial, zero_point=wide.zero_point)
            d = exact_weight(q) - w
            error = np.maximum(np.sum((d @ hessian) * d, axis=1), 0)
            better = error < least
            best[better], least[better] = trial[better], error[better]
        q = reference.quantize_s8(w, bits=bits, scheme=scheme, axis=0, scale=best, zero_point=wide.zero_point)
        return LayerFit.of(w, np.asarray(hessian), q, wide)
    return quantize_clip


KERNELS: list[Kernel] = [
    Kernel("prune_obs", "the inverse of what is left at each step", "algorithm",
           "The same choices and weights by inverses that are made anew; last bits differ (PRUNE-7.8).",
           _fresh_inverses),
    Kernel("prune_sparsegpt", "the factor of the inverse", "algorithm",
           "The inverse is made first, as in the paper; last bits of the factor differ (PRUNE-7.8).",
           _sparsegpt(_factor_of_the_inverse)),
    *for_each("order", "errors in another order", "Errors are sums whose order is open (QUANT-9.6).",
              _errors_in(np.float64), "quantize_gptq", "quantize_clip", "quantize_awq", "quantize_adaround"),
    Kernel("prune_sparsegpt", "the factor in float32", "bits",
           "The Hessian is inverted in float32, which loses half of the digits.", _sparsegpt(_narrow_factor)),
    Kernel("prune_obs", "steps sorted by their own loss", "rule",
           "A cheap step counts before the dear one that it follows in its row (PRUNE-7.6).", _losses_sorted),
    Kernel("prune_obs", "of equal losses the lowest row", "rule",
           "A stable sort takes the first row of equal ones; the rule takes the highest (PRUNE-7.6).",
           _lowest_row_first),
    Kernel("prune_obs", "solved in float32", "bits",
           "The last solve is float32, which loses digits to the condition of the Hessian.", _moved_in_float32),
    *for_each("bits", "errors in float32", "The errors are summed in float32 (QUANT-9.6).",
              _errors_in(_F), "quantize_gptq", "quantize_clip", "quantize_awq", "quantize_adaround"),
    *for_each("promise", "the error before is that after", "One field is filled in twice (QUANT-9.1).",
              _before_is_after, "quantize_gptq", "quantize_adaround"),
    Kernel("quantize_clip", "ratios in a geometric sequence", "rule",
           "The ratios are powers of one number; the rule spaces them equally (QUANT-9.3).",
           _ratios(lambda steps, narrowest: np.geomspace(1, narrowest, steps + 1))),
    Kernel("quantize_clip", "one ratio too few", "rule",
           "The ratios end one step before the narrowest (QUANT-9.3).",
           _ratios(lambda steps, narrowest: np.linspace(1, narrowest, steps + 1)[:-1])),
]
