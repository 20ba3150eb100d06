"""The kinds of entry as bytes: what follows an entry's name (FORMAT.md, "Entries").

Writers trust the frozen formats they are given. Readers trust nothing: counts are held against the bytes that are left
and against the limit before anything is allocated, and what was decoded goes through the checks of its format.
"""

import math

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError, UnsupportedVersionError
from ..formats import CSR, MX, NF4, LowRank, Mixed, Quantized, Shared
from . import positions, quantized, streams
from .arrays import checked, owned, raw, read_raw, read_shape, shape_bytes
from .cursor import Reader, integer_bytes

DTYPES = [np.dtype(name) for name in ("bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 "
                                      "float16 float32 float64").split()]  # a dtype's number is its place


def write(value, implementation, contexts: bool = False) -> bytes:
    """Return the bytes of one entry after its name: its kind, then what the kind says.

    contexts : whether a Shared of at most 256 values may be written by the range coder, where that takes fewer bytes.
    """
    for number, (kind, dtype, writer, _) in enumerate(KINDS):
        if isinstance(value, kind) and (dtype is None or value.values.dtype == dtype):
            data = bytes([number]) + writer(value, implementation)
            if contexts and kind is Shared and 1 <= len(value.codebook) <= 256:
                return min(data, bytes([CONTEXTS]) + write_contexts(value, implementation), key=len)
            return data
    names = ", ".join(dict.fromkeys(kind.__name__ for kind, *_ in KINDS))
    raise ArgumentTypeError("value", f"must be one of {names}, not {type(value).__name__}")


def read(reader: Reader, implementation):
    """Return the array or format that the entry at the reader's place holds."""
    number = reader.byte("header")
    if number >= len(KINDS):
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of kind {number}; "
                                              f"this release reads 0 to {len(KINDS) - 1}")
    reader.contexts |= number == CONTEXTS
    return KINDS[number][-1](reader, implementation)


# Kind 0: an array as it is, such as a bias.

def write_array(a: np.ndarray, implementation) -> bytes:
    a = arguments.array(a, "value", *DTYPES)
    if a.dtype == bool:
        a = a.view(np.uint8) != 0  # memory may hold other bytes than 0 and 1
    return bytes([DTYPES.index(a.dtype)]) + shape_bytes(a.shape, a.itemsize) + raw(a)


def read_array(reader: Reader, implementation) -> np.ndarray:
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

def write_csr(a: CSR, implementation) -> bytes:
    if not a.canonical:
        raise RefcompressError("value", "must be a canonical CSR: a file keeps neither order nor repetition of columns")
    m, k = a.shape
    places = np.repeat(np.arange(m, dtype=np.int64) * k, np.diff(a.indptr)) + a.indices
    layout, coded = positions.smallest(places, m * k, implementation)
    return integer_bytes(m) + integer_bytes(k) + bytes([layout]) + coded + raw(a.data)


def read_csr(reader: Reader, implementation) -> CSR:
    shape = reader.integer("shapes"), reader.integer("shapes")
    m, k = checked(reader, arguments.shape, shape, itemsize=4)
    layout = read_layout(reader)
    if layout == positions.DENSE:
        raise reader.corrupt("a CSR has no dense layout")
    reader.promise(8 * (m + 1))
    places = positions.read(reader, layout, m * k, implementation)
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


def read_layout(reader: Reader) -> int:
    layout = reader.byte("header")
    if layout > positions.BITMASK:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} has layout {layout}; "
                                              f"this release reads 0 to {positions.BITMASK}")
    return layout


# Kind 2: Shared. Where code 0 is the weight +0.0, the other codes may be written alone, less 1, at their positions.

def write_shared(a: Shared, implementation) -> bytes:
    codes = a.codes.reshape(-1)
    dense = streams.Stream(codes, implementation)
    layout, coded, stream = positions.DENSE, b"", dense
    if a.pruned:
        places = np.flatnonzero(codes)
        stored = streams.Stream(codes[places] - codes.dtype.type(1), implementation)
        layout, coded = positions.smallest(places, codes.size, implementation, dense.size - stored.size)
        stream = stored if layout else dense
    head = shape_bytes(a.shape, 4) + integer_bytes(len(a.codebook)) + raw(a.codebook)
    return head + bytes([layout]) + coded + stream.tobytes()


