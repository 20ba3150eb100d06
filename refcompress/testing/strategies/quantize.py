"""The strategies of the quantize family."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import reference
from ...formats import Quantized
from .draws import FINITE, INT8, SCALE, SHAPE, array, either


@st.composite
def _quantize_s8(draw):
    x = draw(array(np.float32, draw(SHAPE), draw(either(FINITE))))
    kwargs = {"scheme": draw(st.sampled_from(["symmetric", "affine"]))}
    kind = draw(st.sampled_from(["whole", "axis", "group"]))
    if kind == "axis":
        kwargs["axis"] = draw(st.integers(-x.ndim, x.ndim - 1))
    elif kind == "group":
        kwargs["group"] = draw(st.integers(1, 20))
    return (x,), kwargs


@st.composite
def _quantized(draw, shape):
    """Return a Quantized of this shape with any permitted shape of scales."""
    group = draw(st.none() | st.integers(1, 20))
    full = shape if group is None else (*shape[:-1], -(-shape[-1] // group))
    some = tuple(draw(st.sampled_from([1, n])) for n in full)
    if group is not None:
        some = (*some[:-1], full[-1])
    values = draw(array(np.int8, shape, INT8))
    return Quantized(values, draw(array(np.float32, some, SCALE)), draw(array(np.int8, some, INT8)), group)


@st.composite
def _dequantize_s8(draw):
    return (draw(_quantized(draw(SHAPE))),), {}


@st.composite
def _any_bits(draw):
    args, kwargs = draw(_quantize_s8())
    return args, {**kwargs, "bits": draw(st.integers(2, 8))}


@st.composite
def _dequantize_s16(draw):
    (q,), _ = draw(_dequantize_s8())
    values = draw(hnp.arrays(np.int16, q.shape))
    zero_point = q.zero_point.astype(np.int16) * np.int16(draw(st.integers(-255, 256)))
    return (Quantized(values, q.scale, zero_point, q.group),), {}


@st.composite
def _quantize_range_minmax(draw):
    args, kwargs = draw(_quantize_s8())
    return args, {name: value for name, value in kwargs.items() if name != "scheme"}


@st.composite
def _quantize_pack(draw):
    (q,), _ = draw(_dequantize_s8())
    bits = draw(st.integers(2, 7))
    shift = 8 - bits
    return (Quantized(q.values >> shift, q.scale, q.zero_point >> shift, q.group),), {"bits": bits}


@st.composite
def _bias_scales(draw, n: int):
    some = st.floats(2.0**-20, 2.0**20, width=32)
    shape = draw(st.sampled_from([(n,), (n, 1), (1,), (1, 1)]))
    return draw(some), draw(hnp.arrays(np.float32, shape, elements=some))


@st.composite
def _quantize_bias_s32(draw):
    bias = draw(hnp.arrays(np.float32, st.integers(0, 9), elements=st.floats(-2.0**-12, 2.0**-12, width=32)))
    return (bias, *draw(_bias_scales(len(bias)))), {"inputs": draw(st.integers(0, 65_535))}


@st.composite
def _dequantize_bias_s32(draw):
    values = draw(hnp.arrays(np.int32, st.integers(0, 9)))
    return (values, *draw(_bias_scales(len(values)))), {}


@st.composite
def _requantize_s32(draw):
    x = draw(hnp.arrays(np.int32, hnp.array_shapes(min_side=0, max_side=9)))
    shape = tuple(draw(st.sampled_from([1, n])) for n in x.shape)
    rounding = draw(st.sampled_from(["half_even", "half_away", "gemmlowp"]))
    multiplier = draw(hnp.arrays(np.int32, shape, elements=st.integers(0, 2**31 - 1) | st.just(2**30)))
    shift = draw(hnp.arrays(np.int32, shape, elements=st.integers(0 if rounding == "gemmlowp" else -30, 31)))
    bits = draw(st.sampled_from([2, 4, 8, 16]))
    return (x, multiplier, shift), {"rounding": rounding, "bits": bits, "zero_point": draw(st.integers(-2, 1))}


STRATEGIES = {
    "quantize_s8": _any_bits, "dequantize_s8": _dequantize_s8, "quantize_s16": _quantize_s8, "dequantize_s16": _dequantize_s16,
    "quantize_range_minmax": _quantize_range_minmax, "quantize_pack": _quantize_pack,
    "quantize_unpack": lambda: _quantize_pack().map(lambda case: ((reference.quantize_pack(*case[0], **case[1]),), {})),
    "quantize_bias_s32": _quantize_bias_s32, "dequantize_bias_s32": _dequantize_bias_s32, "requantize_s32": _requantize_s32,
}
