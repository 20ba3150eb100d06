"""The kinds of entry as bytes: what follows an entry's name (FORMAT.md, "Entries").

Writers trust the frozen formats that they are given. Readers trust nothing: before anything is allocated, counts are
compared with the bytes that are left and with the limit; what was decoded goes through the checks of its format.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError, UnsupportedVersionError
from ..formats import (
    BSR,
    CSR,
    MX,
    NF4,
    NM,
    NVFP4,
    ArrayFormat,
    Bitmask,
    GGMLBlocks,
    Graph,
    LowRank,
    LowRankConv,
    LowRankSparse,
    Mixed,
    Packed,
    Plain,
    Prepared,
    Quantized,
    QuantizedLayer,
    Relative,
    Shared,
    Tucker2,
)
from . import blocks, factors, ggml, graphs, kept, layers, plain, positions, quantized, rows, shared
from .arrays import checked, raw, read_raw, read_shape, shape_bytes
from .cursor import Coding, Reader, integer_bytes
from .kinds import LAST_OF, Kind
from .row_places import pointers_of, read_places

DTYPES = {np.dtype(name): number for number, name in {
    0: "bool", 1: "int8", 2: "uint8", 3: "int16", 4: "uint16", 5: "int32", 6: "uint32", 7: "int64", 8: "uint64",
    9: "float16", 10: "float32", 11: "float64"}.items()}
DTYPE_OF = {number: dtype for dtype, number in DTYPES.items()}


def write(value: np.ndarray | ArrayFormat | Graph, coding: Coding, contexts: bool = False) -> bytes:
    """Return the bytes of one entry after its name: its kind, then what the kind says.

    contexts : whether the range coder may code a Shared of one codebook of at most 256 values, where that takes fewer
        bytes.
    """
    if isinstance(value, Prepared):
        value = value.weight
    for held, writer in WRITERS.items():
        if isinstance(value, held):
            data = writer(value, coding)
            if data[0] > LAST_OF[coding.version]:
                raise RefcompressError("value", f"is of kind {data[0]}, which version {coding.version} of the file does"
                                                " not have")
            if contexts and isinstance(value, Shared) and value.codebook.ndim == 1 and 1 <= len(value.codebook) <= 256:
                return min(data, shared.write_contexts(value, coding), key=len)
            return data
    names = ", ".join(held.__name__ for held in WRITERS)
    raise ArgumentTypeError("value", f"must be one of {names}, not {type(value).__name__}")


def read(reader: Reader, kind: int) -> np.ndarray | ArrayFormat | Graph:
    """Return the array, the format or the graph of the entry whose kind was just read."""
    last = LAST_OF[reader.coding.version]
    if kind > last:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of kind {kind}; this release reads 0 to "
                                              f"{last:d} in version {reader.coding.version}")
    if kind not in READERS:  # kind 10, which stands for a whole entry
        raise reader.corrupt(f"kind {kind} does not stand here")
    return READERS[Kind(kind)](reader, kind)


# Kind 0: an array as it is, such as a bias.

def write_array(a: np.ndarray, coding: Coding) -> bytes:
    a = arguments.array(a, "value", *DTYPES)
    if a.dtype.kind == "b":
        a = a.view(np.uint8) != 0  # memory may hold other bytes than 0 and 1
    return b"".join([bytes([Kind.ARRAY, DTYPES[a.dtype]]), shape_bytes(a.shape, a.itemsize), raw(a)])


def read_dtype(reader: Reader) -> np.dtype:
    """Return the dtype whose number follows; refuse one of a later release."""
    number = reader.byte("header")
    if number not in DTYPE_OF:
        raise UnsupportedVersionError("data", f"entry {reader.entry!r} is of dtype {number}; "
                                              f"this release reads 0 to {max(DTYPE_OF)}")
    return DTYPE_OF[number]


def read_array(reader: Reader, kind: int) -> np.ndarray:
    dtype = read_dtype(reader)
    shape = read_shape(reader, dtype.itemsize)
    if dtype.kind != "b":
        return read_raw(reader, shape, dtype, "arrays")
    a = read_raw(reader, shape, np.uint8, "arrays")
    if a.max(initial=0) > 1:
        raise reader.corrupt("a bool must be 0 or 1")
    return a.astype(bool)


# Kind 1: CSR. Positions are in C order over the matrix, values as they are.

def write_csr(a: CSR, coding: Coding) -> bytes:
    if not a.canonical:
        raise RefcompressError("value", "must be a canonical CSR: a file keeps neither order nor repetition of columns")
    if a.shape[1] >= 2**31:
        raise RefcompressError("value", f"must have fewer than 2**31 columns, not {a.shape[1]}")
    if isinstance(a.data, Plain):
        raise RefcompressError("value", f"must be a CSR of float32, not of {a.data.type}: a CSR of its values is one")
    m, k = a.shape
    places = np.repeat(np.arange(m, dtype=np.int64) * k, np.diff(a.indptr)) + a.indices
    found = positions.smallest(positions.Given(places), m * k, coding)
    assert found is not None  # nothing was given that it must beat
    start = bytes([Kind.CSR]) + integer_bytes(m) + integer_bytes(k) + bytes([found.number])
    return b"".join([start, found.tobytes(), raw(a.data)])


def read_csr(reader: Reader, kind: int) -> CSR:
    shape = reader.integer("shapes"), reader.integer("shapes")
    m, k = checked(reader, arguments.shape, shape, itemsize=4)
    if k >= 2**31:
        raise reader.corrupt(f"a CSR has fewer than 2**31 columns, not {k}")
    places = read_places(reader, m, k, "a CSR has")
    data = read_raw(reader, (places.count,), np.float32, "values")
    return checked(reader, CSR, shape, *pointers_of(places, m, k), data)


# Kinds 2, 9, 22 and 26 are in shared.py, 23 in kept.py, 3, 5 to 8, 11, 12 and 21 in quantized.py, 13 in rows.py, 4, 15
# and 16 in factors.py, 14 and 17 in layers.py, 18 in plain.py, 19 in ggml.py, 20 in graphs.py, 24 and 25 in blocks.py,
# and 10 in sameness.py.

WRITERS: dict[type, Callable[[Any, Coding], bytes]] = {
    np.ndarray: write_array, CSR: write_csr, Shared: shared.write_shared, Quantized: rows.write,
    LowRank: factors.write_lowrank, Mixed: quantized.write_mixed, MX: rows.write, NF4: rows.write,
    Packed: layers.write_packed, LowRankConv: factors.write_lowrank_conv, Tucker2: factors.write_tucker2,
    QuantizedLayer: layers.write_layer, Plain: plain.write_plain, GGMLBlocks: ggml.write_blocks,
    Graph: graphs.write_graph, NVFP4: quantized.write_nvfp4, Bitmask: kept.write_kept,
    Relative: kept.write_kept, NM: kept.write_kept, BSR: blocks.write_bsr, LowRankSparse: blocks.write_sum,
}
READERS: dict[Kind, Callable[[Reader, int], np.ndarray | ArrayFormat | Graph]] = {
    Kind.ARRAY: read_array,
    Kind.CSR: read_csr,
    Kind.SHARED: shared.read_shared,
    Kind.INT8: quantized.read_quantized,
    Kind.LOW_RANK: factors.read_lowrank,
    Kind.INT16: quantized.read_quantized,
    Kind.MIXED: quantized.read_mixed,
    Kind.MX: quantized.read_mx,
    Kind.NF4: quantized.read_nf4,
    Kind.CONTEXTS: shared.read_contexts,
    Kind.ROWS_OF_CONTEXTS: shared.read_contexts,
    Kind.INT8_DIFFERENCES: quantized.read_quantized,
    Kind.INT16_DIFFERENCES: quantized.read_quantized,
    Kind.ROWS: rows.read,
    Kind.PACKED: layers.read_packed,
    Kind.LOW_RANK_CONV: factors.read_lowrank_conv,
    Kind.TUCKER2: factors.read_tucker2,
    Kind.LAYER: layers.read_layer,
    Kind.PLAIN: plain.read_plain,
    Kind.GGML_BLOCKS: ggml.read_blocks,
    Kind.GRAPH: graphs.read_graph,
    Kind.NVFP4: quantized.read_nvfp4,
    Kind.CODEBOOKS: shared.read_codebooks,
    Kind.KEPT: kept.read_kept,
    Kind.BLOCKS: blocks.read_bsr,
    Kind.SUM: blocks.read_sum,
}
