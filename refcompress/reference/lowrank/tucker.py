"""Convolutions through fewer channels on both sides: three convolutions in place of one (Tucker-2)."""

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...errors import ArgumentTypeError
from ...formats import Tucker2
from .convolution import kernels
from .truncated import signed, svd

__all__ = ["lowrank_tucker2"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_tucker2(w: ArrayLike, *, ranks: tuple[int, int], iterations: int = 20) -> Tucker2:
    """Find a near convolution that goes through p channels of outputs and q channels of inputs.

        w[o, i] ~ sum over p, q of outputs[o, p] core[p, q] inputs[i, q],      core = outputs.T w inputs
        in turn: outputs = the first p left singular vectors of w inputs, inputs = the first q of w outputs

    Parameters
    ----------
    w : (m, c, h, w) float32, finite, kernels of at least 1 x 1
    ranks : (p, q), int in [0, m] and in [0, c]
    iterations : int >= 0
        The most turns. They end early where a turn gains less than 2**-40 of ||w||_F**2.

    Returns
    -------
    Tucker2 : outputs and inputs orthonormal, signs as in lowrank_svd; computed in float64, factors rounded once
        The start is the singular vectors of the two unfoldings of w. Each half turn is the exact minimiser given the
        other factor, so the error never rises. It ends in a local minimum.

    **Source** Kim et al. (2016, arXiv 1511.06530); De Lathauwer, De Moor and Vandewalle, On the Best Rank-1 and
    Rank-(R1, R2, ..., RN) Approximation of Higher-Order Tensors (2000) for the start and the turns.

    **Departs** the ranks are given: the paper estimates them by variational Bayes.

    Cost O(m c h w min(m, c h w)) a turn.

    >>> f = lowrank_tucker2(np.ones((4, 3, 5, 5), np.float32), ranks=(1, 1))
    >>> f.core.shape, bool(np.abs(f.dense() - 1).max() < 1e-5)
    ((1, 1, 5, 5), True)
    """
    w, p, q, iterations = tucker2_arguments(w, ranks, iterations)
    outputs, inputs = _leading(w, 0, p), _leading(w, 1, q)
    total, kept = float(np.sum(w * w)), -1.0
    for turn in range(iterations + 1):
        core = _times(_times(w, outputs, 0), inputs, 1)
        energy = float(np.sum(core * core))
        if turn == iterations or energy <= kept + 2.0**-40 * total:
            break
        kept = energy
        outputs = _leading(_times(w, inputs, 1), 0, p)
        inputs = _leading(_times(w, outputs, 0), 1, q)
    outputs, _ = signed(outputs, outputs.T)
    inputs, _ = signed(inputs, inputs.T)
    core = _times(_times(w, outputs, 0), inputs, 1)
    return Tucker2(outputs.astype(np.float32), core.astype(np.float32), inputs.astype(np.float32))


def _leading(w: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """Return the first left singular vectors of w unfolded along an axis; columns of zeros where there are no more."""
    unfolded = np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1)
    u, _, _ = svd(unfolded)
    basis = np.zeros((w.shape[axis], rank))
    basis[:, : min(rank, u.shape[1])] = u[:, :rank]
    return basis


def _times(w: np.ndarray, basis: np.ndarray, axis: int) -> np.ndarray:
    """Return w with its axis multiplied by the transpose of a basis."""
    return np.moveaxis(np.tensordot(w, basis, (axis, 0)), -1, axis)


def tucker2_arguments(w, ranks, iterations) -> tuple[np.ndarray, int, int, int]:
    """Return w in float64, both ranks and the number of turns, or refuse the arguments."""
    w = kernels(w)
    if not isinstance(ranks, tuple | list) or len(ranks) != 2:
        raise ArgumentTypeError("ranks", f"must be a pair of integers, not {ranks!r}")
    p, q = (arguments.integer(rank, f"ranks[{i}]", 0, w.shape[i]) for i, rank in enumerate(ranks))
    return w.astype(np.float64), p, q, arguments.integer(iterations, "iterations", 0)
