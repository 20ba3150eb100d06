"""The strategies of the floats family."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ... import reference
from ...formats import FLOATS, MX, MX_ELEMENTS, NF4
from ...formats.floats import block_shape

_SHAPE = st.one_of(st.tuples(st.integers(0, 40)), st.tuples(st.integers(0, 3), st.integers(0, 40)))

_FINITE = st.one_of(st.integers(-8, 8).map(float), st.floats(-2.0, 2.0, width=16), st.floats(-1e3, 1e3, width=32),
                    st.floats(width=32, allow_nan=False, allow_infinity=False))


def _near(f):
    """Numbers of the format and middles between them: what rounding turns on."""
    numbers = reference.floats_decode(np.arange(min(f.largest, 2**10) + 1).astype(f.dtype), f.name).astype(np.float64)
    middles = (numbers[1:] + numbers[:-1]) / 2
    return st.sampled_from(np.concatenate([numbers, middles, -middles]).astype(np.float32).tolist())


@st.composite
def _encode(draw):
    f = FLOATS[draw(st.sampled_from(list(FLOATS)))]
    special = [np.inf, -np.inf] if f.nan is None else [np.inf, -np.inf, np.nan]
    elements = draw(st.sampled_from([_FINITE, _near(f), st.one_of(_FINITE, st.sampled_from(special))]))
    x = draw(hnp.arrays(np.float32, draw(_SHAPE), elements=elements))
    return (x, f.name), {"overflow": draw(st.sampled_from(["saturate", "format"]))}


@st.composite
def _decode(draw):
    f = FLOATS[draw(st.sampled_from(list(FLOATS)))]
    return (draw(hnp.arrays(f.dtype, draw(_SHAPE), elements=st.integers(0, 2**f.bits - 1))), f.name), {}


def _arrays():
    return _SHAPE.flatmap(lambda shape: hnp.arrays(np.float32, shape, elements=_FINITE))


@st.composite
def _mx_decode(draw):
    name, shape = draw(st.sampled_from(list(MX_ELEMENTS))), draw(_SHAPE)
    element = MX_ELEMENTS[name]
    codes = (hnp.arrays(np.int8, shape) if element is None else
             hnp.arrays(np.uint8, shape, elements=st.integers(0, 2**element.bits - 1)))
    return (MX(draw(codes), draw(hnp.arrays(np.uint8, block_shape(shape, 32))), name),), {}


@st.composite
def _nf4_decode(draw):
    shape, block = draw(_SHAPE), draw(st.integers(1, 50))
    codes = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 15)))
    scales = hnp.arrays(np.float32, block_shape(shape, block), elements=st.floats(2.0**-130, 2.0**127, width=32))
    return (NF4(codes, draw(scales), block),), {}


STRATEGIES = {
    "floats_encode": _encode, "floats_decode": _decode,
    "floats_mx_encode": lambda: st.tuples(st.tuples(_arrays(), st.sampled_from(list(MX_ELEMENTS))), st.just({})),
    "floats_mx_decode": _mx_decode,
    "floats_nf4_encode": lambda: st.tuples(st.tuples(_arrays()), st.fixed_dictionaries({"block": st.integers(1, 70)})),
    "floats_nf4_decode": _nf4_decode,
}
