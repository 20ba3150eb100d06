"""GPTQ: weights are rounded input by input, and those still to come make up for what the rounding did."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...constants import LARGEST
from ...formats import Quantized
from ..hessian import damping_argument, inverse_factor, move_later
from .integers import limits, quantize_s8
from .layer import LayerFit, layer_arguments

__all__ = ["quantize_gptq"]

BLOCK = 128  # inputs, about, after which the later ones are moved


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_gptq(w: NDArray[np.float32], hessian: NDArray[np.float64], *, bits: int = 4, scheme: str = "symmetric",
                  axis: int | None = 0, group: int | None = None, scale: float | NDArray | None = None,
                  zero_point: int | NDArray | None = None, damping: float = 0.01, order: str = "given") -> LayerFit:
    """Round a layer's weights one input after another, each time moving the others to where they undo most of it.

        (damped h)^-1 = u.T @ u, u upper triangular: the Cholesky factor of the inverse Hessian
        for j = 0, 1, ... k - 1:
            q_j = round(now_j);  e_j = (now_j - q_j) / u[j, j];  now_i -= e_j u[j, i] for all i > j

    Parameters
    ----------
    w, hessian, bits, scheme, axis, group, scale, zero_point : as in :func:`quantize_nearest`
        With ``group``, no given scale and order "given", the scales of a group are those of the weights as they stand
        when the group begins, moved by what was rounded before it.
    damping : float >= 0
        The share of the mean diagonal that is added to the diagonal.
    order : "given" or "descending"
        From the first input to the last; or the inputs of largest h[j, j] first (act-order), when the others are still
        free to make up for them.

    Returns
    -------
    LayerFit
        before is the error of quantize_nearest on the same arguments. now is float64; each product e_j u[j, i] is
        rounded, and each difference, in the order of j. So only u, which LAPACK finds, may differ between machines. A
        weight is rounded to float32 and then as in quantize_s8, so with a diagonal Hessian the values are exactly those
        of quantize_nearest. A zero of w, such as a pruned weight, stays zero, and the others make up for what it would
        have been moved by. Usually after < before, but no law says so.

    Raises
    ------
    RefcompressError : also for a Hessian that is singular in spite of the damping.

    **Source** Frantar, Ashkboos, Hoefler & Alistarh, GPTQ (2022, arXiv 2210.17323), section 4, algorithm 1; zeros that
    stay: SparseGPT (2023), section 3.5.

    **Departs** a dead input is rounded to nearest; the authors' code sets it to 0. Zeros stay zeros; there they move
    like other weights. The order of the sums does not depend on the blocks.

    Cost about k**3 + m k**2, and 3 m k**2 for the errors. Memory beside the arguments, measured at m = k = 2048: 47
    bytes a weight, natively 41.

    >>> w, x = np.float32([[0.5, 0.5, 1]]), np.float32([[1, 1, 0], [0, 0, 1]])     # inputs 0 and 1 are always equal
    >>> fit = quantize_gptq(w, x.T.astype(np.float64) @ x, bits=2, damping=1e-6)
    >>> fit.weight.values.tolist()                                # nearest: both 0.5 go to 0, and the output loses 1
    [[0, 1, 1]]
    >>> fit.before, fit.after
    (1.0, 0.0)
    """
    w, h, nearest, damping, turns, refit = gptq_arguments(
        w, hessian, bits, scheme, axis, group, scale, zero_point, damping, order)
    (lowest, highest), group = limits(int(bits), scheme), nearest.group
    s, z = (np.broadcast_to(nearest.expand(a), w.shape).copy() for a in (nearest.scale, nearest.zero_point))
    u = inverse_factor(h[np.ix_(turns, turns)], damping)
    now, q = w.T[turns].astype(np.float64), np.empty(w.shape)  # now: a row an input, in the order of their turns
    block = BLOCK if not refit else group * max(1, BLOCK // group)
    for first in range(0, len(turns), block):
        last = min(first + block, len(turns))
        for i, j in enumerate(turns[first:last], first):
            if refit and j % group == 0:  # then the order is that given, and i = j
                members = slice(j, j + group)
                fresh = quantize_s8(as_float32(now[members].T), bits=bits, scheme=scheme, axis=0)
                s[:, members], z[:, members] = fresh.scale, fresh.zero_point
            steps = np.rint(as_float32(now[i]) / s[:, j]) + z[:, j]
            q[:, j] = np.where(w[:, j] == 0, z[:, j], np.clip(steps, lowest, highest))
            now[i] = (now[i] - s[:, j].astype(np.float64) * (q[:, j] - z[:, j])) / u[i, i]  # e from here on
            now[i + 1 : last] -= np.outer(u[i, i + 1 : last], now[i])
        move_later(now, u, first, last)

    scale, zero_point = (s[:, ::group], z[:, ::group]) if refit else (nearest.scale, nearest.zero_point)
    return LayerFit.of(w, h, Quantized(q.astype(np.int8), scale, zero_point, group), nearest)


def as_float32(now: np.ndarray) -> np.ndarray:
    """Return moved weights as float32, those beyond it as the largest."""
    return now.clip(-LARGEST, LARGEST).astype(np.float32)


def gptq_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point, damping, order):
    """Return w, h, w rounded to nearest, damping, the order of inputs, whether groups get new scales; or refuse."""
    w, h, nearest = layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point)
    damping, order = damping_argument(damping), arguments.choice(order, "order", ("given", "descending"))
    turns = np.argsort(-h.diagonal(), kind="stable") if order == "descending" else np.arange(len(h))
    return w, h, nearest, damping, turns, group is not None and scale is None and order == "given"
