"""The kinds of entry that hold numbers of few bits: integers with scales, two widths in one matrix, MX, NF4, NVFP4.

All their codes are streams, so a file takes no more bits for them than they use, whatever width they have in memory.
"""

import math
from typing import NamedTuple

import numpy as np

from ..errors import UnsupportedVersionError
from ..formats import MX, MX_ELEMENTS, NF4, NVFP4, Mixed, Quantized
from ..formats.base import block_shape, matrix_shape
from ..formats.floats import MX_BLOCK
from ..formats.nvfp4 import NVFP4_BLOCK
from . import stream_reading
from .arrays import checked, owned, raw, read_raw, read_shape, shape_bytes
from .bits import BLOCK
from .codes import Codes, read_codes
from .cursor import Coding, Reader, integer_bytes
from .kinds import Kind, listed
from .streams import Stream, smaller

INTEGERS = (Kind.INT8, Kind.INT16, Kind.INT8_DIFFERENCES, Kind.INT16_DIFFERENCES)
WIDE = (Kind.INT16, Kind.INT16_DIFFERENCES)
PARTS = (Kind.INT8, Kind.INT8_DIFFERENCES), WIDE  # of a mixed matrix: those of 8 bits, and of 16
DIFFERENCES = (Kind.INT8_DIFFERENCES, Kind.INT16_DIFFERENCES)
MX_NUMBERS = {"mxfp8_e4m3": 0, "mxfp8_e5m2": 1, "mxfp6_e2m3": 2, "mxfp6_e3m2": 3, "mxfp4_e2m1": 4, "mxint8": 5}
MX_FORMATS = {number: name for name, number in MX_NUMBERS.items()}


# Kinds 3 and 5: Quantized of int8 and of int16; 11 and 12 by their differences from the zero points. Small magnitudes
# become small symbols: 0, -1, 1, -2, 2 ... are 0, 1, 2, 3, 4 ...

def fold(values: np.ndarray) -> np.ndarray:
    """Return int8 as uint8, int16 as uint16: 2v where v >= 0, else -2v - 1."""
    symbols, flat = np.empty(values.shape, values.dtype), values.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        part, folded = flat[start : start + BLOCK], symbols.reshape(-1)[start : start + BLOCK]
        negative = np.less(part, 0).astype(values.dtype)  # all bits are set where a value is below 0, when negated
        np.bitwise_xor(np.add(part, part, out=folded), np.negative(negative, out=negative), out=folded)
    return symbols.view(f"u{values.itemsize}")


def unfold(symbols: np.ndarray) -> np.ndarray:
    """Return the integers whose :func:`fold` is ``symbols``, in the same memory: indices would take 8 bytes each."""
    flat = symbols.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        odd = part & part.dtype.type(1)
        part >>= 1
        part ^= np.negative(odd, out=odd)
    return symbols.view(f"i{symbols.itemsize}")


class Integers:
    """A Quantized in the smaller of its two kinds: values as they are, or differences from the zero points.

    A difference wraps as the dtype does. The zeros of a pruned matrix have the zero points for values, perhaps many
    different ones. Their differences are all 0, and a layout may leave those out. Version 1 has no such kind.

    values, differences : the stream of the values or of the differences, if it is known
    """

    def __init__(self, a: Quantized, coding: Coding, values: Stream | None = None,
                 differences: Stream | None = None):
        self.a = a
        self.zero_points = Stream(fold(a.zero_point.reshape(-1)), coding)
        wide = a.values.itemsize == 2
        self.kind: Kind = Kind.INT16 if wide else Kind.INT8
        self.content: Stream | Codes = values or Stream(fold(a.values.reshape(-1)), coding)
        if coding.version > 1:
            if a.zero_point.any():
                difference = differences or Stream(fold((a.values - a.expand(a.zero_point)).reshape(-1)), coding)
                other = Codes(difference, True, coding)
            else:  # the differences are the values
                other = Codes(self.content, True, coding, a.values.reshape(-1))
            if other.values is not self.content and smaller(other, self.content):  # the same stream has a byte more
                self.kind, self.content = Kind.INT16_DIFFERENCES if wide else Kind.INT8_DIFFERENCES, other

    def tobytes(self) -> bytes:
        """Return the kind and what the kind says."""
        a, full = self.a, scale_shape(self.a.shape, self.a.group)
        own = sum(1 << axis for axis, (s, f) in enumerate(zip(a.scale.shape, full)) if s == f != 1)
        head = shape_bytes(a.shape, 4) + integer_bytes(a.group or 0) + integer_bytes(own) + raw(a.scale)
        return b"".join([bytes([self.kind]), head, *self.zero_points.parts(), *self.content.parts()])


