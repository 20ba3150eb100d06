"""Layers whose Hessian is known: GPTQ and SparseGPT in C, a tile of rows at a time, OBS a row at a time.

Factors, errors and what chooses among all rows are NumPy's.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import Quantized
from ..reference.hessian import inverse_factor
from ..reference.prune.obs import cheapest, obs_arguments, optimum
from ..reference.prune.sparsegpt import count_pruned, sparsegpt_arguments, within_float32
from ..reference.quantize.awq import awq_arguments, search
from ..reference.quantize.clip import clip_arguments, least_scale
from ..reference.quantize.gptq import gptq_arguments
from ..reference.quantize.integers import limits
from ..reference.quantize.layer import LayerFit, nearest
from . import threads
from ._call import check, empty, pointer
from ._kernels import lib

__all__ = ["quantize_gptq", "quantize_clip", "quantize_awq", "prune_sparsegpt", "prune_obs"]

# Products and differences of doubles a second and thread, over those that a row of floats has: of row.speed.
SPEED = 2
REMOVAL = 5000  # products that take as long as what a removal costs beside its own


def quantize_gptq(kernel, row):
    """Return the operation quantize_gptq computed by a C kernel."""

    @wraps(reference.quantize_gptq)
    @np.errstate(all="ignore")
    def quantize_gptq(w, hessian, *, bits=4, scheme="symmetric", axis=0, group=None, scale=None, zero_point=None,
                      damping=0.01, order="given"):
        w, h, nearest, damping, turns, refit = gptq_arguments(
            w, hessian, bits, scheme, axis, group, scale, zero_point, damping, order)
        (m, k), group = w.shape, nearest.group
        u = panels(inverse_factor(h[np.ix_(turns, turns)], damping))
        values = np.empty(w.shape, np.int8)
        scale, zero_point = (a.copy() for a in (nearest.scale, nearest.zero_point))
        length = min(group or (1 if scale.shape[1] > 1 else k), k)
        stride = scale.shape[1] if len(scale) > 1 or m == 1 else 0
        operands = (k, length, stride, refit, *limits(int(bits), scheme), pointer(w), pointer(u), pointer(turns),
                    pointer(scale, writable=True), pointer(zero_point, writable=True))

        def some(begin, end):
            moved, done = room(end - begin, k), np.zeros(len(u), np.uint64)
            check(kernel(begin, end, *operands, *(pointer(a, writable=True) for a in (moved, done, values))), "w")

        if w.size:
            threads.run(some, m, m * k**2 / 2 / (SPEED * row.speed), lib.RC_TILE)
        return LayerFit.of(w, h, Quantized(values, scale, zero_point, group), nearest)

    return quantize_gptq


def quantize_clip(quantize_s8):
    """Return the operation quantize_clip: the reference's search, whose weights are rounded by a C kernel."""

    @wraps(reference.quantize_clip)
    @np.errstate(all="ignore")
    def quantize_clip(w, hessian, *, bits=4, scheme="symmetric", group=None, steps=20, narrowest=0.5):
        w, h, wide, steps, narrowest = clip_arguments(w, hessian, bits, scheme, group, steps, narrowest)
        scale = least_scale(w, h, wide, bits, scheme, steps, narrowest, quantize_s8)
        fitted = nearest(w, bits, scheme, 0, group, scale, wide.zero_point, quantize_s8)
        return LayerFit.of(w, h, fitted, wide)

    return quantize_clip


def quantize_awq(quantize_s8, quantize_clip):
    """Return the operation quantize_awq: the reference's search, whose weights are rounded by a C kernel."""

    @wraps(reference.quantize_awq)
    @np.errstate(all="ignore")
    def quantize_awq(w, x, *, bits=4, scheme="symmetric", axis=0, group=None, steps=20, clip=True):
        arguments = awq_arguments(w, x, bits, scheme, axis, group, steps, clip)
        return search(*arguments, quantize_s8, quantize_clip)

    return quantize_awq


