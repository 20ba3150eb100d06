"""Functions of one value, and softmax."""

import numpy as np

from ...errors import RefcompressError
from ..known import Known
from ..use import Use
from .checks import axis_of, float32, holds, same_types
from .row import operation

__all__ = ["ROWS"]


def relu(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Cut off what is negative: y = max(x, 0); NaN stays NaN. **Source** ONNX, Relu. **Departs** nothing."""
    return np.maximum(x, x.dtype.type(0))


def leaky_relu(x: np.ndarray, *, use: Use, alpha: float = 0.01) -> np.ndarray:
    """Make what is negative small: y = x for x >= 0, else alpha x. **Source** ONNX, LeakyRelu. **Departs** nothing."""
    return np.where(x < 0, x * np.float32(alpha), x)


def gelu(x: np.ndarray, *, use: Use, approximate: bool = False) -> np.ndarray:
    """Multiply by the normal distribution's function of it.

        y = x (1 + erf(x / sqrt(2))) / 2;    approximate: y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2

    **Source** Hendrycks and Gimpel, Gaussian Error Linear Units (2016, arXiv 1606.08415); ONNX, Gelu.
    **Departs** nothing.
    """
    return use("nn_activation")(x, "gelu_tanh" if approximate else "gelu")


def silu(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Multiply by its sigmoid: y = x / (1 + exp(-x)).

    **Source** Hendrycks and Gimpel 2016; Ramachandran et al., Searching for Activation Functions (2017,
    arXiv 1710.05941). **Departs** nothing.
    """
    return use("nn_activation")(x, "silu")


def _by_kernel(function: str, formula: str, source: str):
    def activation(x: np.ndarray, *, use: Use) -> np.ndarray:
        return use("nn_activation")(x, function)

    activation.__name__ = activation.__qualname__ = function
    activation.__doc__ = f"Return {formula} of each value. **Source** ONNX, {source}. **Departs** nothing."
    return activation


tanh = _by_kernel("tanh", "the hyperbolic tangent", "Tanh")
sigmoid = _by_kernel("sigmoid", "1 / (1 + exp(-x))", "Sigmoid")
erf = _by_kernel("erf", "the error function", "Erf")
exp = _by_kernel("exp", "the exponential", "Exp")


def hard_sigmoid(x: np.ndarray, *, use: Use, alpha: float = 0.2, beta: float = 0.5) -> np.ndarray:
    """Return max(0, min(1, alpha x + beta)), each step rounded to float32. **Source** ONNX, HardSigmoid.

    **Departs** nothing.
    """
    y = x * np.float32(alpha)
    y += np.float32(beta)
    return np.clip(y, np.float32(0), np.float32(1), out=y)


def hard_swish(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return x max(0, min(1, x / 6 + 1 / 2)).

    **Source** Howard et al., Searching for MobileNetV3 (2019, arXiv 1905.02244); ONNX, HardSwish.
    **Departs** nothing.
    """
    return x * hard_sigmoid(x, use=use, alpha=1 / 6, beta=0.5)


def softmax(x: np.ndarray, *, use: Use, axis: int = -1) -> np.ndarray:
    """Return exp(x - max) / sum of exp(x - max) along an axis. **Source** ONNX, Softmax (13). **Departs** nothing."""
    axis = axis % x.ndim
    if axis == x.ndim - 1:
        return use("nn_softmax")(x)
    turned = np.ascontiguousarray(np.moveaxis(x, axis, -1))
    return np.ascontiguousarray(np.moveaxis(use("nn_softmax")(turned), -1, axis))


def same_shape(x: Known, **attributes) -> Known:
    """Return what is known of the result of a function of each value."""
    return Known(x.type, x.shape)


def float_shape(x: Known, **attributes) -> Known:
    """Return what is known of the result of a function of each float32."""
    float32(x=x)
    return Known(x.type, x.shape)


def softmax_shape(x: Known, *, axis: int) -> Known:
    float32(x=x)
    if x.shape is not None:
        axis_of(axis, len(x.shape))
    return Known(x.type, x.shape)


def clip(x: np.ndarray, lowest: np.ndarray | None = None, highest: np.ndarray | None = None, *, use: Use,
         low: float | None = None, high: float | None = None) -> np.ndarray:
    """Return min(max(x, low), high), of x's type; NaN stays NaN. low, high : attributes, or the inputs after x.

    **Source** ONNX, Clip (13). **Departs** nothing.
    """
    bottom, top = (lowest if low is None else low), (highest if high is None else high)
    if bottom is not None:
        x = np.maximum(x, np.asarray(bottom, x.dtype))
    return x if top is None else np.minimum(x, np.asarray(top, x.dtype))


def clip_shape(x: Known, lowest: Known | None = None, highest: Known | None = None, *, low: float | None,
               high: float | None) -> Known:
    for argument, each, attribute in (("low", lowest, low), ("high", highest, high)):
        if each is not None and attribute is not None:
            raise RefcompressError(argument, "must be an attribute or an input, not both")
        same_types(x=x, **{argument: each})
        holds(x.type, argument, attribute)
        if each is not None and each.shape not in ((), (1,), None):
            raise RefcompressError(argument, f"must be one number, not {each.shape}")
    return Known(x.type, x.shape)


ROWS = (
    operation(relu, same_shape), operation(clip, clip_shape), operation(softmax, softmax_shape),
    *(operation(each, float_shape) for each in (leaky_relu, gelu, silu, tanh, sigmoid, erf, exp, hard_sigmoid,
                                                hard_swish)),
)