def write_quantized(a: Quantized, coding: Coding) -> bytes:
    return Integers(a, coding).tobytes()


def scale_shape(shape: tuple[int, ...], group: int | None) -> tuple[int, ...]:
    """Return the shape of a scale that is shared along no axis but within the groups."""
    return shape if group is None else block_shape(shape, group)


class Grid(NamedTuple):
    """What stands before the scales of a Quantized: its shape, its group, and the shape of its scales."""

    shape: tuple[int, ...]
    group: int | None
    scales: tuple[int, ...]


def read_grid(reader: Reader) -> Grid:
    shape = read_shape(reader, 4)
    if not shape:
        raise reader.corrupt("quantized values have at least one dimension")
    group = reader.integer("header") or None
    own = reader.integer("header")
    full = scale_shape(shape, group)
    if own >> len(full) or any(own >> axis & 1 and f == 1 for axis, f in enumerate(full)):
        raise reader.corrupt("the axes with scales of their own must be axes of a size other than 1")
    return Grid(shape, group, tuple(f if own >> axis & 1 else 1 for axis, f in enumerate(full)))


def read_quantized(reader: Reader, kind: int) -> Quantized:
    shape, group, scales = read_grid(reader)
    scale = read_raw(reader, scales, np.float32, "scales")
    bytes_each = 2 if kind in WIDE else 1
    alphabet = 256**bytes_each
    zero_point = unfold(stream_reading.read(reader, scale.size, alphabet, "zero points")).reshape(scales)
    size = math.prod(shape)
    reader.promise(bytes_each * (size + scale.size))
    if kind in DIFFERENCES:
        read = read_codes(reader, size, alphabet, True)
    else:
        read = stream_reading.read_stream(reader, size, alphabet, "values")
    values = owned(unfold(read.symbols)).reshape(shape)
    again = Stream(lambda: fold(values.reshape(-1)), reader.coding, read.counts, read.coded,
                   read.units)
    del read  # its symbols are the values now
    a = checked(reader, Quantized, values, scale, zero_point, group)
    if kind in DIFFERENCES:
        values = a.values
        a = Quantized(owned(a.values + a.expand(zero_point)), scale, zero_point, group)
    if reader.own:
        return a
    written = (Integers(a, reader.coding, None, again) if kind in DIFFERENCES and zero_point.any() else
               Integers(a, reader.coding, again)).kind
    if kind != written:
        raise reader.corrupt(f"is of kind {kind} where a writer takes {written}")
    return a


# Kind 6: Mixed. Which rows or columns are wide, then the two Quantized, each with its kind (without it in version 1).

def write_mixed(a: Mixed, coding: Coding) -> bytes:
    wide = Stream(a.wide.astype(np.uint8), coding)
    parts = [write_quantized(part, coding)[coding.version == 1 :] for part in (a.low, a.high)]
    return bytes([Kind.MIXED, a.axis]) + integer_bytes(len(a.wide)) + wide.tobytes() + b"".join(parts)


def read_mixed(reader: Reader, kind: int) -> Mixed:
    axis = reader.byte("header")
    count = reader.integer("shapes")
    reader.promise(count)
    wide = stream_reading.read(reader, count, 2, "indices").astype(bool)
    parts = [read_quantized(reader, read_part_kind(reader, kinds)) for kinds in PARTS]
    return checked(reader, Mixed, *parts, wide, axis)


