"""SmoothQuant: outliers move from the inputs, which are hard to round, into the weights, which are easy."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError
from ..hessian import inputs_argument
from .integers import quantize_s8
from .layer import LayerFit, weight_argument

__all__ = ["quantize_smooth"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_smooth(w: NDArray[np.float32], x: NDArray[np.float32], *, alpha: float = 0.5, weight_bits: int = 8,
                    input_bits: int = 8, axis: int | None = 0, inputs: str = "row") -> LayerFit:
    """Divide each input by a scale and multiply its weights by it, so that both can be rounded to integers.

        y = round(x / s) @ round(w * s).T;      s[j] = (max |x[:, j]|)**alpha / (max |w[:, j]|)**(1 - alpha)

    Parameters
    ----------
    w : (m, k) float32, finite
    x : (n, k) float32, finite
        The calibration inputs.
    alpha : float in [0, 1]
        How much of the difficulty moves to the weights.
    weight_bits, input_bits : int, 2 to 8
        Of the symmetric scheme.
    axis : 0 or None
        What of the weights shares a scale: each output, or all.
    inputs : "row" or "all"
        Each row of inputs has its own scale, found when it comes (dynamic, by token); or all share one, from the
        calibration inputs (static), and larger inputs that come later are clipped.

    Returns
    -------
    LayerFit
        input_scale is s, float32, computed in float64; input_bits is set, and input_step for "all". The product is of
        integers; before is the error with s = 1. For a dead input, or one whose weights are all zero, s is 1. Where the
        formula's s would leave a larger error than before, s is 1 for all inputs, and after == before.

    Raises
    ------
    RefcompressError : also about alpha, where the scaled weights or inputs leave float32.

    **Source** Xiao, Lin, Seznec, Wu, Demouth & Han, SmoothQuant (2022, arXiv 2211.10438), section 4, eq. 3 and 4; with
    axis None, "row" is the O1 of its table 2, and "all" its O3.

    **Departs** s stays with the layer as input_scale, where the paper folds it into the layer before. By default each
    output has its own scale of weights. A layer is smoothed only where that pays on the calibration inputs.

    Cost O(m k + n k), and 4 n m k for the errors.

    >>> rng = np.random.default_rng(0)
    >>> x = (rng.normal(size=(64, 8)) * [100, 1, 1, 1, 1, 1, 1, 1]).astype(np.float32)
    >>> fit = quantize_smooth(rng.normal(size=(16, 8)).astype(np.float32), x)
    >>> fit.after < fit.before / 4
    True
    """
    w, x, alpha, weight_bits, input_bits, axis, inputs = smooth_arguments(
        w, x, alpha, weight_bits, input_bits, axis, inputs)
    y = x.astype(np.float64) @ w.T.astype(np.float64)
    x_max, w_max = (np.abs(a).max(axis=0, initial=0).astype(np.float64) for a in (x, w))
    used = (x_max > 0) & (w_max > 0)
    s = np.where(used, x_max**alpha / w_max ** (1 - alpha), 1).astype(np.float32)
    if not all(np.all(np.isfinite(a)) for a in (s, w * s, x / s)):
        raise RefcompressError("alpha", "the scaled weights or inputs leave float32")

    def fit(s):
        step = float(quantize_s8(x / s, bits=input_bits).scale.item()) if inputs == "all" else None
        weight = quantize_s8(w * s, bits=weight_bits, axis=axis)
        layer = LayerFit(weight, float(np.sum(y**2)), 0.0, 0.0, input_scale=s, input_bits=input_bits, input_step=step)
        return replace(layer, after=float(np.sum((layer.exact(x) - y) ** 2)))

    plain, smooth = fit(np.ones_like(s)), fit(s)
    return replace(smooth if smooth.after <= plain.after else plain, before=plain.after)


def smooth_arguments(w, x, alpha, weight_bits, input_bits, axis, inputs):
    """Return all seven, or refuse them."""
    w = weight_argument(w)
    x, alpha = inputs_argument(x, w.shape[1]), arguments.real(alpha, "alpha", 0, 1)
    weight_bits, input_bits = (arguments.integer(b, name, 2, 8) for b, name in
                               ((weight_bits, "weight_bits"), (input_bits, "input_bits")))
    inputs = arguments.choice(inputs, "inputs", ("row", "all"))
    axis = axis if axis is None else arguments.integer(axis, "axis", -2, 1) % 2
    if axis == 1:
        raise RefcompressError("axis", "must be 0 or None: integers of one sum cannot have a scale an input")
    return w, x, alpha, weight_bits, input_bits, axis, inputs
