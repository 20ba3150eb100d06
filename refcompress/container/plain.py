"""Kind 18: an array of any type of element, bit for bit, each plane of its bits a stream of its own."""

import io
import math
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from ..errors import CorruptError, UnsupportedVersionError
from ..formats import ELEMENT_TYPES, Plain
from ..formats.base import same_bits
from ..reference.planes import coded
from ..reference.planes.elements import plan_of
from . import stream_blocks, stream_reading, streams
from .arrays import checked, owned, read_shape, shape_bytes
from .cursor import Coding, Reader
from .kinds import Kind

TYPES = {0: "bool", 1: "int8", 2: "uint8", 3: "int16", 4: "uint16", 5: "int32", 6: "uint32", 7: "int64", 8: "uint64",
         9: "float16", 10: "float32", 11: "float64", 12: "complex64", 13: "bfloat16", 14: "fp8_e4m3", 15: "fp8_e5m2",
         16: "fp8_e8m0", 17: "fp8_e4m3fnuz", 18: "fp8_e5m2fnuz", 19: "fp6_e2m3", 20: "fp6_e3m2", 21: "fp4_e2m1",
         22: "int4", 23: "uint4", 24: "int2", 25: "uint2"}
NUMBERS = {name: number for number, name in TYPES.items()}


def run_of(name: str) -> int:
    """Return how many elements of a type have their planes coded together."""
    return coded.RUN * plan_of(name).word.itemsize // ELEMENT_TYPES[name].pattern.itemsize


def of_bytes(name: str) -> bool:
    """Return whether no plane of a type has more than 8 bits: these are what planes_encode and planes_decode take."""
    return plan_of(name).widths[0] <= 8


def has_blocks(coding: Coding) -> bool:
    """Return whether the planes of this version of the file may be cut into blocks."""
    return coding.version >= stream_blocks.FIRST_VERSION


def head_of(a: Plain) -> bytes:
    return bytes([Kind.PLAIN, NUMBERS[a.type]]) + shape_bytes(a.shape, a.patterns.itemsize)


def write_plain(a: Plain, coding: Coding) -> bytes:
    each, patterns = run_of(a.type), a.patterns.reshape(-1)
    encode, split = (streams.operation(coding.implementation, name) for name in ("planes_encode", "planes_split"))
    out = io.BytesIO()  # which gives its bytes without a copy
    out.write(head_of(a))
    for start in range(0, patterns.size, each):
        run = patterns[start : start + each]
        if of_bytes(a.type):
            out.write(encode(run, a.type, blocks=has_blocks(coding)).data)
            continue
        for plane in split(run, a.type):
            for part in streams.Stream(plane, coding).parts():
                out.write(part)
    return out.getvalue()


def view_of(a: Plain, coding: Coding) -> memoryview:
    """Return what :func:`write_plain` does, in the memory that it was written to; not of float64."""
    encode = streams.operation(coding.implementation, "planes_encode")
    return encode(a.patterns, a.type, head=head_of(a), blocks=has_blocks(coding)).data


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


def read_elements(reader: Reader, name: str, size: int) -> np.ndarray:
    """Return the patterns of the next elements; of many, or of the elements of one run.

    What planes_decode refuses is read stream by stream, which says what is wrong with it and where; so is what a ledger
    itemises.
    """
    if size and reader.bits is None and of_bytes(name):
        decode = streams.operation(reader.coding.implementation, "planes_decode")
        data = np.frombuffer(reader.data, np.uint8, reader.remaining, reader.position)
        with suppress(CorruptError):
            patterns, used = decode(data, name, size, strict=not reader.own, blocks=has_blocks(reader.coding))
            reader.take(used, "values")
            return patterns
    join, plan = streams.operation(reader.coding.implementation, "planes_join"), plan_of(name)
    patterns, each = np.empty(size, pattern_of(name)), run_of(name)
    for start in range(0, size, each):
        run = patterns[start : start + each]
        count = run.nbytes // plan.word.itemsize
        run[...] = join([stream_reading.read(reader, count, 2**width, "values") for width in plan.widths], name)
    return patterns


def pattern_of(name: str) -> np.dtype:
    return ELEMENT_TYPES[name].pattern


def read_plain(reader: Reader, kind: int) -> Plain:
    head = read_head(reader)
    reader.promise(head.size * pattern_of(head.type).itemsize)
    patterns = read_elements(reader, head.type, head.size)
    if isinstance(patterns.base, np.ndarray):
        owned(patterns.base)  # nobody else has what was just decoded
    return checked(reader, Plain, owned(patterns).reshape(head.shape), head.type)


def is_read_as(reader: Reader, a: Plain) -> bool:
    """Return whether what follows is read as ``a``, bit for bit; a run at a time is in memory."""
    head = read_head(reader)
    if (head.type, head.shape) != (a.type, a.shape):
        return False
    flat = a.patterns.reshape(-1)
    runs = (flat[start : start + head.each] for start in range(0, head.size, head.each))
    return all(same_bits(read_elements(reader, head.type, run.size), run) for run in runs)
