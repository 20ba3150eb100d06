"""Kind 19: blocks of ggml, bit for bit. What lies at the same place of all blocks of a run is a stream of its own."""

import io
import math

import numpy as np

from ..errors import UnsupportedVersionError
from ..formats import GGML_TYPES, GGMLBlocks
from . import stream_reading, streams
from .arrays import checked, owned, read_shape, shape_bytes
from .cursor import Coding, Reader
from .kinds import Kind

RUN = 2**13  # blocks whose columns are coded together

# The bytes of a block, in columns that are coded apart: the two bytes of each float16, scales, high bits, codes.
COLUMNS = {
    "Q4_0": (1, 1, 16), "Q4_1": (1, 1, 1, 1, 16), "Q5_0": (1, 1, 4, 16), "Q5_1": (1, 1, 1, 1, 4, 16),
    "Q8_0": (1, 1, 32), "Q2_K": (16, 64, 1, 1, 1, 1), "Q3_K": (32, 64, 8, 4, 1, 1), "Q4_K": (1, 1, 1, 1, 12, 128),
    "Q5_K": (1, 1, 1, 1, 12, 32, 128), "Q6_K": (128, 64, 16, 1, 1), "IQ4_NL": (1, 1, 16), "IQ4_XS": (1, 1, 2, 4, 128),
    "TQ1_0": (32, 16, 4, 1, 1), "TQ2_0": (64, 1, 1), "MXFP4": (1, 16), "NVFP4": (4, 32),
}
NAMES = {block.number: name for name, block in GGML_TYPES.items()}


def write_blocks(a: GGMLBlocks, coding: Coding) -> bytes:
    out = io.BytesIO()  # which gives its bytes without a copy
    out.write(bytes([Kind.GGML_BLOCKS, GGML_TYPES[a.type].number]) + shape_bytes(a.shape, 4))
    for start in range(0, len(a.data), RUN):
        run = a.data[start : start + RUN]
        for column in np.split(run, np.cumsum(COLUMNS[a.type])[:-1], axis=1):
            out.write(streams.Stream(column.flatten(), coding).tobytes())
    return out.getvalue()


def read_head(reader: Reader) -> tuple[str, tuple[int, ...]]:
    """Return the name of the type and the shape that follow."""
    number = reader.byte("header")
    if number not in NAMES:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} has blocks of ggml's type {number}; this "
                                              f"release reads {', '.join(map(str, NAMES))}")
    block = GGML_TYPES[NAMES[number]]
    shape = read_shape(reader, 4)
    if not shape or shape[-1] % block.numbers:
        raise reader.corrupt(f"the last size of an array of {block.name} is a multiple of {block.numbers}, not {shape}")
    return block.name, shape


def read_blocks(reader: Reader, kind: int) -> GGMLBlocks:
    name, shape = read_head(reader)
    block, columns = GGML_TYPES[name], COLUMNS[name]
    count = math.prod(shape) // block.numbers
    if len(columns) * -(-count // RUN) > reader.remaining:  # a stream takes a byte
        raise reader.corrupt(f"the columns of {count} blocks do not fit the {reader.remaining} bytes that are left")
    reader.promise(count * block.nbytes)
    data = np.empty((count, block.nbytes), np.uint8)
    for start in range(0, count, RUN):
        run, begin = data[start : start + RUN], 0
        for width in columns:
            column = stream_reading.read(reader, len(run) * width, 256, "values")
            run[:, begin : begin + width] = column.reshape(-1, width)
            begin += width
    return checked(reader, GGMLBlocks, owned(data), block.name, shape)
