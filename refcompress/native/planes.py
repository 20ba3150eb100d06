"""The planes family in C: planes_split and planes_join, for elements of two bytes and more; shorter ones are one plane.
planes_encode and planes_decode go through a run at a time, so that Ctrl-C is answered between them.

The kernels know planes of bytes. The exponent of float64 is put together of two of them, and cut again, in NumPy.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats.element_types import ELEMENT_TYPES
from ..reference.huffman.stream import lanes_of
from ..reference.planes import coded
from ..reference.planes.elements import join_arguments, split_arguments, turned, turned_back
from . import threads
from ._call import LINE, check, empty, pointer
from ._kernels import ffi, lib

__all__ = ["planes_split", "planes_join", "planes_encode", "planes_decode"]

TURNS = {None: lib.RC_PLANES_AS_IT_IS, "rotate": lib.RC_PLANES_ROTATE, "fold": lib.RC_PLANES_FOLD}
_work = ffi.new_allocator(should_clear_after_alloc=False)


def planes_split(kernel, row):
    """Return the operation planes_split computed by a C kernel."""

    @wraps(reference.planes_split)
    def planes_split(patterns, type):
        patterns, plan = split_arguments(patterns, type)
        words = patterns.reshape(-1).view(plan.word)
        n, size = len(words), words.itemsize
        if size == 1:
            return (words.copy() if plan.turn is None else turned(words, plan.turn),)
        planes = [empty((n,), np.uint8) for _ in range(size)]
        outputs = [pointer(plane, writable=True) for plane in planes]
        operands = size, TURNS[plan.turn], pointer(words), ffi.new("uint8_t *[]", outputs)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "patterns"), n, size * n / row.speed, LINE)
        if plan.widths[0] == 8:
            return tuple(planes)
        exponent = planes[0].astype(np.uint16) << np.uint16(3)
        exponent |= planes[1] >> np.uint8(5)
        planes[1] &= np.uint8(31)
        return exponent, *planes[1:]

    return planes_split


def planes_join(kernel, row):
    """Return the operation planes_join computed by a C kernel."""

    @wraps(reference.planes_join)
    def planes_join(planes, type):
        planes, plan = join_arguments(planes, type)
        n, size = len(planes[0]), plan.word.itemsize
        if size == 1:
            return planes[0].copy() if plan.turn is None else turned_back(planes[0], plan.turn)
        if plan.widths[0] != 8:
            exponent = planes[0]
            planes[1] = planes[1] | (exponent << np.uint16(5)).astype(np.uint8)
            planes[0] = (exponent >> np.uint16(3)).astype(np.uint8)
        words = empty((n,), plan.word)
        inputs = [pointer(plane) for plane in planes]
        operands = size, TURNS[plan.turn], ffi.new("uint8_t *[]", inputs), pointer(words, writable=True)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "planes"), n, size * n / row.speed, LINE)
        return words.view(ELEMENT_TYPES[type].pattern)

    return planes_join


def planes_encode(kernel, row):
    """Return the operation planes_encode computed by a C kernel."""

    @wraps(reference.planes_encode)
    def planes_encode(patterns, type, *, head=b"", blocks=True):
        patterns, plan, head, blocks = coded.encode_arguments(patterns, type, head, blocks)
        words = patterns.reshape(-1).view(plan.word)
        n, size, used = len(words), words.itemsize, len(head)
        data = np.empty(used + coded.most_bytes(n, plan), np.uint8)  # what is not needed of it is never touched
        data[:used] = np.frombuffer(head, np.uint8)
        room, written = _Room(min(n, coded.RUN), size), ffi.new("size_t *")
        for begin in range(0, n, coded.RUN):
            run = words[begin : begin + coded.RUN]
            if size == 1 and plan.turn is not None:
                run = turned(run, plan.turn)
            check(kernel(len(run), size, TURNS[plan.turn], blocks, pointer(run), *room.parts,
                         pointer(data[used:], writable=True), written), "patterns")
            used += written[0]
        return data[:used].copy() if used < len(data) // 2 else data[:used]

    return planes_encode


def planes_decode(kernel, row):
    """Return the operation planes_decode computed by a C kernel."""

    @wraps(reference.planes_decode)
    def planes_decode(data, type, count, *, strict=True, blocks=True):
        data, plan, count, strict, blocks = coded.decode_arguments(data, type, count, strict, blocks)
        size, pattern = plan.word.itemsize, ELEMENT_TYPES[type].pattern
        n, used = count * pattern.itemsize // size, 0
        words = empty((n,), plan.word)
        room, read = _Room(min(n, coded.RUN), size), ffi.new("size_t *")
        for begin in range(0, n, coded.RUN):
            run = words[begin : begin + coded.RUN]
            check(kernel(len(run), size, TURNS[plan.turn], blocks, strict, len(data) - used,
                         pointer(data[used:]), *room.parts, pointer(run, writable=True), read), "data")
            used += read[0]
            if size == 1:
                if plan.widths[0] < 8 and run.max() >= 1 << plan.widths[0]:
                    raise coded.corrupt(f"has a symbol that is not below 2**{plan.widths[0]}")
                if plan.turn is not None:
                    run[...] = turned_back(run, plan.turn)
        return words.view(pattern), used

    return planes_decode


class _Room:
    """What the kernels of streams work in, for a run of n elements; parts : its pointers."""

    def __init__(self, n: int, size: int):
        self.planes, self.words = np.empty(size * n, np.uint8), np.empty(n + 2 * lanes_of(n), np.uint16)
        self.parts = (_work("struct rc_planes_work *"), pointer(self.planes, writable=True),
                      pointer(self.words, writable=True))
