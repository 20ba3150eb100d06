"""What it costs to compress a layer: the second-order change of the loss, by three measures of its curvature.

At a minimum of the loss its gradient is zero, and a change d of the weights raises the loss by about 1/2 dᵀ H d, with
the Hessian H (LeCun, Denker & Solla, Optimal Brain Damage, 1990). The three measures put something simpler for H: the
identity (mean squared error), its mean eigenvalue times the identity (HAWQ-V2), or the diagonal of the Fisher
information.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...constants import LARGEST64
from ...errors import ArgumentTypeError, RefcompressError

__all__ = ["Trace", "allocate_cost", "allocate_fisher", "allocate_trace"]


class Trace(NamedTuple):
    """An estimate of a trace, and the standard error of that estimate (infinite for a single sample)."""

    value: float
    error: float


def allocate_cost(w: ArrayLike, versions: Sequence[Any], *, curvature: float | ArrayLike = 1.0) -> NDArray[np.float64]:
    """Estimate by how much each compressed version of a layer's weights raises the loss.

        cost[j] = 1/2 sum over p of curvature[p] * (versions[j][p] - w[p])**2

    Parameters
    ----------
    w : float32, finite, any shape
    versions : sequence of float32 arrays of w's shape, or of formats whose ``dense()`` is one (Quantized, Shared, ...)
    curvature : float, or float64 array of w's shape; finite, not negative
        1 for the squared error; trace(H) / w.size as in HAWQ-V2; the diagonal that allocate_fisher returns.

    Returns
    -------
    cost : (len(versions),) float64
        Squares and sum in float64. It is one row of the cost of allocate_exact.

    **Source** LeCun, Denker & Solla (1990); HAWQ-V2 (Dong et al. 2020, arXiv 1911.03852), its measure Ω, where the
    curvature is the mean eigenvalue.

    **Departs** the factor 1/2, which HAWQ-V2 leaves out: costs are in units of the loss.

    Cost O(size) a version.

    >>> w = np.float32([1, 2, 4])
    >>> allocate_cost(w, [w, np.float32([1, 2, 3])], curvature=np.float64([1, 1, 6])).tolist()
    [0.0, 3.0]
    """
    w, dense, curvature = cost_arguments(w, versions, curvature)
    changes = (version.astype(np.float64) - w for version in dense)
    return np.array([0.5 * np.sum(curvature * change**2) for change in changes], np.float64)


def allocate_trace(product: Callable[[NDArray[np.float64]], ArrayLike], size: int, *, samples: int = 50,
                   seed: int = 0) -> Trace:
    """Estimate the trace of a matrix of which only the product with a vector is known.

        trace(H) = E[vᵀ H v],   v of independent entries that are +1 or -1 with probability 1/2

    Parameters
    ----------
    product : function, (size,) float64 -> H v, (size,) float64
    size : int >= 1
        The rows of H.
    samples, seed : int >= 1 and int >= 0
        The number of vectors v, and the seed of PCG64 with which they are drawn.

    Returns
    -------
    Trace
        The mean of the samples, and their standard deviation (of n - 1) over the root of their number. The error is 0
        where H is diagonal: there each sample is the trace.

    Raises
    ------
    RefcompressError : also for a product of another shape, or one that is not finite.

    **Source** Hutchinson, A Stochastic Estimator of the Trace of the Influence Matrix (Communications in Statistics
    19, 1990); for the Hessians of layers HAWQ-V2 (Dong et al. 2020, arXiv 1911.03852).

    **Departs** nothing.

    Cost ``samples`` products.

    >>> h = np.float64([[2, 1], [1, 3]])
    >>> estimate = allocate_trace(lambda v: h @ v, 2, samples=400)
    >>> abs(estimate.value - 5) < 4 * estimate.error
    True
    >>> allocate_trace(lambda v: 3 * v, 4, samples=7)
    Trace(value=12.0, error=0.0)
    """
    size, samples, seed = trace_arguments(size, samples, seed)
    rng, values = np.random.default_rng(seed), np.empty(samples)
    for i in range(samples):
        v = rng.choice(np.array([-1.0, 1.0]), size)
        values[i] = v @ checked_product(product(v.copy()), size)
    error = np.std(values, ddof=1) / samples**0.5 if samples > 1 else np.inf
    return Trace(float(values.mean()), float(error))


def allocate_fisher(gradients: Iterable[ArrayLike]) -> NDArray[np.float64]:
    """Estimate the diagonal of the Fisher information from the gradients of single examples.

        fisher[p] = mean over examples of (d loss / d w[p])**2

    Parameters
    ----------
    gradients : iterable of float32 or float64 arrays of one shape, one an example, at least one
        Only one is held at a time.

    Returns
    -------
    fisher : float64, the shape of a gradient
        Summed in float64 in the order given. With the labels of the data this is the empirical Fisher information; with
        labels drawn from the model it is the Fisher information itself.

    **Source** Theis, Korshunova, Tejani & Huszar, Faster Gaze Prediction with Dense Networks and Fisher Pruning (2018,
    arXiv 1801.05787).

    **Departs** nothing.

    Cost O(size) an example.

    >>> allocate_fisher([np.float32([1, 2]), np.float32([-3, 0])]).tolist()
    [5.0, 2.0]
    """
    total: Any = 0.0
    count = 0
    for gradient in fisher_arguments(gradients):
        total, count = total + np.square(gradient, dtype=np.float64), count + 1
    return total / count


def cost_arguments(w, versions, curvature) -> tuple[np.ndarray, Iterator[np.ndarray], Any]:
    """Return w, the versions as float32, decoded one at a time, and the curvature, or refuse them."""
    w = arguments.finite(arguments.array(w, "w", np.float32), "w")
    if isinstance(curvature, np.ndarray):
        curvature = arguments.finite(arguments.array(curvature, "curvature", np.float64), "curvature")
        if curvature.shape != w.shape:
            raise RefcompressError("curvature", f"must have the shape of w, {w.shape}, not {curvature.shape}")
        arguments.each(curvature, "curvature", curvature >= 0, "must not be negative")
    else:
        curvature = arguments.real(curvature, "curvature", 0, LARGEST64)
    return w, (_version(version, f"versions[{j}]", w.shape) for j, version in enumerate(versions)), curvature


def _version(version, name: str, shape: tuple[int, ...]) -> np.ndarray:
    dense = arguments.array(version.dense() if hasattr(version, "dense") else version, name, np.float32)
    if dense.shape != shape:
        raise RefcompressError(name, f"must have the shape of w, {shape}, not {dense.shape}")
    return arguments.finite(dense, name)


def trace_arguments(size, samples, seed) -> tuple[int, int, int]:
    """Return all three, or refuse them."""
    size, samples = arguments.integer(size, "size", 1), arguments.integer(samples, "samples", 1)
    return size, samples, arguments.integer(seed, "seed", 0)


def checked_product(hv, size: int) -> np.ndarray:
    """Return what the product returned, or refuse it."""
    hv = arguments.finite(arguments.array(hv, "product", np.float64, ndim=1), "product")
    if hv.shape != (size,):
        raise RefcompressError("product", f"must return {size} values, not {len(hv)}")
    return hv


def fisher_arguments(gradients) -> Iterator[np.ndarray]:
    """Yield the gradients one by one, or refuse them."""
    try:
        gradients = iter(gradients)
    except TypeError:
        raise ArgumentTypeError("gradients", f"must be iterable, not {type(gradients).__name__}") from None
    shape = None
    for i, gradient in enumerate(gradients):
        name = f"gradients[{i}]"
        g = arguments.finite(arguments.array(gradient, name, np.float32, np.float64), name)
        if shape is not None and g.shape != shape:
            raise RefcompressError(name, f"must have the shape of the others, {shape}, not {g.shape}")
        shape = g.shape
        yield g
    if shape is None:
        raise RefcompressError("gradients", "must hold at least one")
