"""The rangecoder family in C: rangecoder_encode, rangecoder_decode.

One chain of bits, in chunks of codes, as in native/huffman.py.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..reference.rangecoder.coder import check_end, ending
from ..reference.rangecoder.matrix import decode_arguments, encode_arguments
from ..reference.rangecoder.model import STRETCH
from . import threads
from ._call import check, pointer
from ._kernels import ffi

__all__ = ["rangecoder_encode", "rangecoder_decode"]

MOST = 2e7  # codes a second, to the order of magnitude: the chain is as slow on every instruction set


def rangecoder_encode(kernel, row):
    """Return the operation rangecoder_encode computed by a C kernel."""

    @wraps(reference.rangecoder_encode)
    def rangecoder_encode(codes, *, alphabet):
        codes, alphabet = encode_arguments(codes, alphabet)
        if codes.size == 0:
            return np.zeros(0, np.uint8)
        columns, state, parts = _columns(codes.shape), ffi.new("struct rc_rangecoder *"), []
        for begin, end in _chunks(codes.size, row.speed):
            # A flag takes at most log2(65536 / 24) bits, each of 8 more log2(65536 / 64): 11.5 bytes.
            room = np.empty(12 * (end - begin) + 4, np.uint8)
            check(kernel(begin, end, codes.shape[1], alphabet, pointer(STRETCH), pointer(codes), columns, state,
                         pointer(room, writable=True)), "codes")
            parts.append(room[: state.position].tobytes())
        return np.frombuffer(b"".join(parts) + ending(state.low, state.high), np.uint8).copy()

    return rangecoder_encode


def rangecoder_decode(kernel, row):
    """Return the operation rangecoder_decode computed by a C kernel."""

    @wraps(reference.rangecoder_decode)
    def rangecoder_decode(data, *, shape, alphabet):
        data, (m, k), alphabet = decode_arguments(data, shape, alphabet)
        codes = np.zeros((m, k), np.uint8)
        if codes.size == 0:
            check_end(data.tobytes(), 0, 0, 0)
            return codes
        columns, state = _columns((m, k)), ffi.new("struct rc_rangecoder *")
        for begin, end in _chunks(codes.size, row.speed):
            check(kernel(begin, end, k, alphabet, pointer(STRETCH), len(data), pointer(data), columns, state,
                         pointer(codes, writable=True)), "data")
        check_end(data.tobytes(), state.position - 4, state.low, state.high)
        return codes

    return rangecoder_decode


def _columns(shape: tuple[int, int]):
    """Return the slots of the columns; one row needs none."""
    return ffi.new("struct rc_rangecoder_slot[]", shape[1]) if shape[0] > 1 else ffi.NULL


def _chunks(count: int, speed: float) -> list[tuple[int, int]]:
    """Return ranges of codes that cover all of them, each about threads.CHUNK_SECONDS of work."""
    size = int(min(speed, MOST) * threads.CHUNK_SECONDS)
    return [(begin, min(begin + size, count)) for begin in range(0, count, size)]
