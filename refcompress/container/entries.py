"""The kinds of entry as bytes: what follows an entry's name (FORMAT.md, "Entries").

Writers trust the frozen formats they are given. Readers trust nothing: counts are held against the bytes that are left
and against the limit before anything is allocated, and what was decoded goes through the checks of its format.
"""

import math
from dataclasses import replace

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError, UnsupportedVersionError
from ..formats import CSR, MX, NF4, LowRank, Mixed, Quantized, Shared
from ..formats.base import matrix_shape
from . import positions, quantized, streams
from .codes import Codes, read_codes, read_layout
from .arrays import checked, owned, raw, read_raw, read_shape, shape_bytes
from .cursor import Coding, Reader, integer_bytes

DTYPES = [np.dtype(name) for name in ("bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 "
                                      "float16 float32 float64").split()]  # a dtype's number is its place


def write(value, coding: Coding, contexts: bool = False) -> bytes:
    """Return the bytes of one entry after its name: its kind, then what the kind says.

    contexts : whether a Shared of at most 256 values may be written by the range coder, where that takes fewer bytes.
    """
    for kind, writer in WRITERS.items():
        if isinstance(value, kind):
            if in_rows(value):
                return write_rows(value, writer, coding)
            data = writer(value, coding)
            if contexts and kind is Shared and 1 <= len(value.codebook) <= 256:
                return min(data, write_contexts(value, coding), key=len)
            return data
    raise ArgumentTypeError("value", f"must be one of {', '.join(kind.__name__ for kind in WRITERS)}, not {type(value).__name__}")


def read(reader: Reader, kind: int):
    """Return the array or format that the entry at the reader's place holds, whose kind was read."""
    last = LAST_OF_VERSION_1 if reader.coding.version == 1 else max(READERS)
    if kind > last:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of kind {kind}; this release reads 0 to {last} "
                                              f"in version {reader.coding.version}")
    return READERS[kind](reader, kind)


# Kind 0: an array as it is, such as a bias.

def write_array(a: np.ndarray, coding: Coding) -> bytes:
    a = arguments.array(a, "value", *DTYPES)
    if a.dtype == bool:
        a = a.view(np.uint8) != 0  # memory may hold other bytes than 0 and 1
    return bytes([ARRAY, DTYPES.index(a.dtype)]) + shape_bytes(a.shape, a.itemsize) + raw(a)


def read_array(reader: Reader, kind: int) -> np.ndarray:
    number = reader.byte("header")
    if number >= len(DTYPES):
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of dtype {number}; "
                                              f"this release reads 0 to {len(DTYPES) - 1}")
    dtype = DTYPES[number]
    shape = read_shape(reader, dtype.itemsize)
    if dtype != bool:
        return read_raw(reader, shape, dtype, "arrays")
    a = read_raw(reader, shape, np.uint8, "arrays")
    if a.max(initial=0) > 1:
        raise reader.corrupt("a bool must be 0 or 1")
    return a.astype(bool)


# Kind 1: CSR, positions in C order over the matrix, values as they are.

def write_csr(a: CSR, coding: Coding) -> bytes:
    if not a.canonical:
        raise RefcompressError("value", "must be a canonical CSR: a file keeps neither order nor repetition of columns")
    m, k = a.shape
    places = np.repeat(np.arange(m, dtype=np.int64) * k, np.diff(a.indptr)) + a.indices
    layout, head, stream = positions.smallest(positions.Given(places), m * k, coding)
    return bytes([SPARSE]) + integer_bytes(m) + integer_bytes(k) + bytes([layout]) + head + stream.tobytes() + raw(a.data)


