"""Bias correction: the mean error that rounding the weights makes in each output is subtracted from its bias."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Quantized
from ..hessian import inputs_argument
from .layer import LayerFit, weight_argument

__all__ = ["quantize_bias"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_bias(w: NDArray[np.float32], x: NDArray[np.float32], layer: Quantized | LayerFit, *,
                  bias: NDArray[np.float32] | None = None) -> LayerFit:
    """Correct a quantized layer's bias by the mean error of its output.

        bias' = bias - mean over the calibration inputs of (layer(x) - x @ w.T)

    Parameters
    ----------
    w : (m, k) float32, finite
    x : (n, k) float32, finite, n > 0
        The calibration inputs.
    layer : Quantized (m, k), or LayerFit without a bias
        What stands for w, by whatever method.
    bias : (m,) float32, finite
        The bias that the layer had; by default zeros.

    Returns
    -------
    LayerFit
        The layer with the corrected bias, float32, from means in float64; before is the error of the layer as it came.
        The mean error of each output on x is then zero, but for rounding the bias. Of all constants this one leaves the
        least squared error. Where rounding to float32 would spoil that, the bias stays. So after <= before.

    **Source** Nagel, van Baalen, Blankevoort & Welling, Data-Free Quantization Through Weight Equalization and Bias
    Correction (2019, arXiv 1906.04721); the mean is over calibration inputs, where the paper can also do without any.

    **Departs** nothing.

    Cost 4 n m k.

    >>> w, x = np.float32([[0.4, -1]]), np.float32([[1, 0], [3, 1]])       # the first input has mean 2
    >>> q = Quantized(np.int8([[0, -1]]), np.float32([[1]]), np.int8([[0]]))
    >>> fit = quantize_bias(w, x, q)
    >>> fit.bias.tolist(), round(fit.before, 3), round(fit.after, 3)
    ([0.800000011920929], 1.6, 0.32)
    """
    w, x, fit, bias = bias_arguments(w, x, layer, bias)
    y = x.astype(np.float64) @ w.T.astype(np.float64)
    error = fit.exact(x) - y
    corrected = (bias - error.mean(axis=0)).astype(np.float32)
    before = np.sum(error**2, axis=0)
    after = np.sum((error + (corrected.astype(np.float64) - bias)) ** 2, axis=0)
    better = after < before
    return replace(fit, output=float(np.sum(y**2)), before=float(before.sum()),
                   after=float(np.where(better, after, before).sum()), bias=np.where(better, corrected, bias))


def bias_arguments(w, x, layer, bias):
    """Return w, x, the layer as a LayerFit, and the bias, or refuse the arguments."""
    w = weight_argument(w)
    x = inputs_argument(x, w.shape[1])
    if not len(x):
        raise RefcompressError("x", "must have at least one row: no inputs have no mean")
    if isinstance(layer, Quantized):
        layer = LayerFit(layer, 0.0, 0.0, 0.0)
    if not isinstance(layer, LayerFit):
        raise ArgumentTypeError("layer", f"must be a Quantized or a LayerFit, not {type(layer).__name__}")
    if layer.weight.shape != w.shape:
        raise RefcompressError("layer", f"must have the shape of w, {w.shape}, not {layer.weight.shape}")
    if layer.bias is not None:
        raise RefcompressError("layer", "must not have a bias: its error would be corrected twice")
    if bias is None:
        return w, x, layer, np.zeros(len(w), np.float32)
    bias = arguments.finite(arguments.array(bias, "bias", np.float32, ndim=1), "bias")
    if len(bias) != len(w):
        raise RefcompressError("bias", f"must have an entry for each of the {len(w)} outputs, not {len(bias)}")
    return w, x, layer, bias
