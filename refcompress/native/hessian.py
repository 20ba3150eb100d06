"""Layers whose Hessian is known: GPTQ in C, a tile of rows at a time; the factors and the errors are the reference's.

In prune_obs the columns that removals take off the inverse are kept, not a matrix that changes.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats import Quantized
from ..reference.hessian import inverse_factor
from ..reference.prune.obs import cheapest, obs_arguments, optimum
from ..reference.quantize.gptq import gptq_arguments
from ..reference.quantize.integers import limits
from ..reference.quantize.layer import LayerFit
from . import threads
from ._call import check, empty, pointer
from ._kernels import lib

__all__ = ["quantize_gptq", "prune_obs"]

# Products and differences of doubles a second and thread, over those that a row of floats has: of row.speed.
SPEED = 2


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
            moved = room(end - begin, k)
            check(kernel(begin, end, *operands, pointer(moved, writable=True), pointer(values, writable=True)), "w")

        if w.size:
            threads.run(some, m, m * k**2 / 2 / (SPEED * row.speed), lib.RC_TILE)
        return LayerFit.of(w, h, Quantized(values, scale, zero_point, group), nearest)

    return quantize_gptq


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


@wraps(reference.prune_obs)
@np.errstate(all="ignore")
def prune_obs(w, hessian, *, sparsity=None, keep=None, damping=0.01):
    w, h, inverse, pruned = obs_arguments(w, hessian, sparsity, keep, damping)
    n, k = w.shape
    most, least = min(k, pruned), 1 / h.diagonal()
    order, loss = np.empty((n, most), dtype=np.int64), np.empty((n, most))
    for i in range(n):
        order[i], loss[i] = surgery(w[i].astype(np.float64), inverse, least, most)
    mask = cheapest(order, loss, pruned, k)
    return mask, optimum(w, mask, h)


def surgery(w: np.ndarray, inverse: np.ndarray, least: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Remove ``count`` weights of one row; return their indices in order, and the rise of the loss at each step.

    Each removal takes c c.T off the inverse, c = h^-1 e_q / sqrt([h^-1]_qq). Only its diagonal and one row a step are
    needed, so the c are kept: a step reads those before it, not k**2 numbers, and writes k.
    """
    diagonal, stays, last = inverse.diagonal().copy(), np.ones(len(w), dtype=bool), len(w) - 1
    taken, order, loss = np.empty((count, len(w))), np.empty(count, dtype=np.int64), np.empty(count)
    for step in range(count):
        saliency = np.where(stays, w**2 / (2 * diagonal), np.inf)
        q = last - int(np.argmin(saliency[::-1]))
        c = stays * (inverse[q] - taken[:step, q] @ taken[:step]) / np.sqrt(diagonal[q])
        w = w - w[q] / np.sqrt(diagonal[q]) * c
        diagonal = np.maximum(diagonal - c**2, least)
        order[step], loss[step], taken[step], stays[q] = q, saliency[q], c, False
    return order, loss
