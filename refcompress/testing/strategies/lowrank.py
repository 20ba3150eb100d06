"""The strategies of the lowrank family."""

import numpy as np
from hypothesis import strategies as st

from .draws import TAME, array


@st.composite
def _lowrank_svd(draw):
    shape = (draw(st.integers(0, 9)), draw(st.integers(0, 9)))
    w = draw(array(np.float32, shape, TAME))
    return (w,), {"rank": draw(st.integers(0, min(shape)))}


STRATEGIES = {"lowrank_svd": _lowrank_svd}
