"""Kernels of quantize_binary and quantize_ternary: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ...values import with_fields
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# quantize_binary

def _zero_has_a_sign(w, **kwargs):
    """Takes the sign bit of -0.0."""
    q = reference.quantize_binary(w, **kwargs)
    return with_fields(q, values=np.where(np.signbit(w), -1, 1).astype(np.int8))


def _zeros_are_zero(w, **kwargs):
    q = reference.quantize_binary(w, **kwargs)
    return with_fields(q, values=np.sign(w).astype(np.int8))


def _sum_in_float32(w, *, axis=None, group=None):
    q = reference.quantize_binary(w, axis=axis, group=group)
    if axis is not None or group is not None or not w.size:
        return q
    scale = np.full(q.scale.shape, np.cumsum(np.abs(w).ravel())[-1] / np.float32(w.size), np.float32)
    return with_fields(q, scale=np.maximum(scale, np.float32(2.0**-126)))


KERNELS += [
    Kernel("quantize_binary", "the sign of -0", "values",
           "The sign bit is read, and -0.0 has one.",
           _zero_has_a_sign),
    Kernel("quantize_binary", "three values", "values",
           "sign(0) is 0, and a binary code has no zero.",
           _zeros_are_zero),
    Kernel("quantize_binary", "sums in float32", "bits",
           "The mean of the magnitudes is a running sum in float32.",
           _sum_in_float32),
]


# quantize_ternary

def _at_the_threshold(w, **kwargs):
    """Keeps what equals delta."""
    return reference.quantize_ternary(np.nextafter(w, np.copysign(np.float32(np.inf), w)), **kwargs)


def _fixed(w, **kwargs):
    return reference.quantize_ternary(w, **{**kwargs, "threshold": 0.7})


def _mean_of_all(w, **kwargs):
    """Takes the scale from all weights, not from those that are kept."""
    q = reference.quantize_ternary(w, **kwargs)
    sharing = {name: value for name, value in kwargs.items() if name != "threshold"}
    return with_fields(q, scale=reference.quantize_binary(w, **sharing).scale)


KERNELS += [
    Kernel("quantize_ternary", "what equals delta is kept", "rule",
           "A comparison with >= keeps what equals the threshold.",
           _at_the_threshold),
    Kernel("quantize_ternary", "delta never searched", "options",
           "The constant of the paper's approximation stands where the exact search was asked for.",
           _fixed),
    Kernel("quantize_ternary", "the mean of all weights", "rule",
           "The scale is the mean of all magnitudes; the rule takes that of the weights that are kept.",
           _mean_of_all),
]
