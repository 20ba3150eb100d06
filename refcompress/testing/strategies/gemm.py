"""The strategies of the gemm family."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ...formats import Mixed, Quantized
from .draws import ANY, INT8, LENGTH, array, either
from .quantize import _quantized


@st.composite
def _gemm(draw, dtype):
    k = draw(LENGTH)
    x = draw(array(dtype, (draw(LENGTH), k), hnp.from_dtype(np.dtype(dtype))))
    return (x, draw(array(np.int8, (draw(LENGTH), k), INT8))), {}


@st.composite
def _gemm_f32s8(draw):
    k = draw(LENGTH)
    x = draw(array(np.float32, (draw(st.integers(0, 9)), k), draw(either(ANY))))
    return (x, draw(_quantized((draw(LENGTH), k)))), {}


@st.composite
def _gemm_f32mixed(draw):
    n, k, axis = draw(LENGTH), draw(LENGTH), draw(st.integers(0, 1))
    wide = draw(array(np.bool_, (n, k)[axis], st.booleans()))
    count = int(np.count_nonzero(wide))
    low = draw(_quantized((n - count, k) if axis == 0 else (n, k - count)))
    q = draw(_quantized((count, k) if axis == 0 else (n, count)))
    steps = draw(st.sampled_from([1, 255, -256]))  # the values in turn small, and out to both ends of int16
    high = Quantized(q.values.astype(np.int16) * np.int16(steps), q.scale, q.zero_point.astype(np.int16), q.group)
    x = draw(array(np.float32, (draw(st.integers(0, 9)), k), draw(either(ANY))))
    return (x, Mixed(low, high, wide, axis)), {}


@st.composite
def _gemm_f32f32(draw):
    k, transposed = draw(LENGTH), draw(st.booleans())
    x = draw(array(np.float32, (draw(st.integers(0, 9)), k), draw(either(ANY))))
    n = draw(LENGTH)
    return (x, draw(array(np.float32, (k, n) if transposed else (n, k), draw(either(ANY))))), {"transposed": transposed}


STRATEGIES = {
    "gemm_s8s8": lambda: _gemm(np.int8), "gemm_u8s8": lambda: _gemm(np.uint8), "gemm_f32s8": _gemm_f32s8,
    "gemm_f32mixed": _gemm_f32mixed, "gemm_f32f32": _gemm_f32f32,
}
