"""Low rank in front of a ReLU: its singular values, and the matrix of a rank that serves a layer's outputs best."""

import math
from dataclasses import dataclass

import numpy as np

from ... import arguments
from ...errors import RefcompressError
from ...formats import LowRank
from .truncated import lowrank_svd, signed, svd
from .whitened import lowrank_whitened
from ..hessian import quantize_hessian

__all__ = ["ReluValues", "lowrank_relu_values", "lowrank_relu"]

STARTS, STEPS = 4, 60  # of the ascents that look for a bad input


@dataclass(frozen=True, eq=False)
class ReluValues:
    """The ReLU singular values s[0] >= s[1] >= ... of a matrix: bounds, and an estimate between them, float64.

    lower <= s <= upper, for each k from 0 to min(m, k); witness : unit inputs (k, min(m, k) + 1), at column r one at which
    the truncated matrix of rank r errs by at least ``attained``[r] (so no better bound holds for that matrix).
    """

    lower: np.ndarray
    estimate: np.ndarray
    upper: np.ndarray
    attained: np.ndarray
    witness: np.ndarray

    def rank(self, tolerance) -> int:
        """Return the smallest rank whose value is estimated to be at most ``tolerance`` (in [0, 1]) times the first."""
        tolerance = arguments.real(tolerance, "tolerance", 0, 1)
        return int(np.argmax(self.estimate <= tolerance * self.estimate[0]))


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_relu_values(w, *, seed=0) -> ReluValues:
    """Bound and estimate the ReLU singular values of a matrix.

        s[r] = min over l of rank at most r of max over |x| <= 1 of ||relu(w x) - relu(l x)||

        sigma[r] / sqrt(2) <= s[r] <= sigma[r]        (sigma[0] >= sigma[1] ... the singular values; one more, 0, at the end)

    The upper bound: relu is 1-Lipschitz, and the truncated matrix of rank r errs by sigma[r] before it. The lower bound: any
    l of rank r has a kernel in which some unit y has ||w y|| >= sigma[r]; there relu(l y) = relu(-l y) = 0, and
    ||relu(w y)||**2 + ||relu(-w y)||**2 = ||w y||**2, so at y or at -y the error is at least ||w y|| / sqrt(2).

    w : (m, k) float32, finite. seed : int in [0, 2**63), of the inputs from which the ascents start (besides the singular
    vectors that a rank leaves out, both ways).

    Returns ReluValues, float64: the singular values as LAPACK has them, so the bounds hold but for about m k 2**-53 of
    sigma[0]. ``attained`` is the largest error of the truncated matrix that an ascent found (x = the normalised gradient,
    the steps that raise it); ``estimate`` the larger of it and the lower bound, made not to rise with r. Every value is the
    same for w and w with rows in another order, and is multiplied by 2**j with it.

    Raises ArgumentTypeError, RefcompressError by name; NaN and infinities by index.

    **Source** Dittmer, King & Maass, Singular Values for ReLU Layers (2019, arXiv 1812.02566), the definition. **Departs** the
    lower bound is ours; theirs are not used.
    Cost O(m k min(m, k)) for the values, and about 500 m k for each rank.

    >>> v = lowrank_relu_values(np.float32([[3, 0], [0, -2]]))
    >>> v.upper.tolist(), v.attained.round(6).tolist()
    ([3.0, 2.0, 0.0], [3.0, 2.0, 0.0])
    """
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w").astype(np.float64)
    words = np.random.PCG64(arguments.integer(seed, "seed", 0))
    u, sigma, vt = svd(w)
    count = len(sigma) + 1
    upper = np.append(sigma, 0.0)
    random = (words.random_raw(w.shape[1] * STARTS) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1
    attained, witness = np.zeros(count), np.zeros((w.shape[1], count))
    for r in range(count - 1):
        left = vt[r : r + 2].T  # the directions that the rank leaves out first
        starts = np.hstack([left, -left, random.reshape(w.shape[1], STARTS)])
        x, error = _worst(w, (u[:, :r] * sigma[:r]) @ vt[:r], starts)
        attained[r], witness[:, r] = min(error, upper[r]), x
    lower = upper / math.sqrt(2)
    estimate = np.minimum.accumulate(np.maximum(lower, attained))
    return ReluValues(lower, estimate, upper, attained, witness)


def _worst(w, narrow, x):
    """Return the unit input with the largest error that ascents from the columns of x find, and that error."""
    x = x / np.maximum(np.linalg.norm(x, axis=0), np.finfo(np.float64).tiny)
    best, error = x, _error(w, narrow, x)
    for _ in range(STEPS):
        a, b = w @ best, narrow @ best
        gap = np.maximum(a, 0) - np.maximum(b, 0)
        gradient = w.T @ (gap * (a > 0)) - narrow.T @ (gap * (b > 0))
        x = gradient / np.maximum(np.linalg.norm(gradient, axis=0), np.finfo(np.float64).tiny)
        found = _error(w, narrow, x)
        higher = found > error * (1 + 1e-9)
        if not higher.any():
            break
        best, error = np.where(higher, x, best), np.where(higher, found, error)
    at = int(np.argmax(error))
    return best[:, at], float(error[at])


def _error(w, narrow, x) -> np.ndarray:
    return np.linalg.norm(np.maximum(w @ x, 0) - np.maximum(narrow @ x, 0), axis=0)


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def lowrank_relu(w, x, *, rank=None, tolerance=None, bias=None, ridge=0.05, iterations=30) -> LowRank:
    """Find a matrix of a given rank that serves a trained layer y = relu(w x + b) best on its inputs, and stays near w.

        minimise ||relu(x @ w.T + b) - relu(x @ l.T + b)||_F**2 + lambda ||w - l||_F**2 over l of that rank
        lambda = ridge * mean of the diagonal of x.T @ x
        in turn, with z = x @ l.T + b and y = x @ w.T + b:    t = y where y > 0 and z > 0,  min(z, 0) where y <= 0,  else z
                                                              l = argmin ||x @ l.T + b - t||_F**2 + lambda ||w - l||_F**2
        with h = x.T @ x + lambda = s s.T  and  g = ((t - b).T @ x + lambda w) h**-1:    l = p_r p_r.T g,   g s = p d q.T

    What the ReLU cuts off need not be kept: a target below zero is wherever the fit has it. ||z' - t||**2 lies above the
    first term for every z' (but for a constant) and touches it at z, so the objective never rises. g is the minimiser of all
    ranks, from which the objective of the step rises by ||(g - l) s||_F**2: so its best of rank r is Eckart and Young's, as
    in lowrank_whitened.

    Why the ridge: an output that is below zero on all calibration inputs but a few asks for next to nothing, and there are
    other matrices than w that serve so few inputs as well. Without it the fit is lost on new inputs, the more the fewer
    inputs there are to a weight; with it l is near w where the inputs do not say otherwise.

    Parameters
    ----------
    w : (m, k) float32, finite; x : (n, k) float32, finite, the calibration inputs
    rank : int in [0, min(m, k)], or tolerance : float in [0, 1], the rank that ReluValues.rank gives; exactly one
    bias : (m,) float32, or None for 0
    ridge : float in [0, 1e6], the pull towards w, in units of the mean second moment of an input; 0 for none
    iterations : int >= 0, the most turns; they end early where one gains less than 2**-20 of the objective.

    Returns
    -------
    LowRank, in the normal form of lowrank_svd, computed in float64, factors rounded once. It starts from the better of
        lowrank_svd and lowrank_whitened, and of all that it met, rounded, the one of the least objective is returned: never
        above that of either of the two at equal rank.

    Raises ArgumentTypeError, RefcompressError by name; NaN and infinities by index.

    **Source** ranks after training by ReLU singular values: Dittmer, King & Maass (2019); the nonlinear fit: Zhang et al.,
    Accelerating Very Deep Convolutional Networks (2015, arXiv 1505.06798), section on the nonlinear case.
    **Departs** Zhang et al. relax the problem with auxiliary outputs and a penalty; here a majorising target replaces both.
    The ridge is ours.
    Cost O(n m k + k**3) a turn. Ctrl-C is answered between the calls of LAPACK only.

    >>> rng = np.random.default_rng(0)
    >>> w, x = (rng.standard_normal(shape, dtype=np.float32) for shape in ((6, 5), (40, 5)))
    >>> def lost(f): return float(((np.maximum(x @ w.T, 0) - np.maximum(x @ f.dense().T, 0)) ** 2).sum())
    >>> lost(lowrank_relu(w, x, rank=2)) < lost(lowrank_svd(w, rank=2))
    True
    """
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    m, k = w.shape
    x = arguments.finite(arguments.array(x, "x", np.float32, ndim=2), "x")
    if x.shape[1] != k:
        raise RefcompressError("x", f"must have a column for each of the {k} inputs of w, not {x.shape[1]}")
    if bias is None:
        bias = np.zeros(m, np.float32)
    bias = arguments.finite(arguments.array(bias, "bias", np.float32, ndim=1), "bias")
    if len(bias) != m:
        raise RefcompressError("bias", f"must have an entry for each of the {m} outputs of w, not {len(bias)}")
    ridge = arguments.real(ridge, "ridge", 0, 1e6)
    iterations = arguments.integer(iterations, "iterations", 0)
    if arguments.exactly_one(rank=rank, tolerance=tolerance) == "tolerance":
        rank = lowrank_relu_values(w).rank(tolerance)
    rank = arguments.integer(rank, "rank", 0, min(m, k))

    h = quantize_hessian(x)
    pull = ridge * float(np.mean(np.diagonal(h))) if k else 0.0
    inputs, b, wide = x.astype(np.float64), bias.astype(np.float64), w.astype(np.float64)
    y = inputs @ wide.T + b
    aim = np.maximum(y, 0)

    def objective(f: LowRank) -> tuple[float, np.ndarray]:
        us, vt = f.u.astype(np.float64) * f.s, f.vt.astype(np.float64)
        z = (inputs @ vt.T) @ us.T + b
        return float(np.sum((aim - np.maximum(z, 0)) ** 2) + pull * np.sum((wide - us @ vt) ** 2)), z

    candidates = [lowrank_svd(w, rank=rank), lowrank_whitened(w, h, rank=rank)]
    best = min(candidates, key=lambda f: objective(f)[0])
    error, z = objective(best)
    lam, e = np.linalg.eigh(h) if k else (np.empty(0), np.empty((0, 0)))
    lam = lam + pull
    used = lam > k * 2.0**-50 * lam.max(initial=0)
    root, e = np.sqrt(lam[used]), e[:, used]  # x.T @ x + pull = (e root)(e root).T; without a pull, on the inputs that occurred
    for _ in range(iterations):
        target = np.where(y > 0, np.where(z > 0, y, z), np.minimum(z, 0))
        fit = (e / root).T @ (inputs.T @ (target - b) + pull * wide.T)  # root * e.T @ g.T
        _, _, q = svd(fit)
        g = ((e / root) @ fit).T
        found = _normal(q[:rank].T @ (q[:rank] @ g), rank)
        lower, z_found = objective(found)
        if lower >= error * (1 - 2.0**-20):
            break
        best, error, z = found, lower, z_found
    return best


def _normal(l: np.ndarray, rank: int) -> LowRank:
    """Return the float64 matrix l, of this rank, in lowrank_svd's form."""
    u, s, vt = svd(l)
    u, s, vt = (a.astype(np.float32) for a in (u[:, :rank], s[:rank], vt[:rank]))
    u, vt = signed(u, vt)
    return LowRank(u, s, vt)
