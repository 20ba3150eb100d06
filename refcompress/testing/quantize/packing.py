"""The cases of quantize_pack and quantize_unpack: every width, and rows that end inside a byte."""

import numpy as np

from ... import reference
from ...formats import Quantized
from ..cases import Cases
from ..draws import composite, st
from ..values import LENGTHS, ordinary
from .integers import dequantize_refusals, dequantize_s8_strategy

CASES: dict[str, Cases] = {}


# quantize_pack

def quantize_pack_sweep():
    rng = np.random.default_rng(35)
    for n in LENGTHS:
        bits = 1 + n % 7
        low, high = (-1, 2) if bits == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        for shape in ((3, n), (n, 5), (n,)):
            values = rng.integers(low, high, shape).astype(np.int8)
            one = (1,) * len(shape)
            if bits == 1:
                values[values == 0] = 1
            yield (Quantized(values, np.ones(one, np.float32), np.full(one, -(bits > 1), np.int8)),), {"bits": bits}
            yield (Quantized(values % 8, np.full(one, 0.5, np.float32), np.zeros(one, np.int8)),), {}
    yield (reference.quantize_s8(ordinary(rng, (17, 70)), bits=4, group=32, scheme="affine"),), {}


def quantize_pack_refusals():
    yield from dequantize_refusals()
    one, none = np.float32([1]), np.int8([0])
    yield (Quantized(np.int16([1]), one, np.int16([0])),), {}
    for bits in (0, 8, -1, True, 4.0, None):
        yield (Quantized(np.int8([1]), one, none),), {"bits": bits}
    for value in (-9, 8, 127, -128):
        yield (Quantized(np.int8([1, value]), one, none),), {}
        yield (Quantized(np.int8([1]), one, np.int8([value])),), {}
    yield (Quantized(np.int8([1, 0]), one, none),), {"bits": 1}
    yield (Quantized(np.int8([1, -1]), one, np.int8([1])),), {"bits": 1}


@composite
def quantize_pack_strategy(draw):
    (q,), _ = draw(dequantize_s8_strategy())
    bits = draw(st.integers(2, 7))
    shift = 8 - bits
    return (Quantized(q.values >> shift, q.scale, q.zero_point >> shift, q.group),), {"bits": bits}


CASES["quantize_pack"] = Cases(quantize_pack_sweep, quantize_pack_refusals, quantize_pack_strategy)


# quantize_unpack

def quantize_unpack_sweep():
    for (q,), kwargs in quantize_pack_sweep():
        yield (reference.quantize_pack(q, **kwargs),), {}


def quantize_unpack_refusals():
    yield (None,), {}
    yield (Quantized(np.int8([1]), np.float32([1]), np.int8([0])),), {}


@composite
def quantize_unpack_strategy(draw):
    args, kwargs = draw(quantize_pack_strategy())
    return (reference.quantize_pack(*args, **kwargs),), {}


CASES["quantize_unpack"] = Cases(quantize_unpack_sweep, quantize_unpack_refusals, quantize_unpack_strategy)
