"""Kernels of int8 by elements: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# nn_add_s8

def _in_float32(a, b, a_scale, b_scale, y_scale, *, a_zero_point=0, b_zero_point=0, zero_point=0, lowest=-128,
                highest=127):
    real = _F(a_scale) * (a.astype(_F) - a_zero_point) + _F(b_scale) * (b.astype(_F) - b_zero_point)
    return np.clip(np.rint(real / _F(y_scale)) + zero_point, lowest, highest).astype(np.int8)


def _wraps(a, b, a_scale, b_scale, y_scale, **kwargs):
    y = reference.nn_add_s8(a, b, a_scale, b_scale, y_scale, **kwargs)
    same = a_scale == b_scale == y_scale and not kwargs
    return a + b if same else np.where(y == 127, np.int8(-128), y)


KERNELS += [
    Kernel("nn_add_s8", "in float32", "bits",
           "The real sum is computed in float32, and ties fall to the wrong side.",
           _in_float32),
    Kernel("nn_add_s8", "too large wraps round", "values",
           "The result is cast to int8 without a clip.",
           _wraps),
]


# nn_multiply_s8

def _rounded_twice(a, b, a_scale, b_scale, y_scale, *, zero_point=0, lowest=-128, highest=127, **kwargs):
    """To the scale of a first, and then to that of y."""
    reference.nn_multiply_s8(a, b, a_scale, b_scale, y_scale, zero_point=zero_point, lowest=lowest, highest=highest,
                             **kwargs)
    za, zb = kwargs.get("a_zero_point", 0), kwargs.get("b_zero_point", 0)
    once = np.rint((a.astype(np.float64) - za) * (b.astype(np.float64) - zb) * b_scale)
    return np.clip(np.rint(once * a_scale / y_scale) + zero_point, lowest, highest).astype(np.int8)


KERNELS += [
    Kernel("nn_multiply_s8", "rounded twice", "rounding",
           "The product is rounded to one scale and then to another.",
           _rounded_twice),
]


# nn_lookup_s8

KERNELS += [
    Kernel("nn_lookup_s8", "as if unsigned", "format",
           "The table begins at -128, and was read from 0.",
           lambda x, table: reference.nn_lookup_s8(x, np.roll(table, 128))),
]
