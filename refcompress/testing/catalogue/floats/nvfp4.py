"""Kernels of NVFP4: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import FLOATS, NVFP4
from ...values import with_fields
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# floats_nvfp4_encode

def _scale_up(x):
    """The block's scale rounded up, so that nothing clamps."""
    q = reference.floats_nvfp4_encode(x)
    return with_fields(q, scales=np.minimum(q.scales + np.uint8(1), np.uint8(126)))


def _scale_of_zero(x):
    q = reference.floats_nvfp4_encode(x)
    rows = x.reshape(-1, x.shape[-1]) if x.ndim < 3 else x.reshape(len(x), -1)
    most = np.maximum.reduceat(np.abs(rows), np.arange(0, rows.shape[-1], 16), axis=-1).reshape(q.scales.shape)
    return with_fields(q, scales=np.where(most == 0, np.uint8(0), q.scales))


def _signed_zeros(x):
    q = reference.floats_nvfp4_encode(x)
    return with_fields(q, codes=np.where((q.codes == 0) & np.signbit(x), np.uint8(8), q.codes))


KERNELS += [
    Kernel("floats_nvfp4_encode", "scale rounded up", "rounding",
           "The scale of a block is rounded up so that nothing clamps; the rule rounds to nearest.",
           _scale_up),
    Kernel("floats_nvfp4_encode", "scale of zeros is zero", "values",
           "The scale of a block of zeros is its largest magnitude, which is 0.",
           _scale_of_zero),
    Kernel("floats_nvfp4_encode", "zeros with a sign", "values",
           "A small negative element rounds to a zero, and its sign bit stays.",
           _signed_zeros),
]


# floats_nvfp4_decode

def _rounded_once(q):
    values = FLOATS["fp4_e2m1"].values(q.codes) * np.repeat(
        FLOATS["fp8_e4m3"].values(q.scales), 16, axis=-1)[..., : q.shape[-1]]
    with np.errstate(all="ignore"):
        return values * q.tensor_scale


KERNELS += [
    Kernel("floats_nvfp4_decode", "rounded once", "rounding",
           "Element, block scale and tensor scale are multiplied in float64; the rule rounds after the first "
           "product.",
           _rounded_once),
    Kernel("floats_nvfp4_decode", "tensor scale ignored", "format",
           "A reader that knows MX has no second scale.",
           lambda q: reference.floats_nvfp4_decode(NVFP4(q.codes, q.scales, _F(1)))),
]
