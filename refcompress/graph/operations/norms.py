"""Values scaled to a mean and a spread: batch, layer, RMS and group norm."""

import math

import numpy as np

from ...errors import RefcompressError
from ..known import Known
from ..sizes import differ
from ..use import Use
from .checks import axis_of, broadcast_shape, float32, rank, same_size
from .row import operation

__all__ = ["ROWS", "batch_norm_affine"]


def batch_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, *, use: Use,
               epsilon: float = 1e-5) -> np.ndarray:
    """Scale each channel by what was measured in training.

        y = a x + b;    a = weight / sqrt(variance + epsilon), b = bias - a mean, of each channel

    Parameters
    ----------
    x : (n, c, ...) float32
    weight, bias, mean, variance : (c,) float32

    Returns
    -------
    float32 of the shape of x : a and b are computed in float64 and rounded; a x is rounded, then the sum

    **Source** Ioffe and Szegedy, Batch Normalization (2015, arXiv 1502.03167); ONNX, BatchNormalization.
    **Departs** nothing.
    """
    a, b = (each.astype(np.float32).reshape(-1, *(1,) * (x.ndim - 2))
            for each in batch_norm_affine(weight, bias, mean, variance, epsilon))
    y = x * a
    y += b
    return y


def batch_norm_affine(weight, bias, mean, variance, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b of y = a x + b for each channel, float64: what a layer in front can take into itself."""
    a = weight.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    return a, bias - a * mean


def batch_norm_shape(x: Known, weight: Known, bias: Known, mean: Known, variance: Known, *, epsilon: float) -> Known:
    float32(x=x, weight=weight, bias=bias, mean=mean, variance=variance)
    if x.shape is not None and len(x.shape) < 2:
        raise RefcompressError("x", f"must have at least 2 dimensions, not {len(x.shape)}")
    for name, each in (("weight", weight), ("bias", bias), ("mean", mean), ("variance", variance)):
        rank(each, name, 1)
        if x.shape is not None:
            same_size(each, name, 0, x.shape[1], "as x has channels")
    return Known("float32", x.shape)


def layer_norm(x: np.ndarray, weight: np.ndarray | None = None, bias: np.ndarray | None = None, *, use: Use,
               axis: int = -1, epsilon: float = 1e-5) -> np.ndarray:
    """Give the values of all axes from ``axis`` on the mean 0 and the variance 1, then a weight and a bias.

        y = (x - mean) / sqrt(variance + epsilon) weight + bias

    x : float32. weight, bias : None, or float32 that broadcast to these axes. The sums are nn_layer_norm's.

    **Source** Ba, Kiros and Hinton, Layer Normalization (2016, arXiv 1607.06450); ONNX, LayerNormalization.
    **Departs** nothing.
    """
    shape = x.shape[axis:] if axis < 0 else x.shape[axis % x.ndim :]
    rows = np.ascontiguousarray(x).reshape(math.prod(x.shape[: x.ndim - len(shape)]), math.prod(shape))
    return use("nn_layer_norm")(rows, _flat(weight, shape), _flat(bias, shape), epsilon=epsilon).reshape(x.shape)


def rms_norm(x: np.ndarray, weight: np.ndarray | None = None, *, use: Use, axis: int = -1,
             epsilon: float = 1e-5) -> np.ndarray:
    """Divide the values of all axes from ``axis`` on by the root of their mean square, then multiply by a weight.

        y = x / sqrt(mean of x^2 + epsilon) weight

    x : float32. weight : None, or float32 that broadcasts to these axes. The sums are nn_rms_norm's.

    **Source** Zhang and Sennrich 2019 (arXiv 1910.07467); ONNX, RMSNormalization. **Departs** nothing.
    """
    shape = x.shape[axis:] if axis < 0 else x.shape[axis % x.ndim :]
    rows = np.ascontiguousarray(x).reshape(math.prod(x.shape[: x.ndim - len(shape)]), math.prod(shape))
    return use("nn_rms_norm")(rows, _flat(weight, shape), epsilon=epsilon).reshape(x.shape)


def _flat(a: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray | None:
    return None if a is None else np.ascontiguousarray(np.broadcast_to(a, shape)).reshape(-1)


def rows_norm_shape(x: Known, weight: Known | None = None, bias: Known | None = None, *, axis: int,
                    epsilon: float) -> Known:
    float32(x=x, weight=weight, bias=bias)
    if x.shape is None:
        return Known("float32", None)
    axis = axis_of(axis, len(x.shape))
    part = Known("float32", x.shape[axis:])
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and each.shape is not None:
            whole = broadcast_shape(**{name: each, "x": part}) or ()
            for size, wanted in zip(part.sizes[::-1], whole[::-1]):
                if differ(size, wanted):
                    raise RefcompressError(name, f"must be broadcast to the shape {part.shape} of x, not {each.shape}")
            if len(each.shape) > len(x.shape) - axis:
                raise RefcompressError(name, f"must have at most {len(x.shape) - axis} dimensions, not "
                                             f"{len(each.shape)}")
    return Known("float32", x.shape)


def group_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, *, use: Use, groups: int,
               epsilon: float = 1e-5) -> np.ndarray:
    """Give each group of channels of each image the mean 0 and the variance 1, then each channel a weight and a bias.

    x : (n, c, ...) float32. weight, bias : (c,) float32. groups : divides c; with as many as channels this is instance
    norm; 0 stands for that. The norm is nn_layer_norm's, then a product and a sum, each rounded.

    **Source** Wu and He, Group Normalization (2018, arXiv 1803.08494); ONNX, GroupNormalization (21).
    **Departs** nothing.
    """
    groups = groups or x.shape[1]
    rows = np.ascontiguousarray(x).reshape(len(x) * groups, -1 if x.size else 0)
    y = use("nn_layer_norm")(rows, epsilon=epsilon).reshape(x.shape)
    channel = (-1, *(1,) * (x.ndim - 2))
    y = y * weight.reshape(channel)
    y += bias.reshape(channel)
    return y


def group_norm_shape(x: Known, weight: Known, bias: Known, *, groups: int, epsilon: float) -> Known:
    float32(x=x, weight=weight, bias=bias)
    if x.shape is None:
        return Known("float32", None)
    if len(x.shape) < 3:
        raise RefcompressError("x", f"must have at least 3 dimensions, not {len(x.shape)}")
    if groups < 0 or groups and isinstance(x.shape[1], int) and x.shape[1] % groups:
        raise RefcompressError("groups", f"must divide the {x.shape[1]} channels of x, not {groups}")
    for name, each in (("weight", weight), ("bias", bias)):
        rank(each, name, 1)
        same_size(each, name, 0, x.shape[1], "as x has channels")
    return Known("float32", x.shape)


ROWS = (
    operation(batch_norm, batch_norm_shape), operation(layer_norm, rows_norm_shape),
    operation(rms_norm, rows_norm_shape), operation(group_norm, group_norm_shape),
)
