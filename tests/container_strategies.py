"""Whatever a container may hold, for Hypothesis: every kind of entry, odd shapes, hostile values, any script."""

import unicodedata
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress import (
    BSR,
    CSR,
    MX,
    NF4,
    NM,
    NVFP4,
    Bitmask,
    GGMLBlocks,
    Graph,
    LowRank,
    LowRankConv,
    LowRankSparse,
    Mixed,
    Packed,
    Plain,
    Quantized,
    QuantizedLayer,
    RefcompressError,
    Relative,
    Shared,
    Tucker2,
    quantize_pack,
    reference,
)
from refcompress.container import entries
from refcompress.container.cursor import Coding
from refcompress.container.entries import DTYPES
from refcompress.formats import ELEMENT_TYPES, GGML_TYPES, MX_ELEMENTS, Input, Node
from refcompress.formats.base import Format, block_shape, matrix_shape

SHAPES = st.one_of(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
                   st.integers(0, 700).map(lambda n: (n,)), st.just((1,) * 32))
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12).map(
    lambda text: unicodedata.normalize("NFC", text))


def skewed(draw, size: int, symbols: int) -> np.ndarray:
    """Return ``size`` integers below ``symbols``, some of them far more frequent than others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from([0, 0.02, 0.3, 0.9, 1]))
    a = rng.integers(0, symbols, size)
    if draw(st.booleans()):
        a = np.minimum(rng.geometric(0.4, size) - 1, symbols - 1)
    return np.where(rng.random(size) < share, a, draw(st.sampled_from([0, symbols - 1])))


def floats(draw, shape) -> np.ndarray:
    return draw(hnp.arrays(np.float32, shape, elements=FINITE, fill=FINITE))


@st.composite
def raw_arrays(draw):
    return draw(hnp.arrays(st.sampled_from(list(DTYPES)), SHAPES))


@st.composite
def shareds(draw):
    shape = draw(SHAPES)
    c = draw(st.sampled_from([1, 2, 3, 16, 17, 255, 256, 257, 300, 65536]))
    codebook = np.random.default_rng(draw(st.integers(0, 2**32))).standard_normal(c).astype(np.float32)
    codebook[0] = draw(st.sampled_from([0.0, -0.0, 1.5, 3e38, 1e-45]))
    codes = skewed(draw, int(np.prod(shape)), c).reshape(shape)
    if not codes.size and draw(st.booleans()):
        codebook = codebook[:0]
    return Shared(codes.astype(np.uint8 if len(codebook) <= 256 else np.uint16), codebook)


@st.composite
def csrs(draw):
    m, k = draw(st.tuples(st.integers(0, 30), st.integers(0, 60)))
    k = draw(st.sampled_from([k, k, k, 3000]))
    stored = np.random.default_rng(draw(st.integers(0, 2**32))).random((m, k)) < draw(
        st.sampled_from([0, 0.003, 0.05, 0.5, 1]))
    indptr = np.concatenate([[0], np.cumsum(stored.sum(axis=1))]).astype(np.int64)
    data = draw(hnp.arrays(np.float32, int(indptr[-1]), elements=st.floats(width=32), fill=st.floats(width=32)))
    return CSR((m, k), indptr, np.nonzero(stored)[1], data)


@st.composite
def quantizeds(draw, shape=None, dtype=np.int8):
    shape = shape or draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=9))
    group = draw(st.one_of(st.none(), st.integers(1, 12)))
    full = shape if group is None else (*shape[:-1], -(-shape[-1] // group))
    scales = [draw(st.sampled_from([1, size])) for size in full]
    if group is not None:
        scales[-1] = full[-1]
    scale = draw(hnp.arrays(np.float32, tuple(scales), elements=st.floats(2.0**-126, 2.0**127, width=32)))
    zero_point = draw(hnp.arrays(dtype, tuple(scales), fill=st.just(0)))
    bound = np.iinfo(dtype).max + 1
    values = skewed(draw, int(np.prod(shape)), draw(st.sampled_from([2, 15, 2 * bound]))).reshape(shape) - bound
    values = np.where(draw(st.booleans()), values + bound - 7, values).astype(dtype)
    if draw(st.booleans()) and values.size:  # pruned: zeros have the zero points of their channels
        pruned = np.random.default_rng(draw(st.integers(0, 2**32))).random(shape) < draw(st.sampled_from([0.6, 0.95]))
        values = np.where(pruned, Quantized(values, scale, zero_point, group).expand(zero_point), values)
    return Quantized(values, scale, zero_point, group)


@st.composite
def mixeds(draw):
    n, k, axis = draw(st.integers(0, 9)), draw(st.integers(0, 9)), draw(st.integers(0, 1))
    wide = draw(hnp.arrays(bool, (n, k)[axis]))
    count = int(wide.sum())
    parts = [(size, k) if axis == 0 else (n, size) for size in (len(wide) - count, count)]
    return Mixed(draw(quantizeds(parts[0])), draw(quantizeds(parts[1], np.int16)), wide, axis)


@st.composite
def mxs(draw, shape=None):
    shape = shape or draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=70))
    format = draw(st.sampled_from(list(MX_ELEMENTS)))
    element = MX_ELEMENTS[format]
    codes = skewed(draw, int(np.prod(shape)), 256 if element is None else 1 << element.bits).reshape(shape)
    scales = draw(hnp.arrays(np.uint8, (*shape[:-1], -(-shape[-1] // 32)), fill=st.just(127)))
    return MX((codes - 128).astype(np.int8) if element is None else codes.astype(np.uint8), scales, format)


@st.composite
def nf4s(draw, shape=None):
    shape = shape or draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=70))
    block = draw(st.sampled_from([1, 2, 64, 100]))
    scales = draw(hnp.arrays(np.float32, (*shape[:-1], -(-shape[-1] // block)), fill=st.just(1),
                             elements=st.floats(2.0**-149, 2.0**127, width=32)))
    return NF4(skewed(draw, int(np.prod(shape)), 16).reshape(shape).astype(np.uint8), scales, block)


@st.composite
def bitmasks(draw):
    m, k, rng = draw(st.integers(0, 9)), draw(st.integers(0, 60)), np.random.default_rng(draw(st.integers(0, 2**32)))
    mask = rng.random((m, k)) < draw(st.sampled_from([0, 0.05, 0.5, 1]))
    if draw(st.booleans()):
        return reference.sparse_bitmask_pack(floats(draw, (m, k)), mask)
    if draw(st.booleans()):
        codebook = np.append(np.float32([0]), floats(draw, (draw(st.integers(0, 255)),)))
        codes = rng.integers(0, len(codebook), (m, k)).astype(np.uint8)
        return reference.sparse_bitmask_pack(Shared(codes, codebook), mask)
    group = draw(st.sampled_from([None, 8, 24]))
    shape = (draw(st.sampled_from([1, m])), 1 if group is None else -(-k // group))
    scale = draw(hnp.arrays(np.float32, shape, elements=st.floats(2.0**-126, 2.0**127, width=32)))
    q = Quantized(skewed(draw, m * k, 256).astype(np.uint8).view(np.int8).reshape(m, k), scale,
                  np.zeros(shape, np.int8), group)
    return reference.sparse_bitmask_pack(q, mask)


@st.composite
def relatives(draw):
    m, k, rng = draw(st.integers(0, 9)), draw(st.integers(0, 60)), np.random.default_rng(draw(st.integers(0, 2**32)))
    codebook = np.append(np.float32([0]), floats(draw, (draw(st.integers(0, 255)),)))
    codes = rng.integers(0, len(codebook), (m, k)) * (rng.random((m, k)) < draw(st.sampled_from([0.02, 0.2, 1])))
    return reference.sparse_relative_pack(Shared(codes.astype(np.uint8), codebook), bits=draw(st.integers(1, 8)))


@st.composite
def nms(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, groups, m = draw(st.integers(0, 5)), draw(st.integers(0, 9)), draw(st.integers(2, 16))
    n, w = draw(st.integers(1, m)), rng.integers(-3, 4, (rows, groups * m)).astype(np.int8)
    mask = np.argsort(rng.random((rows, groups, m)), axis=2).reshape(w.shape) < draw(st.integers(0, n))
    if draw(st.booleans()):
        return reference.sparse_nm_pack(w.astype(np.float32) / 7, mask, n=n, m=m)
    q = Quantized(w, np.ones((1, 1), np.float32), np.zeros((1, 1), np.int8))
    return reference.sparse_nm_pack(q, mask, n=n, m=m)


@st.composite
def nvfp4s(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=40))
    scales = skewed(draw, int(np.prod(blocks := block_shape(matrix_shape(shape), 16))), 127).reshape(blocks)
    codes = skewed(draw, int(np.prod(shape)), 16).reshape(shape)
    of_all = draw(st.floats(2.0**-149, 2.0**127, width=32))
    return NVFP4(codes.astype(np.uint8), scales.astype(np.uint8), np.float32(of_all))


@st.composite
def codebooks(draw):
    """Draw codebooks of rows or groups; in some of them code 0 is +0.0 everywhere."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=9))
    c, group = draw(st.sampled_from([1, 2, 3, 16, 17, 256, 257])), draw(st.none() | st.integers(1, 20))
    rows, size = matrix_shape(shape)
    books = np.random.default_rng(draw(st.integers(0, 2**32))).standard_normal(
        (rows, 1 if group is None else -(-size // group), c)).astype(np.float32)
    if books.size and draw(st.booleans()):
        books[..., 0] = 0
        books.flat[0] = draw(st.sampled_from([0.0, 0.0, -0.0]))
    codes = skewed(draw, int(np.prod(shape)), c).reshape(shape)
    return Shared(codes.astype(np.uint8 if c <= 256 else np.uint16), books, group)


@st.composite
def kernels(draw, integers=False):
    """Draw groups or blocks in the rows of a matrix of outputs by inputs x places, and give them the shape of a kernel.

    integers : whether they are Quantized of int8, not one of all that may have runs.
    """
    outputs, inputs, places = (draw(st.integers(0, high)) for high in (4, 9, 9))
    matrix = outputs, inputs * places
    others = [] if integers else [quantizeds(matrix, np.int16), mxs(matrix), nf4s(matrix)]
    value = draw(st.one_of(quantizeds(matrix), *others))
    if isinstance(value, Quantized):
        return value if value.group is None else replace(value, values=value.values.reshape(outputs, inputs, places))
    return replace(value, codes=value.codes.reshape(outputs, inputs, places))


@st.composite
def lowranks(draw):
    m, k, r = draw(st.tuples(*[st.integers(0, 6)] * 3))
    return LowRank(floats(draw, (m, r)), floats(draw, (r,)), floats(draw, (r, k)))


@st.composite
def packeds(draw, shape=None):
    """Draw integers of few bits; groups of more than two axes run along the last axis, or in the rows of the matrix."""
    bits, rows = draw(st.integers(1, 7)), shape is None and draw(st.booleans())
    q = draw(kernels(integers=True) if rows else quantizeds(shape))
    half, codes = 2 ** (bits - 1), q.values.astype(np.int16) % 2**bits
    values = 2 * codes - 1 if bits == 1 else codes - half
    zero_point = q.zero_point * 0 if bits == 1 else q.zero_point.astype(np.int16) % 2**bits - half
    return quantize_pack(replace(q, values=values.astype(np.int8), zero_point=zero_point.astype(np.int8)), bits=bits)


@st.composite
def lowrank_convs(draw):
    m, c, r = draw(st.tuples(*[st.integers(0, 4)] * 3))
    h1, w1, h2, w2 = draw(st.tuples(*[st.integers(1, 3)] * 4))
    return LowRankConv(floats(draw, (r, c, h1, w1)), floats(draw, (m, r, h2, w2)))


@st.composite
def tucker2s(draw):
    m, c, p, q, h, w = draw(st.tuples(*[st.integers(0, 3)] * 6))
    return Tucker2(floats(draw, (m, p)), floats(draw, (p, q, h, w)), floats(draw, (c, q)))


@st.composite
def quantized_layers(draw):
    shape = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
    weight = draw(st.one_of(quantizeds(shape), quantizeds(shape, np.int16), packeds(shape)))
    positive = st.floats(2.0**-126, 2.0**127, width=32)
    scale = draw(st.none() | hnp.arrays(np.float32, shape[1], elements=positive, fill=positive))
    bits = draw(st.none() | st.integers(2, 8))
    step = None if bits is None else draw(st.none() | positive)
    bias = floats(draw, shape[:1]) if draw(st.booleans()) else None
    return QuantizedLayer(weight, scale, bits, step, bias)


@st.composite
def plains(draw):
    type, shape = draw(st.sampled_from(list(ELEMENT_TYPES))), draw(SHAPES)
    bits, dtype = 1 if type == "bool" else ELEMENT_TYPES[type].bits, ELEMENT_TYPES[type].pattern
    if draw(st.booleans()):
        return Plain(draw(hnp.arrays(dtype, shape, elements=st.integers(0, 2**bits - 1))), type)
    low, high = (skewed(draw, int(np.prod(shape)), 2 ** (bits // 2)).astype(dtype) for _ in range(2))
    return Plain((low | high << dtype.type(bits - bits // 2)).reshape(shape), type)


@st.composite
def ggml_blocks(draw):
    block = draw(st.sampled_from(list(GGML_TYPES.values())))
    *rows, size = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    count = int(np.prod(rows, dtype=int)) * size
    data = skewed(draw, count * block.nbytes, 256).reshape(count, block.nbytes)
    return GGMLBlocks(data.astype(np.uint8), block.name, (*rows, size * block.numbers))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)  # of a graph: any but surrogates
SCALARS = (st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), TEXTS)
ATTRIBUTES = st.one_of(*SCALARS, *(st.lists(each, max_size=3).map(tuple) for each in SCALARS))


@st.composite
def graphs(draw, outer=(), depth=2, number=None):
    """Draw a graph. outer : the names of values around it. number : counts the names of all graphs in one"""
    number = number or iter(range(10**6))

    def fresh() -> str:  # names end differently
        return f"{draw(st.sampled_from(['x', 'fc', 'block/fc', chr(0xE9)]))}{next(number)}"

    sizes = st.one_of(st.integers(0, 2**63 - 2), st.sampled_from(["batch", "time"]))
    inputs = [Input(fresh(), draw(st.sampled_from(list(ELEMENT_TYPES))), tuple(draw(st.lists(sizes, max_size=3))))
              for _ in range(draw(st.integers(0, 2)))]
    known, nodes = [each.name for each in inputs], []
    taken = st.sampled_from(["", "fc.weight", "fc.bias", *outer])
    for _ in range(draw(st.integers(0 if known else 1, 3))):
        given = draw(st.lists(st.one_of(taken, st.sampled_from(known)) if known else taken, max_size=3))
        attributes = draw(st.dictionaries(TEXTS, ATTRIBUTES, max_size=2))
        if depth and draw(st.booleans()):
            attributes["body"] = draw(graphs((*outer, *known), depth - 1, number))
        outputs = [fresh(), *draw(st.lists(st.just(""), max_size=1))]
        name = draw(st.sampled_from(["", f"node {len(nodes)}"]))
        nodes.append(Node(draw(st.sampled_from(["linear", "relu", "if"])), given, outputs, attributes, name))
        known.append(outputs[0])
    outputs = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))
    return Graph(inputs, outputs, nodes)


@st.composite
def bsrs(draw):
    r, c, rng = draw(st.integers(1, 4)), draw(st.integers(1, 9)), np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, across = draw(st.integers(0, 5)), draw(st.integers(0, 12))
    kept = rng.random((rows, across)) < draw(st.sampled_from([0, 0.1, 0.5, 1]))
    indptr = np.append(0, np.cumsum(kept.sum(axis=1)))
    return BSR((rows * r, across * c), indptr, np.nonzero(kept)[1].astype(np.int32),
               floats(draw, (int(kept.sum()), r, c)))


@st.composite
def sums(draw):
    low = draw(lowranks())
    sparse = reference.csr_from_dense(np.resize(floats(draw, (3,)), low.shape))
    packed = {"csr": lambda w: w, "bitmask": lambda w: reference.sparse_bitmask_pack(w.dense()),
              "blocks": lambda w: reference.sparse_bsr_pack(w.dense(), block=(1, 1))}
    return LowRankSparse(low, draw(st.sampled_from(list(packed.values())))(sparse))


VALUES = {  # by class: whatever a file may hold
    np.ndarray: raw_arrays(),
    Shared: st.one_of(shareds(), codebooks()),
    CSR: csrs(),
    LowRank: lowranks(),
    Mixed: mixeds(),
    MX: mxs(),
    NF4: nf4s(),
    NVFP4: nvfp4s(),
    Bitmask: bitmasks(),
    Relative: relatives(),
    NM: nms(),
    BSR: bsrs(),
    LowRankSparse: sums(),
    Quantized: st.one_of(quantizeds(), quantizeds(dtype=np.int16), kernels()),
    Packed: packeds(),
    LowRankConv: lowrank_convs(),
    Tucker2: tucker2s(),
    QuantizedLayer: quantized_layers(),
    Plain: plains(),
    GGMLBlocks: ggml_blocks(),
    Graph: graphs(),
}


def layer_maps(max_size: int = 4):
    values = st.one_of(*(strategy for held, strategy in VALUES.items() if held is not Graph))
    return st.tuples(st.dictionaries(NAMES, values, max_size=max_size).flatmap(with_copies),
                     st.one_of(st.none(), st.none(), st.tuples(NAMES, graphs()))).map(with_graph)


def with_graph(drawn: tuple) -> dict:
    """Return the layers, with the graph, if one was drawn, in the middle."""
    layers, named = drawn
    if named is None or named[0] in layers:
        return layers
    items = list(layers.items())
    return dict([*items[: len(items) // 2], named, *items[len(items) // 2 :]])


def of_version(layers: dict, version: int) -> dict:
    """Return the layers that a file of that version can hold: none of a later kind, nor, in the first, runs in the rows
    of a kernel."""
    def held(value) -> bool:
        try:
            entries.write(value, Coding(reference, version))
        except RefcompressError:
            return False
        return True

    return {name: value for name, value in layers.items() if held(value)}


def with_copies(layers: dict):
    """Draw the layers, some of them again under other names: tied weights, and arrays that only look alike."""
    if not layers:
        return st.just(layers)
    copies = st.dictionaries(NAMES, st.sampled_from(list(layers.values())), max_size=2)
    return copies.map(lambda more: {**layers, **{name: value for name, value in more.items() if name not in layers}})


def parts(value) -> list:
    """Return what makes a value what it is: type, and dtype, shape and bytes of each array."""
    if isinstance(value, np.ndarray):
        return [value.dtype, value.shape, value.tobytes()]
    fields = [getattr(value, name) for name in value.__dataclass_fields__]
    return [type(value), *(parts(f) if isinstance(f, np.ndarray | Format) else f for f in fields)]


def same(a: dict, b: dict) -> bool:
    """Return whether two mappings hold the same names and values, bit for bit, in whatever order."""
    return a.keys() == b.keys() and all(parts(a[name]) == parts(b[name]) for name in a)
