"""Low rank in front of a ReLU: the matrix of a rank that serves a layer's outputs best on its calibration inputs."""

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...errors import RefcompressError
from ...formats import LowRank
from ..hessian import quantize_hessian
from .relu_values import lowrank_relu_values
from .truncated import lowrank_svd, signed, svd
from .whitened import lowrank_whitened

__all__ = ["lowrank_relu"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_relu(w: ArrayLike, x: ArrayLike, *, rank: int | None = None, tolerance: float | None = None,
                 bias: ArrayLike | None = None, ridge: float = 0.05, iterations: int = 30) -> LowRank:
    """Find a matrix of a given rank that serves a trained layer y = relu(w x + b) best on its inputs, and stays near w.

        minimise ||relu(x @ w.T + b) - relu(x @ l.T + b)||_F**2 + lambda ||w - l||_F**2 over l of that rank
        lambda = ridge * mean of the diagonal of x.T @ x

        in turn, with z = x @ l.T + b and y = x @ w.T + b:
            t = y where y > 0 and z > 0,    min(z, 0) where y <= 0,    z elsewhere
            l = argmin ||x @ l.T + b - t||_F**2 + lambda ||w - l||_F**2

        the second, with h = x.T @ x + lambda = s s.T and g = ((t - b).T @ x + lambda w) h**-1:
            l = p_r p_r.T g,    g s = p d q.T

    What the ReLU cuts off need not be kept: a negative target is replaced by the current fit. For every z' the distance
    ||z' - t||**2 is above the first term (but for a constant), and it touches that at z. So the objective never rises.
    g is the minimiser over all ranks. The objective of the step rises from there by ||(g - l) s||_F**2, so the best l
    of rank r is that of Eckart and Young, as in lowrank_whitened.

    The ridge is for outputs that are below zero on all but a few calibration inputs. They ask for next to nothing, and
    many matrices far from w serve so few inputs as well. Without the ridge the fit fails on new inputs, the more the
    fewer inputs there are to a weight. With it l is near w where the inputs do not say otherwise.

    Parameters
    ----------
    w : (m, k) float32, finite
    x : (n, k) float32, finite, the calibration inputs
    rank : int in [0, min(m, k)], or tolerance : float in [0, 1], which gives the rank by ReluValues.rank; exactly one
    bias : (m,) float32, or None for 0
    ridge : float in [0, 1e6]
        The pull towards w, in units of the mean second moment of an input; 0 for none.
    iterations : int >= 0
        The most turns. They end early where a turn gains less than 2**-20 of the objective.

    Returns
    -------
    LowRank : in the form of lowrank_svd, computed in float64, factors rounded once
        The start is the better of lowrank_svd and lowrank_whitened. The result is the best of all fits, after rounding:
        its objective is never above that of either of the two at equal rank.

    **Source** ranks after training by ReLU singular values: Dittmer, King & Maass (2019, arXiv 1812.02566); the
    nonlinear fit: Zhang et al., Accelerating Very Deep Convolutional Networks (2015, arXiv 1505.06798), its nonlinear
    case.

    **Departs** Zhang et al. relax the problem with auxiliary outputs and a penalty; here a majorising target replaces
    both. The ridge is ours.

    Cost O(n m k + k**3) a turn. Ctrl-C is answered between the calls of LAPACK only.

    >>> rng = np.random.default_rng(0)
    >>> w, x = (rng.standard_normal(shape, dtype=np.float32) for shape in ((6, 5), (40, 5)))
    >>> def lost(f): return float(((np.maximum(x @ w.T, 0) - np.maximum(x @ f.dense().T, 0)) ** 2).sum())
    >>> lost(lowrank_relu(w, x, rank=2)) < lost(lowrank_svd(w, rank=2))
    True
    """
    w, x, bias, ridge, iterations, rank = relu_arguments(w, x, bias, ridge, iterations, rank, tolerance)
    k, h = w.shape[1], quantize_hessian(x)
    pull = ridge * float(np.mean(np.diagonal(h))) if k else 0.0
    wide, inputs, b = w.astype(np.float64), x.astype(np.float64), bias.astype(np.float64)
    y = inputs @ wide.T + b

    def objective(f: LowRank) -> tuple[float, np.ndarray]:
        us, vt = f.u.astype(np.float64) * f.s, f.vt.astype(np.float64)
        z = (inputs @ vt.T) @ us.T + b
        lost = np.sum((np.maximum(y, 0) - np.maximum(z, 0)) ** 2)
        return float(lost + pull * np.sum((wide - us @ vt) ** 2)), z

    best = min(lowrank_svd(w, rank=rank), lowrank_whitened(w, h, rank=rank), key=lambda f: objective(f)[0])
    error, z = objective(best)
    lam, e = np.linalg.eigh(h) if k else (np.empty(0), np.empty((0, 0)))
    lam = lam + pull
    used = lam > k * 2.0**-50 * lam.max(initial=0)  # without a pull, only the inputs that occurred
    root, e = np.sqrt(lam[used]), e[:, used]  # h = (e root) (e root).T
    for _ in range(iterations):
        target = np.where(y > 0, np.where(z > 0, y, z), np.minimum(z, 0))
        fit = (e / root).T @ (inputs.T @ (target - b) + pull * wide.T)  # root * e.T @ g.T = (g s).T
        _, _, p = svd(fit)
        p, g = p[:rank], ((e / root) @ fit).T
        found = _form(p, p @ g)
        lower, z_found = objective(found)
        if lower >= error * (1 - 2.0**-20):
            break
        best, error, z = found, lower, z_found
    return best


def _form(p: np.ndarray, c: np.ndarray) -> LowRank:
    """Return the float64 matrix p.T @ c, the rows of p orthonormal, in the form of lowrank_svd."""
    u, s, vt = svd(c)  # of as many rows as the rank: p.T @ c itself would cost a decomposition of all of it
    u, s, vt = (a.astype(np.float32) for a in (p.T @ u, s, vt))
    u, vt = signed(u, vt)
    return LowRank(u, s, vt)


def relu_arguments(
        w, x, bias, ridge, iterations, rank, tolerance,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, int, int]:
    """Return w, x, the bias (zeros for None), ridge, iterations and the rank, or refuse the arguments."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    m, k = w.shape
    x = arguments.finite(arguments.array(x, "x", np.float32, ndim=2), "x")
    if x.shape[1] != k:
        raise RefcompressError("x", f"must have a column for each of the {k} inputs of w, not {x.shape[1]}")
    bias = np.zeros(m, np.float32) if bias is None else bias
    bias = arguments.finite(arguments.array(bias, "bias", np.float32, ndim=1), "bias")
    if len(bias) != m:
        raise RefcompressError("bias", f"must have an entry for each of the {m} outputs of w, not {len(bias)}")
    ridge = arguments.real(ridge, "ridge", 0, 1e6)
    iterations = arguments.integer(iterations, "iterations", 0)
    if arguments.exactly_one(rank=rank, tolerance=tolerance) == "tolerance":
        rank = lowrank_relu_values(w).rank(tolerance)
    return w, x, bias, ridge, iterations, arguments.integer(rank, "rank", 0, min(m, k))
