"""Planted kernels of the rangecoder family."""

import numpy as np

from ... import reference


def _one_byte_more(codes, *, alphabet):
    return np.append(reference.rangecoder_encode(codes, alphabet=alphabet), np.uint8(0))


def _last_code_lost(codes, *, alphabet):
    codes = codes.copy()
    codes.reshape(-1)[-1:] = 0
    return reference.rangecoder_encode(codes, alphabet=alphabet)


def _columns_first(data, *, shape, alphabet):
    codes = reference.rangecoder_decode(data, shape=shape, alphabet=alphabet)
    return codes.reshape(shape[::-1]).T.copy()


def _wide_codes(data, *, shape, alphabet):
    return reference.rangecoder_decode(data, shape=shape, alphabet=alphabet).astype(np.uint16)


WRONG = [
    ("a byte that need not be", "rangecoder_encode", _one_byte_more),
    ("the last code lost", "rangecoder_encode", _last_code_lost),
    ("columns first", "rangecoder_decode", _columns_first),
    ("codes of 16 bits", "rangecoder_decode", _wide_codes),
]
