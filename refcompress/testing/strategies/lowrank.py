"""The strategies of the lowrank family."""

import numpy as np
from hypothesis import strategies as st

from ...formats import LowRank
from .draws import ANY, TAME, array, either


@st.composite
def _lowrank_svd(draw):
    shape = (draw(st.integers(0, 9)), draw(st.integers(0, 9)))
    w = draw(array(np.float32, shape, TAME))
    return (w,), {"rank": draw(st.integers(0, min(shape)))}


@st.composite
def _lowrank_matmul(draw):
    m, k, n, r = draw(st.tuples(*[st.integers(0, 9)] * 4))
    a = LowRank(*(draw(array(np.float32, shape, TAME)) for shape in ((m, r), (r,), (r, k))))
    return (a, draw(array(np.float32, (k, n), draw(either(ANY))))), {}


@st.composite
def _lowrank_randomized(draw):
    shape = (draw(st.integers(0, 20)), draw(st.integers(0, 20)))
    w = draw(array(np.float32, shape, TAME))
    return (w,), {"rank": draw(st.integers(0, min(shape))), "seed": draw(st.integers(0, 9)), "certify": draw(st.booleans())}


STRATEGIES = {"lowrank_svd": _lowrank_svd, "lowrank_matmul": _lowrank_matmul, "lowrank_randomized": _lowrank_randomized}