def read_csr(reader: Reader, kind: int) -> CSR:
    shape = reader.integer("shapes"), reader.integer("shapes")
    m, k = checked(reader, arguments.shape, shape, itemsize=4)
    layout = read_layout(reader)
    if layout == positions.DENSE:
        raise reader.corrupt("a CSR has no dense layout")
    reader.promise(8 * (m + 1))
    start = reader.position
    places = positions.read(reader, layout, m * k)
    smaller = positions.smallest(places, m * k, reader.coding, reader.position - start, layout)
    if smaller:
        raise reader.corrupt(f"is of layout {layout} where a writer takes {smaller[0]}")
    reader.promise(4 * places.count)
    data = read_raw(reader, (places.count,), np.float32, "values")
    indices = np.empty(places.count, dtype=np.int32)
    indptr = np.zeros(m + 1, dtype=np.int64)
    done = 0
    for block in places:
        rows, stored = np.unique(block // k, return_counts=True)
        indptr[rows + 1] += stored
        indices[done : done + len(block)] = block % k
        done += len(block)
    np.cumsum(indptr, out=indptr)
    return checked(reader, CSR, shape, owned(indptr), owned(indices), data)


# Kind 2: Shared. Where code 0 is the weight +0.0, the other codes may be written alone, less 1, at their positions.

def write_shared(a: Shared, coding: Coding) -> bytes:
    return bytes([SHARED]) + shared_head(a) + Codes(a.codes.reshape(-1), a.pruned, coding).tobytes()


def shared_head(a: Shared) -> bytes:
    return shape_bytes(a.shape, 4) + integer_bytes(len(a.codebook)) + raw(a.codebook)


def read_shared(reader: Reader, kind: int) -> Shared:
    shape = read_shape(reader, 4)
    size = math.prod(shape)
    c = reader.integer("header")
    if c > 65536:
        raise reader.corrupt(f"a codebook has at most 65536 entries, not {c}")
    codebook = read_raw(reader, (c,), np.float32, "codebooks")
    reader.promise(size * (1 if c <= 256 else 2))
    codes = read_codes(reader, size, c, sparse=c > 0 and codebook.view(np.uint32)[0] == 0)
    return checked(reader, Shared, owned(codes.reshape(shape)), codebook)


# Kind 9: Shared too, all codes in one sequence of the range coder, which learns where weights lie.

def write_contexts(a: Shared, coding: Coding) -> bytes:
    encode = streams.operation(coding.implementation, "rangecoder_encode")
    data = encode(a.codes.reshape(matrix_shape(a.shape)), alphabet=len(a.codebook))
    return bytes([CONTEXTS]) + shared_head(a) + integer_bytes(len(data)) + data.tobytes()


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns in which the range coder sees an array: its first axis, and all others as one."""
    return (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, math.prod(shape))


def read_contexts(reader: Reader, kind: int) -> Shared:
    shape = read_shape(reader, 4)
    c = reader.integer("header")
    if not 1 <= c <= 256:
        raise reader.corrupt(f"a codebook of the range coder has 1 to 256 entries, not {c}")
    codebook = read_raw(reader, (c,), np.float32, "codebooks")
    start = reader.position
    data = np.frombuffer(reader.take(reader.integer("header"), "contexts"), np.uint8)
    taken = reader.position - start
    rows, columns = matrix_shape(shape)
    reader.promise(rows * columns)
    if rows * columns == 0:
        raise reader.corrupt("no codes take fewer bytes without contexts")
    reader.bear(4 * columns if rows > 1 else 0)  # the slots of the columns
    decode = streams.operation(reader.coding.implementation, "rangecoder_decode")
    codes = checked(reader, decode, data, shape=(rows, columns), alphabet=c)
    a = checked(reader, Shared, owned(codes.reshape(shape)), codebook)
    if taken >= Codes(a.codes.reshape(-1), a.pruned, reader.coding).size:
        raise reader.corrupt("the codes take no fewer bytes by contexts than without")
    reader.contexts.add(reader.entry)
    return a


# Kind 4: LowRank, the three factors as they are.

def write_lowrank(a: LowRank, coding: Coding) -> bytes:
    m, k = a.shape
    arguments.shape((m, k, a.rank), itemsize=4)
    head = b"".join(map(integer_bytes, (m, k, a.rank)))
    return bytes([LOW_RANK]) + head + raw(a.u) + raw(a.s) + raw(a.vt)


def read_lowrank(reader: Reader, kind: int) -> LowRank:
    m, k, r = (reader.integer("shapes") for _ in range(3))
    checked(reader, arguments.shape, (m, k, r), itemsize=4)
    factors = [read_raw(reader, shape, np.float32, "factors") for shape in ((m, r), (r,), (r, k))]
    return checked(reader, LowRank, *factors)


# Kind 13: runs that lie along all axes but the first, such as those of a convolution: the matrix, and the shape it stands for.

def in_rows(value) -> bool:
    """Return whether the runs of a format of more than two dimensions are those of its matrix."""
    scales = {Quantized: "scale", MX: "scales", NF4: "scales"}.get(type(value))
    return scales is not None and getattr(value, scales).ndim < len(value.shape)


def shaped(value, shape: tuple[int, ...]):
    """Return the same format with its integers or codes in another shape of as many."""
    part = "values" if isinstance(value, Quantized) else "codes"
    return replace(value, **{part: getattr(value, part).reshape(shape)})


def write_rows(value, writer, coding: Coding) -> bytes:
    if coding.version == 1:
        raise RefcompressError("value", "must have runs along its last axis: version 1 of the file has no others")
    return bytes([ROWS]) + shape_bytes(value.shape, 4) + writer(shaped(value, matrix_shape(value.shape)), coding)


def read_rows(reader: Reader, kind: int):
    shape = read_shape(reader, 4)
    if len(shape) < 3:
        raise reader.corrupt(f"an array whose runs lie in the rows of a matrix has more than two dimensions, not {len(shape)}")
    part = reader.byte("header")
    if part not in RUNS:
        raise reader.corrupt(f"a matrix with runs in its rows is of one of the kinds {RUNS}, not {part}")
    value = READERS[part](reader, part)
    if value.shape != matrix_shape(shape) or (isinstance(value, Quantized) and value.group is None):
        raise reader.corrupt(f"a matrix {value.shape} is not that of rows with runs of {shape}")
    return checked(reader, shaped, value, shape)


ARRAY, SPARSE, SHARED, LOW_RANK, CONTEXTS, ROWS = 0, 1, 2, 4, 9, 13  # the other kinds: quantized.py, sameness.py
LAST_OF_VERSION_1 = CONTEXTS
WRITERS = {
    np.ndarray: write_array, CSR: write_csr, Shared: write_shared, Quantized: quantized.write_quantized, LowRank: write_lowrank,
    Mixed: quantized.write_mixed, MX: quantized.write_mx, NF4: quantized.write_nf4,
}
READERS = {
    ARRAY: read_array, SPARSE: read_csr, SHARED: read_shared, quantized.INT8: quantized.read_quantized, LOW_RANK: read_lowrank,
    quantized.INT16: quantized.read_quantized, quantized.MIXED: quantized.read_mixed, quantized.MX_KIND: quantized.read_mx,
    quantized.NF4_KIND: quantized.read_nf4, CONTEXTS: read_contexts,
    quantized.INT8_DIFFERENCES: quantized.read_quantized, quantized.INT16_DIFFERENCES: quantized.read_quantized, ROWS: read_rows,
}
RUNS = (quantized.INT8, quantized.INT16, quantized.MX_KIND, quantized.NF4_KIND, quantized.INT8_DIFFERENCES,
        quantized.INT16_DIFFERENCES)
