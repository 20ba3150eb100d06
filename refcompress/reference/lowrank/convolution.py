"""Convolutions of low rank: two in place of one in both usual schemes, and three (Tucker-2)."""

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import LowRankConv, Tucker2
from .truncated import lowrank_svd, signed, svd

__all__ = ["lowrank_conv", "lowrank_tucker2"]

SCHEMES = ("channel", "spatial")


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_conv(w, *, scheme, rank=None, energy=None, error=None, nbytes=None) -> LowRankConv:
    """Find the nearest convolution that is two thinner ones in a row.

        channel: the kernels as a matrix (m, c h w);      h x w to r channels, then 1 x 1 to the m outputs
        spatial: the kernels as a matrix (c h, m w);      h x 1 to r channels, then 1 x w to the m outputs

    w : (m, c, h, w) float32, finite, kernels of at least 1 x 1. scheme : "channel" or "spatial". rank, energy, error,
    nbytes : exactly one, as in lowrank_svd of that matrix (nbytes: 4 r times its rows and columns and one).

    Returns LowRankConv. The factors are those of lowrank_svd with s taken into the first convolution: u s and vt in float32.
    As lowrank_svd's is, the error is the root of the sum of the squared singular values left out; no other pair of
    convolutions of these sizes and r channels is nearer.

    Raises ArgumentTypeError, RefcompressError, LimitError as lowrank_svd.

    **Source** Jaderberg, Vedaldi and Zisserman (2014, arXiv 1405.3866) for the spatial scheme; Zhang et al. (2015,
    arXiv 1505.06798) for the channel scheme; both as matrices: Tai et al. (2015, arXiv 1511.06067). **Departs**
    nothing.

    >>> w = np.ones((4, 3, 5, 5), np.float32)
    >>> f = lowrank_conv(w, scheme="spatial", energy=0.99)
    >>> f.first.shape, f.second.shape, bool(np.abs(f.dense() - 1).max() < 1e-5)
    ((1, 3, 5, 1), (4, 1, 1, 5), True)
    """
    w = kernels(w)
    scheme = arguments.choice(scheme, "scheme", SCHEMES)
    m, c, h, width = w.shape
    matrix = w.reshape(m, -1).T if scheme == "channel" else w.transpose(1, 2, 0, 3).reshape(c * h, m * width)
    f = lowrank_svd(np.ascontiguousarray(matrix), rank=rank, energy=energy, error=error, nbytes=nbytes)
    first = np.ascontiguousarray((f.u * f.s).T)
    if scheme == "channel":
        return LowRankConv(first.reshape(-1, c, h, width), np.ascontiguousarray(f.vt.T)[:, :, None, None])
    second = f.vt.reshape(-1, m, width).transpose(1, 0, 2)
    return LowRankConv(first.reshape(-1, c, h)[..., None], np.ascontiguousarray(second)[:, :, None, :])


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_tucker2(w, *, ranks, iterations=20) -> Tucker2:
    """Find a near convolution that goes through fewer channels on both sides.

        w[o, i] ~ sum over p, q of outputs[o, p] core[p, q] inputs[i, q],      core = outputs.T w inputs
        in turn: outputs = the first singular vectors of w inputs, inputs = those of w outputs

    w : (m, c, h, w) float32, finite. ranks : (p, q), int in [0, m] and [0, c]. iterations : the most turns; they end where
    one gains less than 2**-40 of ||w||_F**2.

    Returns Tucker2, computed in float64, factors rounded once, outputs and inputs orthonormal before that, signs as in
    lowrank_svd. It starts from the singular vectors of the two unfoldings of w; each half turn is the exact minimiser given
    the other factor, so the error never rises. It ends in a local minimum.

    Raises ArgumentTypeError, RefcompressError by name; NaN and infinities by index.

    **Source** Kim et al. (2016, arXiv 1511.06530); De Lathauwer, De Moor and Vandewalle (2000) for the start and the turns.
    **Departs** the ranks are given: the paper estimates them by variational Bayes.

    >>> f = lowrank_tucker2(np.ones((4, 3, 5, 5), np.float32), ranks=(1, 1))
    >>> f.core.shape, bool(np.abs(f.dense() - 1).max() < 1e-5)
    ((1, 1, 5, 5), True)
    """
    w = kernels(w).astype(np.float64)
    if not isinstance(ranks, tuple | list) or len(ranks) != 2:
        raise ArgumentTypeError("ranks", f"must be a pair of integers, not {ranks!r}")
    p = arguments.integer(ranks[0], "ranks[0]", 0, w.shape[0])
    q = arguments.integer(ranks[1], "ranks[1]", 0, w.shape[1])
    iterations = arguments.integer(iterations, "iterations", 0)
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


def kernels(w) -> np.ndarray:
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=4), "w")
    if 0 in w.shape[2:]:
        raise RefcompressError("w", f"must have kernels of at least 1 x 1, not {w.shape[2]} x {w.shape[3]}")
    return w


def _leading(w: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """Return the first left singular vectors of w unfolded along an axis, with columns of zeros where there are no more."""
    unfolded = np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1)
    u, _, _ = svd(unfolded)
    basis = np.zeros((w.shape[axis], rank))
    basis[:, : min(rank, u.shape[1])] = u[:, :rank]
    return basis


def _times(w: np.ndarray, basis: np.ndarray, axis: int) -> np.ndarray:
    """Return w with its axis multiplied by the transpose of a basis."""
    return np.moveaxis(np.tensordot(w, basis, (axis, 0)), -1, axis)
