"""The planes family in C: planes_split and planes_join, for elements of two bytes and more; shorter ones are one plane.

The kernels know planes of bytes. The exponent of float64 is put together of two of them, and cut again, in NumPy.
"""

from functools import wraps

import numpy as np

from .. import reference
from ..formats.element_types import ELEMENT_TYPES
from ..reference.planes.elements import join_arguments, split_arguments, turned, turned_back
from . import threads
from ._call import LINE, check, empty, pointer
from ._kernels import ffi, lib

__all__ = ["planes_split", "planes_join"]

TURNS = {None: lib.RC_PLANES_AS_IT_IS, "rotate": lib.RC_PLANES_ROTATE, "fold": lib.RC_PLANES_FOLD}


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
