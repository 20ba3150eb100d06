"""Kind 18: an array of any type of element, bit for bit, each plane of its bits a stream of its own."""

import io
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..errors import UnsupportedVersionError
from ..formats import ELEMENT_TYPES, Plain
from ..formats.base import same_bits
from ..reference.planes.elements import plan_of
from . import streams
from .arrays import checked, owned, read_shape, shape_bytes
from .cursor import Coding, Reader
from .kinds import Kind

TYPES = {0: "bool", 1: "int8", 2: "uint8", 3: "int16", 4: "uint16", 5: "int32", 6: "uint32", 7: "int64", 8: "uint64",
         9: "float16", 10: "float32", 11: "float64", 12: "complex64", 13: "bfloat16", 14: "fp8_e4m3", 15: "fp8_e5m2",
         16: "fp8_e8m0", 17: "fp8_e4m3fnuz", 18: "fp8_e5m2fnuz", 19: "fp6_e2m3", 20: "fp6_e3m2", 21: "fp4_e2m1",
         22: "int4", 23: "uint4", 24: "int2", 25: "uint2"}
NUMBERS = {name: number for number, name in TYPES.items()}


RUN = 2**18  # numbers whose planes are coded together: an embedding's rows differ, and a run stays in a near cache


def run_of(name: str) -> int:
    """Return how many elements of a type have their planes coded together."""
    return RUN * plan_of(name).word.itemsize // ELEMENT_TYPES[name].pattern.itemsize


def write_plain(a: Plain, coding: Coding) -> bytes:
    split, each = streams.operation(coding.implementation, "planes_split"), run_of(a.type)
    out = io.BytesIO()  # which gives its bytes without a copy
    out.write(bytes([Kind.PLAIN, NUMBERS[a.type]]) + shape_bytes(a.shape, a.patterns.itemsize))
    patterns = a.patterns.reshape(-1)
    for start in range(0, patterns.size, each):
        for plane in split(patterns[start : start + each], a.type):
            for part in streams.Stream(plane, coding).parts():
                out.write(part)
    return out.getvalue()


def read_type(reader: Reader) -> str:
    """Return the name of the element type whose number follows; refuse one of a later release."""
    number = reader.byte("header")
    if number not in TYPES:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of element type {number}; "
                                              f"this release reads 0 to {max(TYPES)}")
    return TYPES[number]


class Head(NamedTuple):
    """What stands before the planes: the element type, its shape, and how many elements a run has."""

    type: str
    shape: tuple[int, ...]
    each: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def read_head(reader: Reader) -> Head:
    name = read_type(reader)
    head = Head(name, read_shape(reader, ELEMENT_TYPES[name].pattern.itemsize), run_of(name))
    if len(plan_of(name).widths) * -(-head.size // head.each) > reader.remaining:  # a stream takes a byte
        raise reader.corrupt(f"the planes of {head.size} elements do not fit the {reader.remaining} bytes that are "
                             "left")
    return head


def read_runs(reader: Reader, head: Head) -> Iterator[tuple[int, np.ndarray]]:
    """Yield where each run begins, and the patterns of its elements."""
    join, plan = streams.operation(reader.coding.implementation, "planes_join"), plan_of(head.type)
    itemsize = ELEMENT_TYPES[head.type].pattern.itemsize
    for start in range(0, head.size, head.each):
        count = min(head.each, head.size - start) * itemsize // plan.word.itemsize
        yield start, join([streams.read(reader, count, 2**width, "values") for width in plan.widths], head.type)


def read_plain(reader: Reader, kind: int) -> Plain:
    head = read_head(reader)
    pattern = ELEMENT_TYPES[head.type].pattern
    reader.promise(head.size * pattern.itemsize)
    patterns = np.empty(head.shape, pattern)
    flat = patterns.reshape(-1)
    for start, run in read_runs(reader, head):
        flat[start : start + head.each] = run
    return checked(reader, Plain, owned(patterns), head.type)


def is_read_as(reader: Reader, a: Plain) -> bool:
    """Return whether what follows is read as ``a``, bit for bit; a run at a time is in memory."""
    head = read_head(reader)
    if (head.type, head.shape) != (a.type, a.shape):
        return False
    flat = a.patterns.reshape(-1)
    return all(same_bits(run, flat[start : start + head.each]) for start, run in read_runs(reader, head))
