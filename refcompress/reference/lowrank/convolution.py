"""Convolutions of low rank: two convolutions in place of one, as the channel or the spatial scheme has it."""

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...errors import RefcompressError
from ...formats import LowRankConv
from .truncated import lowrank_svd

__all__ = ["lowrank_conv"]

SCHEMES = ("channel", "spatial")


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_conv(w: ArrayLike, *, scheme: str, rank: int | None = None, energy: float | None = None,
                 error: float | None = None, nbytes: int | None = None) -> LowRankConv:
    """Find the nearest convolution that is two convolutions in a row with r channels between them.

        channel: the kernels as a matrix (m, c h w);      h x w to r channels, then 1 x 1 to the m outputs
        spatial: the kernels as a matrix (c h, m w);      h x 1 to r channels, then 1 x w to the m outputs

    Parameters
    ----------
    w : (m, c, h, w) float32, finite, kernels of at least 1 x 1
    scheme : "channel" or "spatial"
    rank, energy, error, nbytes : exactly one, as in lowrank_svd of that matrix
        The factors of rank r have 4 r bytes for each of its rows and columns, and 4 r more.

    Returns
    -------
    LowRankConv : the factors of lowrank_svd; s is taken into the first convolution, u s and vt are float32
        The error is the root of the sum of the squared singular values left out, as that of lowrank_svd. No other pair
        of convolutions of these sizes and r channels is nearer.

    **Source** Jaderberg, Vedaldi and Zisserman (2014, arXiv 1405.3866) for the spatial scheme; Zhang et al. (2015,
    arXiv 1505.06798) for the channel scheme; both as matrices: Tai et al. (2015, arXiv 1511.06067).

    **Departs** nothing.

    Cost that of lowrank_svd of the matrix.

    >>> w = np.ones((4, 3, 5, 5), np.float32)
    >>> f = lowrank_conv(w, scheme="spatial", energy=0.99)
    >>> f.first.shape, f.second.shape, bool(np.abs(f.dense() - 1).max() < 1e-5)
    ((1, 3, 5, 1), (4, 1, 1, 5), True)
    """
    w, scheme = conv_arguments(w, scheme)
    m, c, h, width = w.shape
    matrix = w.reshape(m, -1).T if scheme == "channel" else w.transpose(1, 2, 0, 3).reshape(c * h, m * width)
    f = lowrank_svd(np.ascontiguousarray(matrix), rank=rank, energy=energy, error=error, nbytes=nbytes)
    first = np.ascontiguousarray((f.u * f.s).T)
    if scheme == "channel":
        return LowRankConv(first.reshape(-1, c, h, width), np.ascontiguousarray(f.vt.T)[:, :, None, None])
    second = f.vt.reshape(-1, m, width).transpose(1, 0, 2)
    return LowRankConv(first.reshape(-1, c, h)[..., None], np.ascontiguousarray(second)[:, :, None, :])


def conv_arguments(w, scheme) -> tuple[np.ndarray, str]:
    """Return both, or refuse them; lowrank_svd checks the others."""
    return kernels(w), arguments.choice(scheme, "scheme", SCHEMES)


def kernels(w) -> np.ndarray:
    """Return the kernels of a convolution, or refuse them."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=4), "w")
    if 0 in w.shape[2:]:
        raise RefcompressError("w", f"must have kernels of at least 1 x 1, not {w.shape[2]} x {w.shape[3]}")
    return w
