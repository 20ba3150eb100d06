"""AWQ: inputs of large activations get finer weights, by scaling them before the weights are rounded."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError
from ..hessian import inputs_argument, quantize_hessian
from .clip import quantize_clip
from .integers import quantize_s8
from .layer import LayerFit, nearest, rounding_error, weight_argument

__all__ = ["quantize_awq"]

FLOOR = 1e-4  # an input counts as at least this share of the largest, so that scales stay within 1e4 of each other


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_awq(w: NDArray[np.float32], x: NDArray[np.float32], *, bits: int = 4, scheme: str = "symmetric",
                 axis: int | None = 0, group: int | None = None, steps: int = 20, clip: bool = True) -> LayerFit:
    """Scale each input's weights by a power of its mean magnitude before rounding, the inputs by the inverse.

        y = (x / s) @ round(w * s).T;    s = a**alpha, a[j] = mean |x[:, j]|, alpha in {0, 1/steps, ... (steps-1)/steps}

    Parameters
    ----------
    w : (m, k) float32, finite
    x : (n, k) float32, finite
        The calibration inputs.
    bits, scheme, axis, group : as in :func:`quantize_nearest`
    steps : int >= 1
        How many alphas are tried.
    clip : bool
        Whether :func:`quantize_clip` then narrows the ranges (needs axis 0).

    Returns
    -------
    LayerFit
        input_scale is s, float32, divided by the root of its largest times its smallest; None where alpha is 0. The
        alpha of least error on x is taken; ties go to the smallest. As alpha = 0 is rounding to nearest, and clipping
        is kept only where it helps, after <= before.

    **Source** Lin, Tang, Tang, Yang et al., AWQ (2023, arXiv 2306.00978), section 3.2, eq. 4 and 5; for clipping the
    end of the section.

    **Departs** s stays with the layer as input_scale, where the paper folds it into the layer before. Means below 1e-4
    of the largest count as that, dead inputs too (the authors' code floors s). An alpha whose weights leave float32 is
    skipped.

    Cost steps m k**2 + 2 n k**2.

    >>> rng = np.random.default_rng(0)
    >>> x = (rng.normal(size=(64, 8)) * [20, 1, 1, 1, 1, 1, 1, 1]).astype(np.float32)      # one input is large
    >>> w = rng.normal(size=(16, 8)).astype(np.float32)
    >>> fit = quantize_awq(w, x, bits=3)
    >>> fit.input_scale.argmax(), fit.after < fit.before
    (np.int64(0), True)
    """
    w, x, steps, clip, grid = awq_arguments(w, x, bits, scheme, axis, group, steps, clip)
    return search(w, x, steps, clip, grid, quantize_s8, quantize_clip)


def search(w, x, steps, clip, grid, quantize_s8, quantize_clip) -> LayerFit:
    """Return the fit of least error; rounding and clipping by these operations."""
    h, size = quantize_hessian(x), mean_magnitudes(x)
    rounded: Callable = partial(nearest, **grid, quantize_s8=quantize_s8)
    best, scale = rounded(w), np.ones(w.shape[1], np.float32)
    simple, least = best, rounding_error(best, w, h).sum()
    for i in range(1, steps):
        s = size ** (i / steps)
        s = (s / np.sqrt(s.max(initial=1e-300) * s.min(initial=1e300))).astype(np.float32)
        if np.all(np.isfinite(w * s)):
            candidate = rounded(w * s)
            error = rounding_error(candidate, w, h, s).sum()
            if error < least:
                least, best, scale = error, candidate, s
    if clip:
        h_scaled = h / np.outer(scale, scale.astype(np.float64))
        ranges = {name: grid[name] for name in ("bits", "scheme", "group")}
        narrow = quantize_clip(w * scale, h_scaled, **ranges).weight
        best = narrow if rounding_error(narrow, w, h, scale).sum() < least else best
    return LayerFit.of(w, h, best, simple, input_scale=None if np.all(scale == 1) else scale)


def mean_magnitudes(x: np.ndarray) -> np.ndarray:
    """Return the mean magnitude of each input, none below ``FLOOR`` times the largest; 1 where all are zero."""
    size = np.abs(x.astype(np.float64)).mean(axis=0) if len(x) else np.ones(x.shape[1])
    size = np.maximum(size, FLOOR * size.max(initial=0))
    return np.where(size == 0, 1, size)


def awq_arguments(w, x, bits, scheme, axis, group, steps, clip):
    """Return w, x, steps, clip, and the options of the grid, or refuse the arguments."""
    w = weight_argument(w)
    x, steps = inputs_argument(x, w.shape[1]), arguments.integer(steps, "steps", 1)
    grid: dict = {"bits": bits, "scheme": scheme, "axis": axis, "group": group}
    nearest(w, **grid)  # refuses what it does not take
    clip = arguments.boolean(clip, "clip")
    if clip and axis != 0:
        raise RefcompressError("clip", "ranges are clipped output by output: with it axis must be 0")
    return w, x, steps, clip, grid
