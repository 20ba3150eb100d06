"""The cases of quantize_pack and quantize_unpack: every width, and rows that end inside a byte."""

import numpy as np

from ... import reference
from ...formats import Quantized
from ..cases import Cases
from ..draws import composite, st
from ..values import LENGTHS, ordinary, with_fields
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


def _high_half_first(q, *, bits=4):
    p = reference.quantize_pack(q, bits=bits)
    return with_fields(p, data=p.data >> 4 | p.data << 4) if bits == 4 else p


def _rows_run_on(q, *, bits=4):
    """Packs all of the values as one row, and cuts that into the rows' bytes."""
    p = reference.quantize_pack(q, bits=bits)
    one = {"scale": np.ones(1, np.float32), "zero_point": np.zeros(1, np.int8), "group": None}
    flat = with_fields(q, values=q.values.reshape(-1), **one)
    data = np.zeros(p.data.size, np.uint8)
    run_on = reference.quantize_pack(flat, bits=bits).data
    data[: len(run_on)] = run_on
    return with_fields(p, data=data.reshape(p.data.shape))


CASES["quantize_pack"] = Cases(
    quantize_pack_sweep, quantize_pack_refusals, quantize_pack_strategy,
    wrong={
        "high half first": _high_half_first,
        "rows run on": _rows_run_on,
    },
)


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


def _no_sign(p):
    q = reference.quantize_unpack(p)
    return with_fields(q, values=q.values & np.int8(2**p.bits - 1)) if p.bits > 1 else q


CASES["quantize_unpack"] = Cases(
    quantize_unpack_sweep, quantize_unpack_refusals, quantize_unpack_strategy,
    wrong={
        "sign not extended": _no_sign,
    },
)
