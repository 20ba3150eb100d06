"""The kinds of entry that hold numbers of few bits: integers with scales, two widths in one matrix, MX blocks, NF4.

All their codes are streams, so a file takes no more bits for them than they use, whatever width they have in memory.
"""

import math

import numpy as np

from ..errors import UnsupportedVersionError
from ..formats import MX, MX_ELEMENTS, NF4, Mixed, Quantized
from ..formats.floats import MX_BLOCK, block_shape
from . import streams
from .arrays import checked, owned, raw, read_raw, read_shape, shape_bytes
from .cursor import Reader, integer_bytes

MX_FORMATS = list(MX_ELEMENTS)  # a format's number is its place


# Kinds 3 and 5: Quantized of int8 and of int16. Small magnitudes become small symbols: 0, -1, 1, -2, 2 ... are
# 0, 1, 2, 3, 4 ...

def fold(values: np.ndarray) -> np.ndarray:
    """Return int8 as uint8, int16 as uint16: 2v where v >= 0, else -2v - 1."""
    return (values << 1 ^ values >> 8 * values.itemsize - 1).view(f"u{values.itemsize}")


def unfold(symbols: np.ndarray) -> np.ndarray:
    """Return the integers that :func:`fold` made ``symbols`` of, in their place (as an index they would take 8 bytes)."""
    odd = symbols & symbols.dtype.type(1)
    symbols >>= 1
    symbols ^= np.negative(odd, out=odd)
    return symbols.view(f"i{symbols.itemsize}")


def write_quantized(a: Quantized, implementation) -> bytes:
    full = scale_shape(a.shape, a.group)
    own = sum(1 << axis for axis, (s, f) in enumerate(zip(a.scale.shape, full)) if s == f != 1)
    head = shape_bytes(a.shape, 4) + integer_bytes(a.group or 0) + integer_bytes(own) + raw(a.scale)
    zero_points = streams.Stream(fold(a.zero_point.reshape(-1)), implementation)
    values = streams.Stream(fold(a.values.reshape(-1)), implementation)
    return head + zero_points.tobytes() + values.tobytes()


def scale_shape(shape: tuple[int, ...], group: int | None) -> tuple[int, ...]:
    """Return the shape of a scale that is shared along no axis but within the groups."""
    return shape if group is None else block_shape(shape, group)


def read_quantized(reader: Reader, implementation, dtype=np.int8) -> Quantized:
    shape = read_shape(reader, 4)
    if not shape:
        raise reader.corrupt("quantized values have at least one dimension")
    group = reader.integer("header") or None
    own = reader.integer("header")
    full = scale_shape(shape, group)
    if own >> len(full) or any(own >> axis & 1 and f == 1 for axis, f in enumerate(full)):
        raise reader.corrupt("the axes with scales of their own must be axes of a size other than 1")
    scales = tuple(f if own >> axis & 1 else 1 for axis, f in enumerate(full))
    scale = read_raw(reader, scales, np.float32, "scales")
    bytes_each = np.dtype(dtype).itemsize
    alphabet = 256**bytes_each
    zero_point = unfold(streams.read(reader, scale.size, alphabet, "zero points", implementation)).reshape(scales)
    size = math.prod(shape)
    reader.promise(bytes_each * (size + scale.size))
    values = unfold(streams.read(reader, size, alphabet, "values", implementation)).reshape(shape)
    return checked(reader, Quantized, owned(values), scale, zero_point, group)


def read_quantized_s16(reader: Reader, implementation) -> Quantized:
    return read_quantized(reader, implementation, np.int16)


# Kind 6: Mixed, which rows or columns are wide and the two Quantized.

def write_mixed(a: Mixed, implementation) -> bytes:
    wide = streams.Stream(a.wide.astype(np.uint8), implementation)
    head = bytes([a.axis]) + integer_bytes(len(a.wide)) + wide.tobytes()
    return head + write_quantized(a.low, implementation) + write_quantized(a.high, implementation)


def read_mixed(reader: Reader, implementation) -> Mixed:
    axis = reader.byte("header")
    count = reader.integer("shapes")
    reader.promise(count)
    wide = streams.read(reader, count, 2, "indices", implementation).astype(bool)
    low = read_quantized(reader, implementation)
    high = read_quantized_s16(reader, implementation)
    return checked(reader, Mixed, low, high, wide, axis)


# Kind 7: MX, a byte for the scale of each block and a code for each element; int8 codes are folded.

def write_mx(a: MX, implementation) -> bytes:
    codes = a.codes.reshape(-1)
    codes = streams.Stream(fold(codes) if codes.dtype == np.int8 else codes, implementation)
    scales = streams.Stream(a.scales.reshape(-1), implementation)
    return bytes([MX_FORMATS.index(a.format)]) + shape_bytes(a.shape, 4) + scales.tobytes() + codes.tobytes()


def read_mx(reader: Reader, implementation) -> MX:
    number = reader.byte("header")
    if number >= len(MX_FORMATS):
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of MX format {number}; "
                                              f"this release reads 0 to {len(MX_FORMATS) - 1}")
    shape = read_blocks(reader)
    scale_shape = block_shape(shape, MX_BLOCK)
    size, blocks = math.prod(shape), math.prod(scale_shape)
    reader.promise(size + blocks)
    scales = streams.read(reader, blocks, 256, "scales", implementation).reshape(scale_shape)
    codes = streams.read(reader, size, 256, "values", implementation)
    if MX_ELEMENTS[MX_FORMATS[number]] is None:
        codes = unfold(codes)
    return checked(reader, MX, owned(codes.reshape(shape)), owned(scales), MX_FORMATS[number])


# Kind 8: NF4, a float32 for the scale of each block and a code of 4 bits for each element.

def write_nf4(a: NF4, implementation) -> bytes:
    codes = streams.Stream(a.codes.reshape(-1), implementation)
    return shape_bytes(a.shape, 4) + integer_bytes(a.block) + raw(a.scales) + codes.tobytes()


def read_nf4(reader: Reader, implementation) -> NF4:
    shape = read_blocks(reader)
    block = reader.integer("header")
    if block == 0:
        raise reader.corrupt("a block has at least one element")
    scales = read_raw(reader, block_shape(shape, block), np.float32, "scales")
    size = math.prod(shape)
    reader.promise(size)
    codes = streams.read(reader, size, 16, "values", implementation).reshape(shape)
    return checked(reader, NF4, owned(codes), scales, block)


def read_blocks(reader: Reader) -> tuple[int, ...]:
    shape = read_shape(reader, 4)
    if not shape:
        raise reader.corrupt("an array of blocks has at least one dimension")
    return shape
