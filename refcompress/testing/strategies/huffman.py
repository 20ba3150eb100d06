"""The strategies of the huffman family."""

import numpy as np
from hypothesis import strategies as st

from ... import reference
from ...formats import Encoded
from .draws import array


def _counts(most: int = 40):
    return array(np.int64, st.integers(0, most), st.one_of(st.integers(0, 4), st.integers(0, 2**40)))


@st.composite
def _huffman_lengths(draw):
    counts = draw(_counts())
    return (counts,), {"limit": draw(st.integers(max(1, int(np.count_nonzero(counts) - 1).bit_length()), 15))}


@st.composite
def _coded(draw):
    counts = draw(_counts())
    code = reference.huffman_code(reference.huffman_lengths(counts))
    used = np.flatnonzero(counts)
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    size = draw(st.integers(0, 70)) if len(used) else 0
    symbols = draw(array(dtype, size, st.sampled_from(used.tolist() or [0])))
    return symbols, code


@st.composite
def _huffman_decode(draw):
    symbols, code = draw(_coded())
    encoded = reference.huffman_encode(symbols, code)
    return (Encoded(encoded.words, encoded.count, code),), {}


STRATEGIES = {
    "huffman_lengths": _huffman_lengths,
    "huffman_code": lambda: _counts().map(lambda c: ((reference.huffman_lengths(c),), {})),
    "huffman_encode": lambda: st.tuples(_coded(), st.just({})), "huffman_decode": _huffman_decode,
}
