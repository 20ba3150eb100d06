"""The rangecoder family in C: rangecoder_encode, rangecoder_decode.

One chain of bits, in chunks of codes, as in native/huffman.py.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..reference.rangecoder.coder import check_end, ending
from ..reference.rangecoder.lanes import LANES
from ..reference.rangecoder.matrix import decode_arguments, encode_arguments
from ..reference.rangecoder.model import STRETCH
from . import _table, threads
from ._call import check, pointer
from ._kernels import ffi

__all__ = ["rangecoder_encode", "rangecoder_decode"]

MOST = {1: 2e7, LANES: 1e8}  # codes a second, by the lanes, to the order of magnitude
ROOM = {1: 12, LANES: 256}  # bytes that a code takes at most, or a step: a flag 16 bits, 8 other bits 10 each


def rangecoder_encode(kernel, row):
    """Return the operation rangecoder_encode computed by a C kernel."""
    rows = row.kernels.get("rangecoder_encode_rows") or _table.widest("rangecoder_encode_rows")  # none with the user's

    @wraps(reference.rangecoder_encode)
    def rangecoder_encode(codes, *, alphabet, lanes=1):
        codes, alphabet, lanes = encode_arguments(codes, alphabet, lanes)
        if codes.size == 0:
            return np.zeros(0, np.uint8)
        m, k = codes.shape
        columns, state, parts = _columns(m, k, lanes), _state(lanes), []
        for begin, end in _chunks(m, k, lanes, row.speed):
            room = np.empty(ROOM[lanes] * (end - begin) + 4, np.uint8)
            if lanes == LANES:
                check(rows(begin, end, m, k, alphabet, pointer(codes), columns, state, pointer(room, writable=True)),
                      "codes")
            else:
                check(kernel(begin, end, k, alphabet, pointer(STRETCH), pointer(codes), columns, state,
                             pointer(room, writable=True)), "codes")
            parts.append(room[: state.interval.position].tobytes())
        low, high = _ends(state)
        return np.frombuffer(b"".join(parts) + ending(low, high), np.uint8).copy()

    return rangecoder_encode


def rangecoder_decode(kernel, row):
    """Return the operation rangecoder_decode computed by a C kernel."""
    rows = row.kernels.get("rangecoder_decode_rows") or _table.widest("rangecoder_decode_rows")  # none with the user's

    @wraps(reference.rangecoder_decode)
    def rangecoder_decode(data, *, shape, alphabet, lanes=1):
        data, (m, k), alphabet, lanes = decode_arguments(data, shape, alphabet, lanes)
        codes = np.zeros((m, k), np.uint8)
        if codes.size == 0:
            check_end(data.tobytes(), 0, 0, 0)
            return codes
        columns, state = _columns(m, k, lanes), _state(lanes)
        for begin, end in _chunks(m, k, lanes, row.speed):
            if lanes == LANES:
                check(rows(begin, end, m, k, alphabet, len(data), pointer(data), columns, state,
                           pointer(codes, writable=True)), "data")
            else:
                check(kernel(begin, end, k, alphabet, pointer(STRETCH), len(data), pointer(data), columns, state,
                             pointer(codes, writable=True)), "data")
        check_end(data.tobytes(), state.interval.position - 4, *_ends(state))
        return codes

    return rangecoder_decode


def _state(lanes: int):
    return ffi.new("struct rc_rangecoder_lanes *" if lanes == LANES else "struct rc_rangecoder *")


def _columns(m: int, k: int, lanes: int):
    """Return the slots of the columns; one row on its own needs none."""
    if lanes == LANES:
        return ffi.new("int32_t[]", 2 * (k // 2 + 32))
    return ffi.new("struct rc_rangecoder_slot[]", k) if m > 1 else ffi.NULL


def _ends(state) -> tuple[int, int]:
    """Return the first and the last number of the interval."""
    return state.interval.low, state.interval.low + state.interval.range


def _chunks(m: int, k: int, lanes: int, speed: float) -> list[tuple[int, int]]:
    """Return ranges of codes, or of steps, that cover all of them, each about threads.CHUNK_SECONDS of work."""
    count = -(-m // LANES) * (k + 2 * (LANES - 1)) if lanes == LANES else m * k
    size = int(min(speed, MOST[lanes]) * threads.CHUNK_SECONDS) // lanes
    return [(begin, min(begin + size, count)) for begin in range(0, count, size)]