def prune_sparsegpt(kernel, row):
    """Return the operation prune_sparsegpt computed by a C kernel, block by block where rows are chosen together."""

    @wraps(reference.prune_sparsegpt)
    @np.errstate(all="ignore")
    def prune_sparsegpt(w, hessian, *, sparsity=None, n=None, m=None, block=128, damping=0.01):
        w, factor, sparsity, n, m, block = sparsegpt_arguments(w, hessian, sparsity, n, m, block, damping)
        (rows, k), u, diagonal = w.shape, panels(factor), factor.diagonal().copy()
        mask, weights = np.empty(w.shape, bool), np.empty(w.shape, np.float32)

        def step(first, last, following, moved=None):
            """Prune the columns first .. last - 1; ``moved`` holds what goes on to the next step, if there is one."""
            def some(begin, end):
                tiles = room(end - begin, k) if moved is None else moved[begin // lib.RC_TILE :]
                scores = np.empty((min(m or 0, k), lib.RC_TILE))
                state = (tiles, np.zeros(len(u), np.uint64), scores, mask.view(np.uint8), weights)
                check(kernel(begin, end, k, first, last, following, m or 0, n or 0, pointer(w), pointer(u),
                             *(pointer(a, writable=True) for a in state)), "w")

            products = (last - first) * (first + last) / 2 + (following - last) * last
            threads.run(some, rows, rows * products / (SPEED * row.speed), lib.RC_TILE)

        if w.size and m is not None:
            n, m = (n, m) if m <= k else (-(-n * k // m), k)  # a group is at most the row
            step(0, k, k)
        elif w.size:
            moved = room(rows, k)
            now = w[:, :block].astype(np.float64)
            for i in range(0, k, block):
                end, after = min(i + block, k), min(i + 2 * block, k)
                pruned = count_pruned(sparsity, rows * end) - count_pruned(sparsity, rows * i)
                mask[:, i:end] = largest((now / diagonal[i:end]) ** 2, now.size - pruned)
                step(i, end, after, moved)
                now = moved[:, end:after].transpose(0, 2, 1).reshape(len(moved) * lib.RC_TILE, after - end)[:rows]
        within_float32(weights)
        return mask, weights

    return prune_sparsegpt


def largest(scores: np.ndarray, keep: int) -> np.ndarray:
    """Return the mask of the ``keep`` largest scores; ties go to the lowest index."""
    if keep == 0:
        return np.zeros(scores.shape, bool)
    threshold = np.partition(scores, scores.size - keep, axis=None)[scores.size - keep]
    kept = scores > threshold
    kept.flat[np.flatnonzero(scores == threshold)[: keep - np.count_nonzero(kept)]] = True
    return kept


def panels(u: np.ndarray) -> np.ndarray:
    """Return the upper triangle of u cut into panels of RC_PANEL columns, as the kernels read it."""
    k, width = len(u), lib.RC_PANEL
    cut = empty((-(-k // width), k, width), np.float64)
    for p, panel in enumerate(cut):
        some = u[: (p + 1) * width, p * width : (p + 1) * width]
        panel[: len(some), : some.shape[1]], panel[: len(some), some.shape[1] :] = some, 0
    return cut


def room(rows: int, k: int) -> np.ndarray:
    """Return the memory in which the kernels keep what so many rows are moved by."""
    return empty((-(-rows // lib.RC_TILE), -(-k // lib.RC_PANEL) * lib.RC_PANEL, lib.RC_TILE), np.float64)


def prune_obs(kernel, row):
    """Return the operation prune_obs: its removals by a C kernel, the weights of the chosen masks by LAPACK."""

    @wraps(reference.prune_obs)
    @np.errstate(all="ignore")
    def prune_obs(w, hessian, *, sparsity=None, keep=None, damping=0.01):
        w, h, inverse, pruned = obs_arguments(w, hessian, sparsity, keep, damping)
        m, k = w.shape
        most, least = min(k, pruned), 1 / h.diagonal()
        order, loss = np.empty((m, most), np.int64), np.empty((m, most))
        inverse = np.ascontiguousarray(inverse)
        operands = k, most, pointer(w), pointer(inverse), pointer(least)

        def some(begin, end):
            columns = (-(-k // lib.RC_OBS_COLUMNS) | 1) * lib.RC_OBS_COLUMNS
            state = np.empty((2 * most + 5, columns)), np.empty(2 * k, np.uint32)
            check(kernel(begin, end, *operands, *(pointer(a, writable=True) for a in (*state, order, loss))), "w")

        if order.size:
            threads.run(some, m, m * most * (most * k / 2 + REMOVAL) / (SPEED * row.speed))
        mask = cheapest(order, loss, pruned, k)
        return mask, optimum(w, mask, h)

    return prune_obs
