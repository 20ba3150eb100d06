"""The strategies of the rangecoder family."""

import numpy as np
from hypothesis import strategies as st

from ... import reference
from .draws import array


@st.composite
def _codes(draw):
    alphabet = draw(st.sampled_from([1, 2, 3, 5, 16, 256]))
    shape = (draw(st.integers(0, 9)), draw(st.integers(0, 9)))
    elements = st.one_of(st.just(0), st.integers(0, alphabet - 1))
    return draw(array(np.uint8, shape, elements)), alphabet


@st.composite
def _rangecoder_encode(draw):
    codes, alphabet = draw(_codes())
    return (codes,), {"alphabet": alphabet}


@st.composite
def _rangecoder_decode(draw):
    codes, alphabet = draw(_codes())
    return (reference.rangecoder_encode(codes, alphabet=alphabet),), {"shape": codes.shape, "alphabet": alphabet}


STRATEGIES = {"rangecoder_encode": _rangecoder_encode, "rangecoder_decode": _rangecoder_decode}
