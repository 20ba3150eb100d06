"""Kinds 14 and 17, around integers of another kind: Packed adds its bits, QuantizedLayer its inputs and its bias."""

import math

import numpy as np

from ..formats import Packed, Quantized, QuantizedLayer
from . import quantized, rows
from .arrays import checked, raw, read_raw
from .cursor import Coding, Reader
from .kinds import Kind, listed
from .streams import operation

# Kind 14: Packed. A stream takes no more bits than the integers use, so the file holds those of a Quantized.

PACKED = (Kind.INT8, Kind.INT8_DIFFERENCES, Kind.ROWS)


def write_packed(a: Packed, coding: Coding) -> bytes:
    return bytes([Kind.PACKED, a.bits]) + rows.write(operation(coding.implementation, "quantize_unpack")(a), coding)


def read_packed(reader: Reader, kind: int) -> Packed:
    bits = reader.byte("header")
    if not 1 <= bits <= 7:
        raise reader.corrupt(f"packed integers have 1 to 7 bits, not {bits}")
    part = reader.byte("header")
    if part not in PACKED:
        raise reader.corrupt(f"packed integers are of kind {listed(PACKED)}, not {part}")
    integers = rows.read(reader, part) if part == Kind.ROWS else quantized.read_quantized(reader, part)
    if not isinstance(integers, Quantized) or integers.values.dtype != np.int8:
        raise reader.corrupt("packed integers in rows are of kind 3 or 11")
    reader.promise(math.ceil(integers.values.size * bits / 8))
    return checked(reader, operation(reader.coding.implementation, "quantize_pack"), integers, bits=bits)


# Kind 17: QuantizedLayer. One byte says which of its parts are there.

SCALE, BITS, STEP, BIAS = 1, 2, 4, 8
WEIGHTS = (*quantized.INTEGERS, Kind.PACKED)


def write_layer(a: QuantizedLayer, coding: Coding) -> bytes:
    weight = write_packed(a.weight, coding) if isinstance(a.weight, Packed) else rows.write(a.weight, coding)
    flags, parts = 0, list[bytes | memoryview]()
    if a.input_scale is not None:
        flags, parts = flags | SCALE, [*parts, raw(a.input_scale)]
    if a.input_bits is not None:
        flags, parts = flags | BITS, [*parts, bytes([a.input_bits])]
    if a.input_step is not None:
        flags, parts = flags | STEP, [*parts, raw(np.array([a.input_step], np.float32))]
    if a.bias is not None:
        flags, parts = flags | BIAS, [*parts, raw(a.bias)]
    return b"".join([bytes([Kind.LAYER]), weight, bytes([flags]), *parts])


def read_layer(reader: Reader, kind: int) -> QuantizedLayer:
    part = reader.byte("header")
    if part not in WEIGHTS:
        raise reader.corrupt(f"the weight of a layer is of kind {listed(WEIGHTS)}, not {part}")
    weight = (read_packed if part == Kind.PACKED else quantized.read_quantized)(reader, part)
    m, k = weight_shape(reader, weight.shape)
    flags = read_flags(reader)
    scale = read_raw(reader, (k,), np.float32, "scales") if flags & SCALE else None
    bits = reader.byte("header") if flags & BITS else None
    step = float(read_raw(reader, (1,), np.float32, "scales")[0]) if flags & STEP else None
    bias = read_raw(reader, (m,), np.float32, "arrays") if flags & BIAS else None
    return checked(reader, QuantizedLayer, weight, scale, bits, step, bias)


def weight_shape(reader: Reader, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the outputs and the inputs of a layer, or refuse the shape of its weight."""
    if len(shape) != 2:
        raise reader.corrupt(f"the weight of a layer has 2 dimensions, not {len(shape)}")
    return shape


def read_flags(reader: Reader) -> int:
    """Return which of a layer's parts follow."""
    flags = reader.byte("header")
    if flags > SCALE | BITS | STEP | BIAS:
        raise reader.corrupt(f"the parts of a layer are 0 to 15, not {flags}")
    return flags
