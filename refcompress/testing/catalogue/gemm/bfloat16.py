"""Kernels of gemm_bf16bf16: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import Plain
from ....reference.gemm.bfloat16 import numbers
from ..kernels import Kernel

_F = np.float32

KERNELS: list[Kernel] = []


# gemm_bf16bf16

_LINE = 32  # inputs of a step of all chains


def _of(x, w, change):
    """gemm_bf16bf16 with other numbers: each is what ``change`` makes of the patterns."""
    reference.gemm_bf16bf16(x, w)
    return reference.gemm_f32f32(*(np.ascontiguousarray(change(_plain(each)), _F) for each in (x, w)))


def _plain(a) -> np.ndarray:
    return a.patterns if isinstance(a, Plain) else np.ascontiguousarray(a, np.uint16)


def _subnormals_kept(patterns):
    return (patterns.astype(np.uint32) << 16).view(_F)


def _lower_half(patterns):  # the other half of a float
    return patterns.astype(np.uint32).view(_F)


def _pairs_lost(patterns):  # the odd input at the end of a row
    a = numbers(patterns).copy()
    if a.shape[1] % 2:
        a[:, -1] = 0
    return a


def _line_lost(patterns):
    a = numbers(patterns).copy()
    a[:, a.shape[1] // _LINE * _LINE or a.shape[1] :] = 0
    return a


def _bfloat16_result(x, w):
    y = reference.gemm_bf16bf16(x, w)
    return reference.floats_decode(reference.floats_encode(y, "bfloat16", overflow="format"), "bfloat16")


KERNELS += [
    Kernel("gemm_bf16bf16", "subnormals kept", "values",
           "Software keeps what the dot-product instruction flushes.",
           lambda x, w: _of(x, w, _subnormals_kept)),
    Kernel("gemm_bf16bf16", "patterns in the lower half of a float", "format",
           "A shift by 16 bits is missing.",
           lambda x, w: _of(x, w, _lower_half)),
    Kernel("gemm_bf16bf16", "odd input lost", "tail",
           "The instruction takes pairs, and the odd input at the end has no partner.",
           lambda x, w: _of(x, w, _pairs_lost)),
    Kernel("gemm_bf16bf16", "tail of k mod 32 lost", "tail",
           "A kernel that was written for multiples of 32 inputs is called with others.",
           lambda x, w: _of(x, w, _line_lost)),
    Kernel("gemm_bf16bf16", "rounded to bfloat16", "promise",
           "The result is rounded to the type of the operands.",
           _bfloat16_result),
]
