"""The kinds of entry that hold weights that share values: one codebook for all of them, or codebooks of rows or groups.

Where code 0 is the weight +0.0, a layout may store the other codes alone, less 1, at their positions.
"""

import math

import numpy as np

from ..formats import Shared
from ..formats.base import block_shape, matrix_shape
from . import streams
from .arrays import checked, owned, raw, read_raw, read_shape, shape_bytes
from .codes import Codes, read_codes
from .cursor import Coding, Reader, integer_bytes
from .kinds import Kind
from .streams import Stream

# Kind 2: one codebook. Kind 22: the codebooks of rows or groups, one after the other.

def write_shared(a: Shared, coding: Coding) -> bytes:
    codes = Codes(Stream(a.codes.reshape(-1), coding), a.pruned, coding)
    if a.codebook.ndim == 1:
        return b"".join([bytes([Kind.SHARED]), shared_head(a), codes.tobytes()])
    head = shape_bytes(a.shape, 4) + integer_bytes(a.group or 0) + integer_bytes(a.codebook.shape[-1])
    return b"".join([bytes([Kind.CODEBOOKS]), head, raw(a.codebook), codes.tobytes()])


def shared_head(a: Shared) -> bytes:
    return b"".join([shape_bytes(a.shape, 4), integer_bytes(len(a.codebook)), raw(a.codebook)])


def read_shared(reader: Reader, kind: int) -> Shared:
    shape = read_shape(reader, 4)
    codebook = read_raw(reader, (read_length(reader),), np.float32, "codebooks")
    return _read_codes(reader, shape, codebook, None)


def read_length(reader: Reader) -> int:
    """Return how many values a codebook has."""
    c = reader.integer("header")
    if c > 65536:
        raise reader.corrupt(f"a codebook has at most 65536 entries, not {c}")
    return c


def read_books(reader: Reader) -> tuple[tuple[int, ...], int | None, tuple[int, ...]]:
    """Return the shape of the weights, their group, and the shape of their codebooks."""
    shape = read_shape(reader, 4)
    if len(shape) < 2:
        raise reader.corrupt(f"codebooks of rows need two dimensions, not {len(shape)}")
    group = reader.integer("header") or None
    rows, size = matrix_shape(shape)
    return shape, group, (*((rows, 1) if group is None else block_shape((rows, size), group)), read_length(reader))


def read_codebooks(reader: Reader, kind: int) -> Shared:
    shape, group, books = read_books(reader)
    return _read_codes(reader, shape, read_raw(reader, books, np.float32, "codebooks"), group)


def _read_codes(reader: Reader, shape: tuple[int, ...], codebook: np.ndarray, group: int | None) -> Shared:
    size, c = math.prod(shape), codebook.shape[-1]
    reader.promise(size * (1 if c <= 256 else 2))
    sparse = codebook.size > 0 and not codebook[..., 0].view(np.uint32).any()
    codes = read_codes(reader, size, c, sparse).symbols
    return checked(reader, Shared, owned(codes.reshape(shape)), codebook, group)


# Kinds 9 and 26: one codebook too. All codes are one sequence of the range coder, which learns where weights lie. Kind
# 26 takes sixteen rows at a time.

LEAST_ROWS, LEAST_COLUMNS, LEAST_CODES = 16, 64, 2**14  # of kind 26: with fewer, lanes have no work


def contexts_kind(shape: tuple[int, int], version: int) -> Kind:
    """Return the kind of an entry of so many rows and columns that the range coder codes."""
    rows, columns = shape
    large = rows >= LEAST_ROWS and columns >= LEAST_COLUMNS and rows * columns >= LEAST_CODES
    return Kind.ROWS_OF_CONTEXTS if large and version > 3 else Kind.CONTEXTS


def lanes_of(kind: int) -> int:
    return 16 if kind == Kind.ROWS_OF_CONTEXTS else 1


def write_contexts(a: Shared, coding: Coding) -> bytes:
    encode = streams.operation(coding.implementation, "rangecoder_encode")
    shape = rows_and_columns(a.shape)
    kind = contexts_kind(shape, coding.version)
    data = encode(a.codes.reshape(shape), alphabet=len(a.codebook), lanes=lanes_of(kind))
    return bytes([kind]) + shared_head(a) + integer_bytes(len(data)) + data.tobytes()


def rows_and_columns(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns that the range coder sees of an array: its first axis, and all others as one."""
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
    rows, columns = rows_and_columns(shape)
    if kind != contexts_kind((rows, columns), reader.coding.version):
        raise reader.corrupt(f"{rows} x {columns} codes are not of kind {kind}")
    reader.promise(rows * columns)
    if rows * columns == 0:
        raise reader.corrupt("no codes take fewer bytes without contexts")
    reader.bear((24 if kind == Kind.ROWS_OF_CONTEXTS else 4 if rows > 1 else 0) * columns)  # the slots of the columns
    decode = streams.operation(reader.coding.implementation, "rangecoder_decode")
    codes = checked(reader, decode, data, shape=(rows, columns), alphabet=c, lanes=lanes_of(kind))
    a = checked(reader, Shared, owned(codes.reshape(shape)), codebook)
    if taken >= Codes(Stream(a.codes.reshape(-1), reader.coding), a.pruned, reader.coding).size:
        raise reader.corrupt("the codes take no fewer bytes by contexts than without")
    reader.contexts.add(reader.entry)
    return a
