"""What the strategies of all families draw from: lengths, shapes, numbers."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

LENGTH = st.sampled_from([*range(10), 15, 16, 17, 31, 32, 33, 40])  # one list: of two, shrinking sticks in the second
FINITE = st.one_of(
    st.integers(-8, 8).map(float),
    st.sampled_from([0.0, -0.0, 0.5, -2.5, 2.0**-126, -(2.0**-149), 2.0**127, -3e38]),
    st.floats(width=32, allow_nan=False, allow_infinity=False))
NO_NAN = st.one_of(FINITE, st.sampled_from([np.inf, -np.inf]))
ANY = st.one_of(NO_NAN, st.just(np.nan))
TAME = st.one_of(st.integers(-8, 8).map(float), st.floats(-1e3, 1e3, width=32))

INT8 = st.one_of(st.integers(-128, 127), st.sampled_from([-128, 127]))
SCALE = st.one_of(st.sampled_from([1.0, 0.5, 2.0**-126, 2.0**100]), st.floats(2.0**-20, 2.0**20, width=32))
SHAPE = st.one_of(st.tuples(LENGTH), st.tuples(LENGTH, st.integers(0, 9)), st.tuples(*[st.integers(0, 4)] * 3))


def array(dtype, shape, elements):
    return hnp.arrays(dtype, shape, elements=elements)


def either(floats):
    """All elements tame, or all kinds: a NaN among many hides what else is wrong."""
    return st.sampled_from([TAME, floats])
