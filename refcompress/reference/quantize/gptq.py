"""GPTQ: weights are rounded input by input, and those still to come make up for what the rounding did."""

from dataclasses import replace

import numpy as np

from ... import arguments
from ...constants import LARGEST
from ..prune.curvature import inverse_factor
from .layer import LayerFit, difference, errors, grid, layer_arguments

__all__ = ["quantize_gptq"]

BLOCK = 128  # inputs whose updates wait for each other, so that the rest is read once a block (the paper's B)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_gptq(w, hessian, *, bits=4, scheme="symmetric", axis=0, group=None, scale=None, zero_point=None,
                  damping=0.01, order="given") -> LayerFit:
    """Round a layer's weights one input after another, each time moving the others to where they undo most of it.

        h + damping * mean(diag h) * I = (u.T @ u)**-1, u upper triangular: the Cholesky factor of the inverse Hessian
        for j = 0, 1, ... k - 1:    q_j = round(w_j);  e = (w_j - q_j) / u[j, j];  w_i -= e * u[j, i] for i > j

    Parameters
    ----------
    w, hessian, bits, scheme, axis, group, scale, zero_point : as in :func:`quantize_nearest`
        With ``group``, no given scale and order "given", the scales of a group are those of the weights as they stand
        when the group begins, moved by what was rounded before it.
    damping : float in [0, 1], the share of the mean diagonal that is added to it
    order : "given", from the first input to the last; or "descending", the inputs of largest h[j, j] first (act-order),
        when the others are still free to make up for them

    Returns
    -------
    LayerFit : before is the error of quantize_nearest on the same arguments. The updates are float64; a weight is
        rounded to float32 and then as in quantize_s8, so with a diagonal Hessian the values are exactly those of
        quantize_nearest. A zero of w, such as a pruned weight, stays zero, and the others make up for what it would have been
        moved by (as SparseGPT, section 3.5, quantizes what it prunes). Sums are in BLAS's and LAPACK's order: a weight next to a tie may round otherwise on another
        build of them. Usually after < before, but no law says so.

    Raises
    ------
    ArgumentTypeError, RefcompressError : by name; the hessian, where with damping it is not positive definite.

    **Source** Frantar, Ashkboos, Hoefler & Alistarh, GPTQ (2022, arXiv 2210.17323), section 4, algorithm 1, blocks of
    128; section 5 for groups, whose scales come from the weights as they are by then; "descending" is the authors'
    act-order.

    **Departs** an input that was never active (h[j, j] = 0) is rounded to nearest; the authors' code sets it to 0. Zeros stay
    zeros; there they move like other weights.

    Cost about 2 k**3 + 2 m k**2; memory about 16 (m k + k**2) bytes.

    >>> w, x = np.float32([[0.5, 0.5, 1]]), np.float32([[1, 1, 0], [0, 0, 1]])     # inputs 0 and 1 are always equal
    >>> fit = quantize_gptq(w, x.T.astype(np.float64) @ x, bits=2, damping=1e-6)
    >>> fit.weight.values.tolist()                                # nearest: both 0.5 go to 0, and the output loses 1
    [[0, 1, 1]]
    >>> fit.before, fit.after
    (1.0, 0.0)
    """
    w, h, nearest = layer_arguments(w, hessian, bits, scheme, axis, group, scale, zero_point)
    damping = arguments.real(damping, "damping", 0, 1)
    order = arguments.choice(order, "order", ("given", "descending"))
    m, k = w.shape
    turn = np.argsort(-h.diagonal(), kind="stable") if order == "descending" else np.arange(k)
    group = nearest.group
    refit = group is not None and scale is None and order == "given"
    g = replace(nearest, scale=nearest.scale.copy(), zero_point=nearest.zero_point.copy()) if refit else nearest
    u = feedback(h[np.ix_(turn, turn)], damping)

    current = w.T.astype(np.float64)[turn]  # (k, m), so that an input's weights lie together
    zeros, q = w.T[turn] == 0, np.empty((k, m), np.float32)
    for first in range(0, k, BLOCK):
        last = min(first + BLOCK, k)
        e = np.empty((last - first, m))
        for j in range(first, last):
            if refit and j % group == 0:
                run = current[j : j + group].copy()
                run[last - j :] -= u[first:j, last : j + group].T @ e[: j - first]  # what waits for the block's end
                fresh = grid(run.T.clip(-LARGEST, LARGEST).astype(np.float32), bits, scheme)
                g.scale[:, j // group], g.zero_point[:, j // group] = fresh.scale[:, 0], fresh.zero_point[:, 0]
            s, z = g.column(turn[j])
            q[j] = np.where(zeros[j], z, g.round(current[j].clip(-LARGEST, LARGEST), s, z))
            e[j - first] = (current[j] - s.astype(np.float64) * (q[j] - z)) / u[j, j]
            current[j + 1 : last] -= u[j, j + 1 : last, None] * e[j - first]
        current[last:] -= u[first:last, last:].T @ e

    values = np.empty((m, k), np.float32)
    values[:, turn] = q.T
    weight = g.quantized(values)
    return LayerFit(weight, float(errors(w.astype(np.float64), h).sum()),
                    float(errors(difference(nearest.nearest(w), w), h).sum()),
                    float(errors(difference(weight, w), h).sum()))


def feedback(h: np.ndarray, damping: float) -> np.ndarray:
    """Return u, upper triangular, with u.T @ u = (h + damping * mean(diag h) * I)**-1."""
    silent = h.diagonal() == 0  # coupled to nothing: any positive number leaves these inputs alone
    h = h.copy()
    h[silent, silent] = h.diagonal()[~silent].mean() if not silent.all() else 1
    return inverse_factor(h, damping)
