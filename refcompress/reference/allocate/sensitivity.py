"""What it costs a layer to be compressed: the second-order change of the loss, by three measures of its curvature.

At a minimum of the loss its gradient is zero, and a change d of the weights raises it by about 1/2 dᵀ H d, H the Hessian
(LeCun, Denker, Solla 1990, Optimal Brain Damage). The three differ in what they put for H: the identity (mean squared
error), its mean eigenvalue times the identity (HAWQ-V2), or the diagonal of the Fisher information.
"""

from typing import NamedTuple

import numpy as np

from ... import arguments
from ...constants import LARGEST64
from ...errors import ArgumentTypeError, RefcompressError

__all__ = ["Trace", "allocate_cost", "allocate_fisher", "allocate_trace"]


class Trace(NamedTuple):
    """An estimate of a trace, and the standard error of that estimate (infinite for a single sample)."""

    value: float
    error: float


def allocate_cost(w, versions, *, curvature=1.0) -> np.ndarray:
    """Estimate what each of some compressed versions of a layer's weights adds to the loss.

        cost[j] = 1/2 sum over p of curvature[p] * (versions[j][p] - w[p])**2

    Parameters
    ----------
    w : float32, finite, any shape
    versions : sequence of float32 arrays of w's shape, or of formats whose ``dense()`` is one (Quantized, Shared, ...)
    curvature : float, or float64 array of w's shape; finite, not negative
        1 for the squared error; trace(H) / w.size as in HAWQ-V2; the diagonal that :func:`allocate_fisher` gives.

    Returns
    -------
    (len(versions),) float64, squares and sum in float64: a row of what ``allocate_exact`` calls cost.

    Raises ArgumentTypeError, RefcompressError by name.

    **Source** LeCun, Denker, Solla (1990); HAWQ-V2 (Dong et al. 2020, arXiv 1911.03852), its measure Ω, with the mean
    eigenvalue for curvature. **Departs** the factor 1/2, which HAWQ-V2 leaves out: costs are in units of the loss.
    Cost O(size) a version.

    >>> w = np.float32([1, 2, 4])
    >>> allocate_cost(w, [w, np.float32([1, 2, 3])], curvature=np.float64([1, 1, 6])).tolist()
    [0.0, 3.0]
    """
    w = arguments.finite(arguments.array(w, "w", np.float32), "w")
    if isinstance(curvature, np.ndarray):
        curvature = arguments.finite(arguments.array(curvature, "curvature", np.float64), "curvature")
        if curvature.shape != w.shape:
            raise RefcompressError("curvature", f"must have the shape of w, {w.shape}, not {curvature.shape}")
        arguments.each(curvature, "curvature", curvature >= 0, "must not be negative")
    else:
        curvature = arguments.real(curvature, "curvature", 0, LARGEST64)
    cost = np.empty(len(versions))
    for j, version in enumerate(versions):
        name = f"versions[{j}]"
        dense = arguments.array(version.dense() if hasattr(version, "dense") else version, name, np.float32)
        if dense.shape != w.shape:
            raise RefcompressError(name, f"must have the shape of w, {w.shape}, not {dense.shape}")
        change = arguments.finite(dense, name).astype(np.float64) - w
        cost[j] = 0.5 * np.sum(curvature * change**2)
    return cost


def allocate_trace(product, size, *, samples=50, seed=0) -> Trace:
    """Estimate the trace of a matrix of which only the product with a vector is known.

        trace(H) = E[vᵀ H v],   v of independent entries that are +1 or -1 with probability 1/2

    Parameters
    ----------
    product : function, (size,) float64 -> H v, (size,) float64
    size : int, at least 1: rows of H
    samples, seed : ints; how many v, and the seed they are drawn from (PCG64), at least 1 and 0

    Returns
    -------
    Trace : the mean of the samples, and their standard deviation (of n - 1) over the root of their number. The error is 0
        where H is diagonal: there each sample is the trace.

    Raises ArgumentTypeError, RefcompressError by name; also for a product of another shape or one that is not finite.

    **Source** Hutchinson, A Stochastic Estimator of the Trace of the Influence Matrix (Communications in Statistics
    19, 1990); for the layers' Hessians HAWQ-V2 (Dong et al. 2020, arXiv 1911.03852). **Departs** nothing. Cost
    ``samples`` products.

    >>> h = np.float64([[2, 1], [1, 3]])
    >>> estimate = allocate_trace(lambda v: h @ v, 2, samples=400)
    >>> abs(estimate.value - 5) < 4 * estimate.error
    True
    >>> allocate_trace(lambda v: 3 * v, 4, samples=7)
    Trace(value=12.0, error=0.0)
    """
    size, samples = arguments.integer(size, "size", 1), arguments.integer(samples, "samples", 1)
    rng = np.random.default_rng(arguments.integer(seed, "seed", 0))
    values = np.empty(samples)
    for i in range(samples):
        v = rng.choice(np.float64([-1, 1]), size)
        hv = arguments.finite(arguments.array(product(v.copy()), "product", np.float64, ndim=1), "product")
        if hv.shape != (size,):
            raise RefcompressError("product", f"must return {size} values, not {len(hv)}")
        values[i] = v @ hv
    error = np.std(values, ddof=1) / samples**0.5 if samples > 1 else np.inf
    return Trace(float(values.mean()), float(error))


def allocate_fisher(gradients) -> np.ndarray:
    """Estimate the diagonal of the Fisher information from the gradients of single examples.

        fisher[p] = mean over examples of (d loss / d w[p])**2

    gradients : iterable of float32 or float64 arrays of one shape, one an example, at least one; each is used and let go.
    Returns float64 of that shape, summed in float64 in the order given. With the labels of the data this is what is called
    the empirical Fisher; with labels drawn from the model, the Fisher information itself.
    Raises ArgumentTypeError, RefcompressError by name.

    **Source** Theis et al., Faster Gaze Prediction with Dense Networks and Fisher Pruning (2018, arXiv 1801.05787),
    Fisher pruning. **Departs** nothing. Cost O(size) an example.

    >>> allocate_fisher([np.float32([1, 2]), np.float32([-3, 0])]).tolist()
    [5.0, 2.0]
    """
    try:
        gradients = iter(gradients)
    except TypeError:
        raise ArgumentTypeError("gradients", f"must be iterable, not {type(gradients).__name__}") from None
    total, count = None, 0
    for i, gradient in enumerate(gradients):
        name = f"gradients[{i}]"
        g = arguments.finite(arguments.array(gradient, name, np.float32, np.float64), name)
        if total is not None and g.shape != total.shape:
            raise RefcompressError(name, f"must have the shape of the others, {total.shape}, not {g.shape}")
        total = np.square(g, dtype=np.float64) if total is None else total + np.square(g, dtype=np.float64)
        count += 1
    if count == 0:
        raise RefcompressError("gradients", "must hold at least one")
    return total / count
