"""What the decoder of ``text_decoder.py`` returns for an entry."""

from dataclasses import replace
from math import prod

import numpy as np
from text_decoder import STRUCT

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
    Relative,
    Shared,
    Tucker2,
    container,
    quantize_unpack,
)
from refcompress.formats import ELEMENT_TYPES, GGML_TYPES


def flat(a):
    return tuple(a.ravel().tolist())


def graph_content(value):
    def of_attribute(a):
        return graph_content(a) if isinstance(a, Graph) else list(a) if isinstance(a, tuple) else a

    inputs = [(i.name, list(ELEMENT_TYPES).index(i.type), list(i.shape)) for i in value.inputs]
    nodes = [(n.operation, list(n.inputs), list(n.outputs), n.name, [(k, of_attribute(v)) for k, v in n.attributes])
             for n in value.nodes]
    return inputs, list(value.outputs), nodes


def content(value):
    """Return what the decoder returns for an entry of this value."""
    if isinstance(value, CSR):
        rows = np.repeat(np.arange(value.shape[0]), np.diff(value.indptr))
        places = (rows * value.shape[1] + value.indices).tolist()
        return "csr", value.shape, dict(zip(places, value.data.tolist()))
    if isinstance(value, Shared) and value.codebook.ndim == 3:
        return ("codebooks", value.shape, value.group or 0, value.codebook.shape[-1],
                tuple(value.codebook.ravel().tolist()), value.codes.ravel().tolist())
    if isinstance(value, Shared):
        return "shared", value.shape, tuple(value.codebook.tolist()), value.codes.ravel().tolist()
    for kind, integers, scale in (Quantized, "values", "scale"), (MX, "codes", "scales"), (NF4, "codes", "scales"):
        if isinstance(value, kind) and getattr(value, scale).ndim < len(value.shape):
            matrix = getattr(value, integers).reshape(len(getattr(value, integers)), prod(value.shape[1:]))
            return "rows", value.shape, content(replace(value, **{integers: matrix}))
    if isinstance(value, Quantized):
        return ("quantized", value.shape, value.group or 0, value.scale.shape, tuple(value.scale.ravel().tolist()),
                value.zero_point.ravel().tolist(), value.values.ravel().tolist())
    if isinstance(value, Mixed):
        return "mixed", value.axis, value.wide.astype(int).tolist(), content(value.low), content(value.high)
    if isinstance(value, MX):
        number = ["mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4_e2m1", "mxint8"].index(value.format)
        return "mx", number, value.shape, value.scales.ravel().tolist(), value.codes.ravel().tolist()
    if isinstance(value, NF4):
        return "nf4", value.shape, value.block, tuple(value.scales.ravel().tolist()), value.codes.ravel().tolist()
    if isinstance(value, NVFP4):
        return ("nvfp4", value.shape, (float(value.tensor_scale),), value.scales.ravel().tolist(),
                value.codes.ravel().tolist())
    if isinstance(value, Bitmask | Relative | NM):
        scale, codebook = (() if a is None else flat(a) for a in (value.scale, value.codebook))
        own = int(value.scale is not None and len(value.scale) == value.shape[0] != 1)
        form = [Bitmask, Relative, NM].index(type(value))
        sizes = [(), ("skip_bits", "code_bits"), ("n", "m")][form]
        sizes = tuple(getattr(value, name) for name in sizes)
        return ("kept", form, sizes, value.shape, value.group or 0, own, scale, codebook,
                dict(zip(np.flatnonzero(value.kept).tolist(), value.values.tolist())))
    if isinstance(value, BSR):
        rows = np.repeat(np.arange(len(value.indptr) - 1), np.diff(value.indptr))
        places = (rows * (value.shape[1] // value.block[1]) + value.indices).tolist()
        return "blocks", value.shape, value.block, dict(zip(places, map(flat, value.blocks)))
    if isinstance(value, LowRankSparse):
        return "sum", content(value.low), content(value.sparse)
    if isinstance(value, LowRank):
        factors = (tuple(factor.ravel().tolist()) for factor in (value.u, value.s, value.vt))
        return "lowrank", (*value.shape, value.rank), *factors
    if isinstance(value, Packed):
        return "packed", value.bits, content(quantize_unpack(value))
    if isinstance(value, LowRankConv):
        (r, c, *first), (m, _, *second) = value.first.shape, value.second.shape
        return "convolutions", [m, c, r, *first, *second], *map(flat, (value.first, value.second))
    if isinstance(value, Tucker2):
        (p, q, h, w), m, c = value.core.shape, len(value.outputs), len(value.inputs)
        return "tucker2", [m, c, p, q, h, w], *map(flat, (value.outputs, value.core, value.inputs))
    if isinstance(value, GGMLBlocks):
        return "blocks", GGML_TYPES[value.type].number, value.shape, value.data.ravel().tolist()
    if isinstance(value, Plain):
        return "plain", list(ELEMENT_TYPES).index(value.type), value.shape, value.patterns.ravel().tolist()
    if isinstance(value, Graph):
        return "graph", *graph_content(value)
    if isinstance(value, QuantizedLayer):
        scale, bias = (None if a is None else flat(a) for a in (value.input_scale, value.bias))
        return "layer", content(value.weight), scale, value.input_bits, value.input_step, bias
    return STRUCT[container.entries.DTYPES[value.dtype]], value.shape, tuple(value.ravel().tolist())
