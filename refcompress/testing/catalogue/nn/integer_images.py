"""Kernels of integer images: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# nn_depthwise_s8

def _fills_zero(*args, **kwargs):
    return reference.nn_depthwise_s8(*args, **{**kwargs, "x_zero_point": 0})


def _transposed_kernel(x, weight, *args, **kwargs):
    turned = weight.swapaxes(1, 2) if weight.shape[1] == weight.shape[2] else weight
    return reference.nn_depthwise_s8(x, np.ascontiguousarray(turned), *args, **kwargs)


KERNELS += [
    Kernel("nn_depthwise_s8", "pads of 0, not of the zero point", "values",
           "A pad stands for the real number zero, which is the zero point.",
           _fills_zero),
    Kernel("nn_depthwise_s8", "rows and columns of the kernel exchanged", "format",
           "A square kernel is right by shape either way.",
           _transposed_kernel),
]


# nn_average_pool_s8

def _pads_count(*args, **kwargs):
    return reference.nn_average_pool_s8(*args, **{**kwargs, "count_include_pad": True})


def _zero_point_kept(x, *args, **kwargs):
    return reference.nn_average_pool_s8(x, *args, **{**kwargs, "x_zero_point": 0})


KERNELS += [
    Kernel("nn_average_pool_s8", "pads are always counted", "options",
           "The sum is divided by the size of the kernel everywhere.",
           _pads_count),
    Kernel("nn_average_pool_s8", "the zero point of x left in", "rule",
           "The zero point is subtracted from the sum once, not once for each input.",
           _zero_point_kept),
]