def read_part_kind(reader: Reader, kinds: tuple[Kind, ...]) -> int:
    """Return the kind of a part of a mixed matrix, one of ``kinds``."""
    part = kinds[0] if reader.coding.version == 1 else reader.byte("header")
    if part not in kinds:
        raise reader.corrupt(f"a part of a mixed matrix is of kind {listed(kinds)}, not {part}")
    return part


# Kind 7: MX. A byte for the scale of each block and a code for each element; int8 codes are folded.

def write_mx(a: MX, coding: Coding) -> bytes:
    symbols = a.codes.reshape(-1)
    codes = Stream(fold(symbols) if symbols.dtype == np.int8 else symbols, coding)
    scales = Stream(a.scales.reshape(-1), coding)
    head = bytes([Kind.MX, MX_NUMBERS[a.format]]) + shape_bytes(a.shape, 4)
    return head + scales.tobytes() + codes.tobytes()


def read_mx_format(reader: Reader) -> str:
    """Return the name of the format whose number follows; refuse one of a later release."""
    number = reader.byte("header")
    if number not in MX_FORMATS:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of MX format {number}; "
                                              f"this release reads 0 to {max(MX_FORMATS)}")
    return MX_FORMATS[number]


def read_mx(reader: Reader, kind: int) -> MX:
    name = read_mx_format(reader)
    shape = read_blocks(reader)
    scale_shape = block_shape(shape, MX_BLOCK)
    size, blocks = math.prod(shape), math.prod(scale_shape)
    reader.promise(size + blocks)
    scales = stream_reading.read(reader, blocks, 256, "scales").reshape(scale_shape)
    codes = stream_reading.read(reader, size, 256, "values")
    if MX_ELEMENTS[name] is None:
        codes = unfold(codes)
    return checked(reader, MX, owned(codes.reshape(shape)), owned(scales), name)


# Kind 8: NF4. A float32 for the scale of each block and a code of 4 bits for each element.

def write_nf4(a: NF4, coding: Coding) -> bytes:
    codes = Stream(a.codes.reshape(-1), coding)
    return bytes([Kind.NF4]) + shape_bytes(a.shape, 4) + integer_bytes(a.block) + raw(a.scales) + codes.tobytes()


def read_nf4(reader: Reader, kind: int) -> NF4:
    shape = read_blocks(reader)
    block = reader.integer("header")
    if block == 0:
        raise reader.corrupt("a block has at least one element")
    scales = read_raw(reader, block_shape(shape, block), np.float32, "scales")
    size = math.prod(shape)
    reader.promise(size)
    codes = stream_reading.read(reader, size, 16, "values").reshape(shape)
    return checked(reader, NF4, owned(codes), scales, block)


# Kind 21: NVFP4. A code of 7 bits for the scale of each block, and of 4 bits for each element.

def write_nvfp4(a: NVFP4, coding: Coding) -> bytes:
    scales, codes = Stream(a.scales.reshape(-1), coding), Stream(a.codes.reshape(-1), coding)
    head = bytes([Kind.NVFP4]) + shape_bytes(a.shape, 4) + raw(np.asarray(a.tensor_scale))
    return head + scales.tobytes() + codes.tobytes()


def read_nvfp4(reader: Reader, kind: int) -> NVFP4:
    shape = read_blocks(reader)
    of_all = read_raw(reader, (), np.float32, "scales")
    scale_shape = block_shape(matrix_shape(shape), NVFP4_BLOCK)
    size, blocks = math.prod(shape), math.prod(scale_shape)
    reader.promise(size + blocks)
    scales = stream_reading.read(reader, blocks, 127, "scales").reshape(scale_shape)
    codes = stream_reading.read(reader, size, 16, "values").reshape(shape)
    return checked(reader, NVFP4, owned(codes), owned(scales), of_all)


def read_blocks(reader: Reader) -> tuple[int, ...]:
    shape = read_shape(reader, 4)
    if not shape:
        raise reader.corrupt("an array of blocks has at least one dimension")
    return shape
