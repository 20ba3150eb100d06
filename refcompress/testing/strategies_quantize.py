"""The strategies of the quantize family but for quantize_s8 and dequantize_s8 of 8 bits, which strategies.py has."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..formats import Quantized
from .strategies import _dequantize_s8, _quantize_s8


@st.composite
def _any_bits(draw):
    args, kwargs = draw(_quantize_s8())
    return args, {**kwargs, "bits": draw(st.integers(2, 8))}


@st.composite
def _dequantize_s16(draw):
    (q,), _ = draw(_dequantize_s8())
    values = draw(hnp.arrays(np.int16, q.shape))
    return (Quantized(values, q.scale, q.zero_point.astype(np.int16) * np.int16(draw(st.integers(-256, 256))), q.group),), {}


@st.composite
def _quantize_range_minmax(draw):
    args, kwargs = draw(_quantize_s8())
    return args, {name: value for name, value in kwargs.items() if name != "scheme"}


PLAIN = {"quantize_s8": _any_bits, "quantize_s16": _quantize_s8, "dequantize_s16": _dequantize_s16,
         "quantize_range_minmax": _quantize_range_minmax}
