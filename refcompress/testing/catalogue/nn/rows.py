"""Kernels of functions of a number and of a row: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# nn_activation

def _in_float32(x, function):
    if function not in ("silu", "sigmoid"):
        return reference.nn_activation(x, function)
    return (x if function == "silu" else _F(1)) / (_F(1) + reference.nn_activation(-x, "exp"))


def _tanh_from_exp(x, function):
    if function != "tanh":
        return reference.nn_activation(x, function)
    e = reference.nn_activation(2 * x, "exp")
    return np.where(np.isinf(e), _F(1), (e - 1) / (e + 1)).astype(_F)


def _flushed(x, function):
    y = reference.nn_activation(x, function)
    return np.where(np.abs(y) < np.finfo(_F).tiny, np.copysign(_F(0), y), y)


def _zero_times_infinity(x, function):
    y = reference.nn_activation(x, function)
    return np.where((x == -np.inf) & (function in ("silu", "gelu", "gelu_tanh")), _F(np.nan), y)


def _nan_clipped(x, function):
    return reference.nn_activation(np.fmax(np.fmin(x, _F(3e38)), _F(-3e38)), function)


KERNELS += [
    Kernel("nn_activation", "in float32", "bits",
           "1 / (1 + exp(-x)) in float32 rounds at each step.",
           _in_float32),
    Kernel("nn_activation", "tanh that cancels", "bits",
           "(e - 1) / (e + 1) loses all bits of a small argument.",
           _tanh_from_exp),
    Kernel("nn_activation", "subnormal results flushed", "values",
           "The processor was set to flush results to zero.",
           _flushed),
    Kernel("nn_activation", "0 times infinity", "values",
           "x * sigmoid(x) at minus infinity is infinity times zero.",
           _zero_times_infinity),
    Kernel("nn_activation", "NaN clipped", "values",
           "A clip of the argument by minima and maxima that pass over NaN.",
           _nan_clipped),
    Kernel("nn_activation", "gelu by tanh", "rule",
           "The approximation by tanh stands for the exact function.",
           lambda x, function: reference.nn_activation(x, function.replace("gelu_tanh", "gelu"))),
]


# nn_softmax

def _not_shifted(x):
    e = reference.nn_activation(x, "exp").astype(np.float64)
    return (e / e.sum(axis=-1, keepdims=True)).astype(_F)


def _masked_to_zero(x):
    y = reference.nn_softmax(x)
    return np.where(np.all(x == -np.inf, axis=-1, keepdims=True), _F(0), y)


def _rounded_sum(x):
    with np.errstate(all="ignore"):
        e = reference.nn_activation(x - x.max(axis=-1, keepdims=True, initial=-np.inf), "exp")
        return e / e.sum(axis=-1, keepdims=True)


KERNELS += [
    Kernel("nn_softmax", "maximum not subtracted", "values",
           "exp of a large argument is infinite, and the quotient of infinities is NaN.",
           _not_shifted),
    Kernel("nn_softmax", "a masked row is zero", "values",
           "Attention kernels give zero for a row of which all is masked; the formula gives NaN.",
           _masked_to_zero),
    Kernel("nn_softmax", "exponentials rounded", "bits",
           "Exponentials are rounded to float32 before they are added.",
           _rounded_sum),
    Kernel("nn_softmax", "over the first axis", "options",
           "The axis is counted from the other end.",
           lambda x: np.ascontiguousarray(reference.nn_softmax(x.T.copy()).T)),
]


# nn_layer_norm

def _in_one_pass(x, weight=None, bias=None, *, epsilon=1e-5):
    """Takes the mean square less the squared mean, in float32: what cancels."""
    with np.errstate(all="ignore"):
        mean = x.mean(axis=-1, keepdims=True, dtype=_F)
        y = (x - mean) / np.sqrt((x * x).mean(axis=-1, keepdims=True, dtype=_F) - mean * mean + _F(epsilon))
        y = y if weight is None else y * weight
        return (y if bias is None else y + bias).astype(_F)


def _unbiased(x, weight=None, bias=None, *, epsilon=1e-5):
    k = x.shape[-1]
    less = np.sqrt((k - 1) / k) if k > 1 else 1.0
    weight = np.ones(k, _F) if weight is None else weight
    return reference.nn_layer_norm(x, (weight * less).astype(_F), bias, epsilon=epsilon)


KERNELS += [
    Kernel("nn_layer_norm", "variance in one pass", "bits",
           "The mean of squares less the square of the mean cancels.",
           _in_one_pass),
    Kernel("nn_layer_norm", "variance over k - 1", "rule",
           "The unbiased estimate is the default of torch.var.",
           _unbiased),
    Kernel("nn_layer_norm", "epsilon outside of the root", "rule",
           "Epsilon is added to the deviation in place of the variance.",
           lambda x, weight=None, bias=None, *, epsilon=1e-5: reference.nn_layer_norm(
            x, weight, bias, epsilon=epsilon**2)),
    Kernel("nn_layer_norm", "bias without a weight lost", "options",
           "The bias is applied in the branch of the weight.",
           lambda x, weight=None, bias=None, *, epsilon=1e-5: reference.nn_layer_norm(
            x, weight, None if weight is None else bias, epsilon=epsilon)),
]


# nn_rms_norm

def _squares_in_float32(x, weight=None, *, epsilon=1e-5):
    with np.errstate(all="ignore"):
        y = x / np.sqrt((x * x).sum(axis=-1, keepdims=True, dtype=_F) / _F(x.shape[-1]) + _F(epsilon))
        return y if weight is None else y * weight


KERNELS += [
    Kernel("nn_rms_norm", "squares in float32", "bits",
           "The squares of large inputs overflow, and their sum is rounded at each step.",
           _squares_in_float32),
    Kernel("nn_rms_norm", "mean subtracted", "rule",
           "A layer norm without a bias is no RMS norm.",
           lambda x, weight=None, *, epsilon=1e-5: reference.nn_layer_norm(x, weight, epsilon=epsilon)),
    Kernel("nn_rms_norm", "one more than the weight", "rule",
           "Some networks store the weight less one; the operation takes it as it is.",
           lambda x, weight=None, *, epsilon=1e-5: reference.nn_rms_norm(
            x, None if weight is None else weight + _F(1), epsilon=epsilon)),
]