def read_shared(reader: Reader, implementation) -> Shared:
    shape = read_shape(reader, 4)
    size = math.prod(shape)
    c = reader.integer("header")
    if c > 65536:
        raise reader.corrupt(f"a codebook has at most 65536 entries, not {c}")
    codebook = read_raw(reader, (c,), np.float32, "codebooks")
    dtype = np.dtype(np.uint8 if c <= 256 else np.uint16)
    layout = read_layout(reader)
    if layout != positions.DENSE and (c == 0 or codebook.view(np.uint32)[0] != 0):
        raise reader.corrupt(f"layout {layout} needs a codebook that starts with +0.0")
    reader.promise(size * dtype.itemsize)
    if layout == positions.DENSE:
        codes = streams.read(reader, size, c, "values", implementation).reshape(shape)
    else:
        places = positions.read(reader, layout, size, implementation)
        stored = streams.read(reader, places.count, c - 1, "values", implementation)
        codes = np.zeros(shape, dtype)
        done = 0
        for block in places:
            codes.reshape(-1)[block] = stored[done : done + len(block)].astype(dtype) + dtype.type(1)
            done += len(block)
    return checked(reader, Shared, owned(codes), codebook)


# Kind 9: Shared too, all codes in one sequence of the range coder, which learns where weights lie.

def write_contexts(a: Shared, implementation) -> bytes:
    data = streams.operation(implementation, "rangecoder_encode")(a.codes.reshape(matrix_shape(a.shape)), alphabet=len(a.codebook))
    head = shape_bytes(a.shape, 4) + integer_bytes(len(a.codebook)) + raw(a.codebook)
    return head + integer_bytes(len(data)) + data.tobytes()


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns in which the range coder sees an array: its first axis, and all others as one."""
    return (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, math.prod(shape))


def read_contexts(reader: Reader, implementation) -> Shared:
    shape = read_shape(reader, 4)
    c = reader.integer("header")
    if not 1 <= c <= 256:
        raise reader.corrupt(f"a codebook of the range coder has 1 to 256 entries, not {c}")
    codebook = read_raw(reader, (c,), np.float32, "codebooks")
    data = np.frombuffer(reader.take(reader.integer("header"), "contexts"), np.uint8)
    reader.promise(math.prod(shape))
    codes = checked(reader, streams.operation(implementation, "rangecoder_decode"), data, shape=matrix_shape(shape), alphabet=c)
    return checked(reader, Shared, owned(codes.reshape(shape)), codebook)


# Kind 4: LowRank, the three factors as they are.

def write_lowrank(a: LowRank, implementation) -> bytes:
    m, k = a.shape
    arguments.shape((m, k, a.rank), itemsize=4)
    head = b"".join(map(integer_bytes, (m, k, a.rank)))
    return head + raw(a.u) + raw(a.s) + raw(a.vt)


def read_lowrank(reader: Reader, implementation) -> LowRank:
    m, k, r = (reader.integer("shapes") for _ in range(3))
    checked(reader, arguments.shape, (m, k, r), itemsize=4)
    factors = [read_raw(reader, shape, np.float32, "factors") for shape in ((m, r), (r,), (r, k))]
    return checked(reader, LowRank, *factors)


# A kind's number is its place: what it holds, in which dtype where that makes two of one format, writer and reader.
KINDS = [
    (np.ndarray, None, write_array, read_array),
    (CSR, None, write_csr, read_csr),
    (Shared, None, write_shared, read_shared),
    (Quantized, np.int8, quantized.write_quantized, quantized.read_quantized),
    (LowRank, None, write_lowrank, read_lowrank),
    (Quantized, np.int16, quantized.write_quantized, quantized.read_quantized_s16),
    (Mixed, None, quantized.write_mixed, quantized.read_mixed),
    (MX, None, quantized.write_mx, quantized.read_mx),
    (NF4, None, quantized.write_nf4, quantized.read_nf4),
    (Shared, None, write_contexts, read_contexts),  # a second kind of Shared: see write
]
CONTEXTS = len(KINDS) - 1
