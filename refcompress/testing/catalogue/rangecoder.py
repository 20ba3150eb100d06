"""Kernels of rangecoder family: wrong ones, each with its bug, and right ones."""

import numpy as np

from ... import reference
from .kernels import Kernel

KERNELS: list[Kernel] = []


# rangecoder_encode

def _one_byte_more(codes, *, alphabet, lanes=1):
    return np.append(reference.rangecoder_encode(codes, alphabet=alphabet, lanes=lanes), np.uint8(0))


def _last_code_lost(codes, *, alphabet, lanes=1):
    codes = codes.copy()
    codes.reshape(-1)[-1:] = 0
    return reference.rangecoder_encode(codes, alphabet=alphabet, lanes=lanes)


def _always_one_lane(codes, *, alphabet, lanes=1):
    return reference.rangecoder_encode(codes, alphabet=alphabet)


KERNELS += [
    Kernel("rangecoder_encode", "a byte that need not be", "promise",
           "The flush writes a byte more than the interval needs.",
           _one_byte_more),
    Kernel("rangecoder_encode", "the last code lost", "tail",
           "The loop over codes ends one early.",
           _last_code_lost),
    Kernel("rangecoder_encode", "always row by row", "options",
           "The number of lanes is passed by.",
           _always_one_lane),
]


# rangecoder_decode

def _columns_first(data, *, shape, alphabet, lanes=1):
    codes = reference.rangecoder_decode(data, shape=shape, alphabet=alphabet, lanes=lanes)
    return codes.reshape(shape[::-1]).T.copy()


def _wide_codes(data, *, shape, alphabet, lanes=1):
    return reference.rangecoder_decode(data, shape=shape, alphabet=alphabet, lanes=lanes).astype(np.uint16)


KERNELS += [
    Kernel("rangecoder_decode", "columns first", "format",
           "The matrix is filled by columns; the codes come by rows.",
           _columns_first),
    Kernel("rangecoder_decode", "codes of 16 bits", "promise",
           "Codes were kept in a wider type than the operation returns.",
           _wide_codes),
]
