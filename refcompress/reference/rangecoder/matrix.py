"""Matrices of codes that are mostly 0, by an adaptive range coder.

Code 0 is a bit of its own, predicted from where weights lay before: in this column, in this row, next to it. The other
codes are bits of a tree, predicted from how often they came. Nothing but the bits is sent: the decoder learns along.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import CorruptError, RefcompressError
from .coder import Decoder, Encoder, check_end
from .lanes import LANES, decode_rows, encode_rows
from .model import Model

__all__ = ["rangecoder_encode", "rangecoder_decode"]

# Codes that a byte can hold, by the lanes: a zero takes at least 2**-11 bits (LOWEST in model.py), or 2**-12
# (LOWEST_FLAG in lanes.py).
MOST_A_BYTE = {1: 8 * 2048, LANES: 8 * 4096}


def rangecoder_encode(codes: NDArray[np.uint8], *, alphabet: int, lanes: int = 1) -> NDArray[np.uint8]:
    """Write a matrix of codes in few bytes, where 0 is the most frequent by far.

        row by row, for each code:  a bit, code > 0;  if it is 1, the bits of code - 1, the highest first
        a bit of probability p keeps p of the interval, so it costs about log2(1 / p) bits

    Parameters
    ----------
    codes : (m, k) uint8, below alphabet
    alphabet : int in [1, 256]
    lanes : 1 or 16
        The rows that go side by side. With 16 a row begins two columns after the one above it. All rows use one
        sequence of bytes. It is decoded several times as fast. Fewer than 16 rows, or few columns, leave lanes without
        work.

    Returns
    -------
    data : (n,) uint8
        One matrix has one sequence of bytes for each number of lanes, from every implementation. FORMAT.md, "Contexts"
        and "Sixteen rows", is the norm.

    **Source** Martin, Range Encoding: an Algorithm for Removing Redundancy from a Digitised Message (1979), for the
    interval; Mahoney, Data Compression Explained (2010 to 2013), "Logistic Mixing", for logits mixed with weights that
    learn.

    **Departs** the contexts, the slots and the constants are made for pruned matrices.

    Cost O(m k); some 10 microseconds a code here, a hundredth of that in C.

    >>> w = np.zeros((40, 50), np.uint8)
    >>> w[::8, 7] = 3
    >>> data = rangecoder_encode(w, alphabet=4)
    >>> len(data), np.array_equal(rangecoder_decode(data, shape=(40, 50), alphabet=4), w)
    (7, True)
    """
    codes, alphabet, lanes = encode_arguments(codes, alphabet, lanes)
    if codes.size == 0:  # of 2**40 rows or columns, perhaps
        return np.zeros(0, np.uint8)
    if lanes == LANES:
        return np.frombuffer(encode_rows(codes, alphabet), np.uint8).copy()
    coder, model = Encoder(), Model(codes, alphabet)
    for i, row in enumerate(codes.tolist()):
        model.begin_row(i)
        for j, code in enumerate(row):
            coder.put(int(code > 0), model.p_of_flag(j))
            model.learn(j, int(code > 0))
            if code:
                node = 1
                for place in reversed(range(model.depth)):
                    bit = code - 1 >> place & 1
                    coder.put(bit, model.p_of_value(node))
                    model.tree[node].update(bit)
                    node = 2 * node + bit
    return np.frombuffer(coder.end(), np.uint8).copy()


def rangecoder_decode(data: NDArray[np.uint8], *, shape: tuple[int, int], alphabet: int, lanes: int = 1
                      ) -> NDArray[np.uint8]:
    """Read the matrix of codes that :func:`rangecoder_encode` wrote.

        row by row, for each code:  a bit, code > 0;  if it is 1, the bits of code - 1, the highest first

    Parameters
    ----------
    data : (n,) uint8
    shape : (m, k)
        m k at most 16384 (n + 5), with 16 lanes 32768 (n + 5): more codes the bytes cannot hold.
    alphabet : int in [1, 256]
    lanes : 1 or 16, as for rangecoder_encode

    Returns
    -------
    codes : (m, k) uint8

    Raises
    ------
    CorruptError : bytes that no encoder writes: a code beyond the alphabet; bytes that are missing (at the first code
        that would need them), left over, not the fewest, or not the lowest.

    **Source** as rangecoder_encode.

    **Departs** as rangecoder_encode.

    Cost O(m k); besides the codes a byte a column, and three more if m > 1; with 16 lanes 24 bytes a column, in C four.

    >>> rangecoder_decode(np.zeros(0, np.uint8), shape=(2, 0), alphabet=5).shape
    (2, 0)
    """
    data, (m, k), alphabet, lanes = decode_arguments(data, shape, alphabet, lanes)
    codes = np.zeros((m, k), np.uint8)
    if codes.size == 0:
        check_end(data.tobytes(), 0, 0, 0)
        return codes
    if lanes == LANES:
        decode_rows(data.tobytes(), codes, alphabet)
        return codes
    coder, model = Decoder(data.tobytes()), Model(codes, alphabet)
    for i in range(m):
        model.begin_row(i)
        for j in range(k):
            flag = coder.get(model.p_of_flag(j))
            model.learn(j, flag)
            if flag:
                node = 1
                for _ in range(model.depth):
                    bit = coder.get(model.p_of_value(node))
                    model.tree[node].update(bit)
                    node = 2 * node + bit
                code = node - (1 << model.depth) + 1
                if code >= alphabet:
                    raise CorruptError("data", f"code {code} at [{i}, {j}] is not below the alphabet's size {alphabet}")
                codes[i, j] = code
            if coder.dropped > len(data):  # bits that the encoder wrote, and no longer the zeros behind its last byte
                raise CorruptError("data", f"ends before the code at [{i}, {j}]")
    check_end(coder.data, coder.dropped, coder.low, coder.high)
    return codes


def encode_arguments(codes, alphabet, lanes) -> tuple[NDArray[np.uint8], int, int]:
    """Return the checked arguments of rangecoder_encode."""
    codes = arguments.array(codes, "codes", np.uint8, ndim=2)
    alphabet = arguments.integer(alphabet, "alphabet", 1, 256)
    if codes.size and codes.max() >= alphabet:
        arguments.each(codes, "codes", codes < alphabet, f"must be below the alphabet's size {alphabet}")
    return codes, alphabet, _lanes(lanes)


def decode_arguments(data, shape, alphabet, lanes) -> tuple[NDArray[np.uint8], tuple[int, int], int, int]:
    """Return the checked arguments of rangecoder_decode."""
    data = arguments.array(data, "data", np.uint8, ndim=1)
    alphabet = arguments.integer(alphabet, "alphabet", 1, 256)
    lanes = _lanes(lanes)
    shape = arguments.shape(shape)
    if len(shape) != 2:
        raise RefcompressError("shape", f"must have 2 dimensions, not {len(shape)}")
    m, k = shape
    if m * k > MOST_A_BYTE[lanes] * (len(data) + 5):
        raise CorruptError("data", f"of {len(data)} bytes cannot hold {m * k} codes")
    return data, (m, k), alphabet, lanes


def _lanes(lanes) -> int:
    lanes = arguments.integer(lanes, "lanes", 1, LANES)
    if lanes not in MOST_A_BYTE:
        raise RefcompressError("lanes", f"must be 1 or {LANES}, not {lanes}")
    return lanes
