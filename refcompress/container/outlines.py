"""What entries say of themselves, and the account of their bytes, without decoding what they hold.

Fields are read and streams are passed over by the lengths that stand before them. Positions alone are decoded: without
them nobody knows how many symbols follow. Nothing is said about what the symbols are: that is what a load checks.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..formats import ELEMENT_TYPES, GGML_TYPES, GGMLBlocks, Graph, Plain, QuantizedLayer
from ..formats.base import block_shape, matrix_shape
from ..formats.floats import MX_BLOCK
from ..formats.kept import described as described_kept
from ..formats.nvfp4 import NVFP4_BLOCK
from ..formats.quantized import described
from ..reference.planes.elements import plan_of
from . import blocks, entries, ggml, kept, layers, plain, positions, quantized, stream_reading
from .arrays import read_shape
from .codes import read_layout
from .cursor import Reader
from .kinds import Kind
from .rows import READERS as IN_ROWS
from .shared import read_books


class Outline(NamedTuple):
    """An entry in few words, and the shape, the bytes and the element type of the array that it stands for.

    type : None for a layer, whose bias is an array of its own and in nbytes too; "graph" for a graph, which is no array
    """

    text: str
    shape: tuple[int, ...]
    nbytes: int
    type: str | None = "float32"


def of_layer(value) -> Outline:
    """Return the outline of what an entry holds, from its content."""
    if isinstance(value, np.ndarray):
        return Outline(f"array, {value.dtype.name}", value.shape, value.nbytes, value.dtype.name)
    if isinstance(value, Graph):
        return Outline(value.describe(), (), 0, "graph")
    if isinstance(value, GGMLBlocks | Plain):  # kept bit for bit, in the bytes that it had
        return Outline(value.describe(), value.shape, value.nbytes, value.type)
    if isinstance(value, QuantizedLayer):
        return _of_layer(value.describe(), value.shape, 0 if value.bias is None else value.bias.nbytes)
    return _of_floats(value.describe(), value.shape)


def read(reader: Reader, kind: int) -> Outline:
    """Return the outline of the entry whose kind was just read, and go to its end."""
    if kind in READERS:
        return READERS[Kind(kind)](reader, kind)
    return of_layer(entries.read(reader, kind))  # a kind whose fields stand as they are


def _of_floats(text: str, shape: tuple[int, ...]) -> Outline:
    return Outline(text, shape, 4 * math.prod(shape))


def _of_layer(text: str, shape: tuple[int, ...], bias: int) -> Outline:
    return Outline(text, shape, 4 * math.prod(shape) + bias, None)


def _array(reader: Reader, kind: int) -> Outline:
    dtype = entries.read_dtype(reader)
    shape = read_shape(reader, dtype.itemsize)
    nbytes = math.prod(shape) * dtype.itemsize
    reader.take(nbytes, "arrays")
    return Outline(f"array, {dtype.name}", shape, nbytes, dtype.name)


def _csr(reader: Reader, kind: int) -> Outline:
    shape = reader.integer("shapes"), reader.integer("shapes")
    count = positions.read(reader, read_layout(reader), math.prod(shape)).count
    reader.take(4 * count, "values")
    return _of_floats(f"csr, {count:,} entries", shape)


def _shared(reader: Reader, kind: int) -> Outline:
    shape, c = read_shape(reader, 4), reader.integer("header")
    pruned = bytes(reader.take(4 * c, "codebooks")[:4]) == bytes(4)
    return _of_codes(reader, kind, shape, pruned, c, "")


def _codebooks(reader: Reader, kind: int) -> Outline:
    shape, _, books = read_books(reader)
    values = np.frombuffer(reader.take(4 * math.prod(books), "codebooks"), "<u4").reshape(books)
    pruned = values.size > 0 and not values[..., 0].any()
    return _of_codes(reader, kind, shape, pruned, books[-1], f" in each of {math.prod(books[:2]):,} codebooks")


def _of_codes(reader: Reader, kind: int, shape: tuple[int, ...], pruned: bool, c: int, where: str) -> Outline:
    kept = ""
    if kind in (Kind.CONTEXTS, Kind.ROWS_OF_CONTEXTS):
        reader.take(reader.integer("header"), "contexts")
    else:
        count = _codes(reader, math.prod(shape))
        if count is not None:
            kept = f", {count / max(math.prod(shape), 1):.1%} kept"
    values = f"{c - 1} values and zero" if pruned else f"{c} values"
    return _of_floats(f"shared, {values}{where}{kept if pruned else ''}", shape)


def _codes(reader: Reader, size: int) -> int | None:
    """Go over codes; return how many are not 0 where their positions say so."""
    layout = read_layout(reader)
    count = None if layout == positions.DENSE else positions.read(reader, layout, size).count
    stream_reading.skip(reader, size if count is None else count, "values")
    return count


def _quantized(reader: Reader, kind: int) -> Outline:
    grid = quantized.read_grid(reader)
    scales, size = math.prod(grid.scales), math.prod(grid.shape)
    reader.take(4 * scales, "scales")
    stream_reading.skip(reader, scales, "zero points")
    if kind in quantized.DIFFERENCES:
        _codes(reader, size)
        return _of_floats(f"at most {16 if kind in quantized.WIDE else 8} bits, {described(scales)}", grid.shape)
    bits = max(stream_reading.skip(reader, size, "values"), 1)
    return _of_floats(f"{bits} bits, {described(scales)}", grid.shape)


def _mixed(reader: Reader, kind: int) -> Outline:
    axis, count = reader.byte("header"), reader.integer("shapes")
    reader.promise(count)
    wide = int(np.count_nonzero(stream_reading.read(reader, count, 2, "indices")))
    low, _ = (_quantized(reader, quantized.read_part_kind(reader, kinds)) for kinds in quantized.PARTS)
    shape = (count, low.shape[-1]) if axis == 0 else (low.shape[0], count)
    return _of_floats(f"8 bits, {wide} of {count} {('rows', 'columns')[axis & 1]} 16 bits", shape)


def _mx(reader: Reader, kind: int) -> Outline:
    name = quantized.read_mx_format(reader)
    shape = quantized.read_blocks(reader)
    stream_reading.skip(reader, math.prod(block_shape(shape, MX_BLOCK)), "scales")
    stream_reading.skip(reader, math.prod(shape), "values")
    return _of_floats(f"{name}, blocks of {MX_BLOCK}", shape)


def _nf4(reader: Reader, kind: int) -> Outline:
    shape, block = quantized.read_blocks(reader), max(reader.integer("header"), 1)
    reader.take(4 * math.prod(block_shape(shape, block)), "scales")
    stream_reading.skip(reader, math.prod(shape), "values")
    return _of_floats(f"nf4, blocks of {block}", shape)


def _nvfp4(reader: Reader, kind: int) -> Outline:
    shape = quantized.read_blocks(reader)
    reader.take(4, "scales")
    stream_reading.skip(reader, math.prod(block_shape(matrix_shape(shape), NVFP4_BLOCK)), "scales")
    stream_reading.skip(reader, math.prod(shape), "values")
    return _of_floats(f"nvfp4, blocks of {NVFP4_BLOCK}", shape)


def _kept(reader: Reader, kind: int) -> Outline:
    number, shape, values, scale, _, codebook, sizes = kept.read_head(reader)
    count = positions.read(reader, read_layout(reader), math.prod(shape)).count
    if values == kept.FLOATS:
        reader.take(4 * count, "values")
    else:
        stream_reading.skip(reader, count, "values")
    form = ("bitmask", "relative index of {} and codes of {} bits", "{} of {}")[number].format(*sizes)
    return _of_floats(described_kept(form, shape, count, scale, codebook), shape)


def _by_blocks(reader: Reader, kind: int) -> Outline:
    head = blocks.read_head(reader)
    count = positions.read(reader, read_layout(reader), math.prod(head.grid)).count * math.prod(head.block)
    reader.take(4 * count, "values")
    form = f"blocks of {head.block[0]} x {head.block[1]}"
    return _of_floats(described_kept(form, head.shape, count, None, None), head.shape)


def _sum(reader: Reader, kind: int) -> Outline:
    low, sparse = _part(reader, (Kind.LOW_RANK,)), _part(reader, blocks.SPARSE)
    return _of_floats(f"{low.text}, and {sparse.text}", low.shape)


def _rows(reader: Reader, kind: int) -> Outline:
    shape = read_shape(reader, 4)
    return _of_floats(_part(reader, IN_ROWS).text, shape)


def _packed(reader: Reader, kind: int) -> Outline:
    bits = reader.byte("header")
    part = _part(reader, layers.PACKED)
    scales = part.text.rpartition("bits, ")[2]
    return _of_floats(f"{bits} bit{'s' * (bits != 1)}, {scales}, packed", part.shape)


def _layer(reader: Reader, kind: int) -> Outline:
    part = _part(reader, layers.WEIGHTS)
    m, k = layers.weight_shape(reader, part.shape)
    flags = layers.read_flags(reader)
    said = ["layer", part.text]
    if flags & layers.SCALE:
        reader.take(4 * k, "scales")
        said.append("inputs scaled")
    if flags & layers.BITS:
        said.append(f"inputs of {reader.byte('header')} bits")
    if flags & layers.STEP:
        reader.take(4, "scales")
    if flags & layers.BIAS:
        reader.take(4 * m, "arrays")
        said.append("bias")
    return _of_layer(", ".join(said), part.shape, 4 * m if flags & layers.BIAS else 0)


def _plain(reader: Reader, kind: int) -> Outline:
    name = plain.read_type(reader)
    pattern, plan, each = ELEMENT_TYPES[name].pattern, plan_of(name), plain.run_of(name)
    shape = read_shape(reader, pattern.itemsize)
    for start in range(0, math.prod(shape), each):
        elements = min(each, math.prod(shape) - start)
        for _ in plan.widths:
            stream_reading.skip(reader, elements * pattern.itemsize // plan.word.itemsize, "values")
    return Outline(f"{name}, bit for bit", shape, math.prod(shape) * pattern.itemsize, name)


def _blocks(reader: Reader, kind: int) -> Outline:
    name, shape = ggml.read_head(reader)
    count = math.prod(shape) // GGML_TYPES[name].numbers
    for start in range(0, count, ggml.RUN):
        for width in ggml.COLUMNS[name]:
            stream_reading.skip(reader, min(ggml.RUN, count - start) * width, "values")
    text = f"blocks of {GGML_TYPES[name].numbers}, {name} of ggml"
    return Outline(text, shape, count * GGML_TYPES[name].nbytes, name)


def _part(reader: Reader, kinds) -> Outline:
    """Return the outline of a part of an entry, of one of some kinds."""
    kind = reader.byte("header")
    if kind not in kinds:
        raise reader.corrupt(f"kind {kind} does not stand here")
    return read(reader, kind)


READERS: dict[Kind, Callable[[Reader, int], Outline]] = {
    Kind.ARRAY: _array,
    Kind.CSR: _csr,
    Kind.SHARED: _shared,
    Kind.CONTEXTS: _shared,
    Kind.ROWS_OF_CONTEXTS: _shared,
    **dict.fromkeys(quantized.INTEGERS, _quantized),
    Kind.MIXED: _mixed,
    Kind.MX: _mx,
    Kind.NF4: _nf4,
    Kind.NVFP4: _nvfp4,
    Kind.KEPT: _kept,
    Kind.BLOCKS: _by_blocks,
    Kind.SUM: _sum,
    Kind.CODEBOOKS: _codebooks,
    Kind.ROWS: _rows,
    Kind.PACKED: _packed,
    Kind.LAYER: _layer,
    Kind.PLAIN: _plain,
    Kind.GGML_BLOCKS: _blocks,
}
