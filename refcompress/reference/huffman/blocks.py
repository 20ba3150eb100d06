"""Where a sequence changes, so that its parts are shorter with codes of their own.

An embedding's rows are not alike, and those of a layer's index neither. A block with a code of its own costs a table,
so it pays only where symbols are distributed otherwise than in the block before.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments

__all__ = ["huffman_blocks"]

UNIT = 2**16  # symbols: a block is of whole units, so that all its lanes are long
ONE = 2**16  # a bit, in the numbers below
AROUND = 1024  # bits of a coded block beside its lengths: 64 lanes end in some 15 bits of padding; integers


def huffman_blocks(symbols: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Cut a sequence into blocks that are coded apart.

        from left to right, the next 2^16 symbols join the block before them where   B(both) <= B(block) + B(next)

        B = min(w n, max(n, n log n - sum(c log c)) + 4 a + 1024) bits
        of n symbols, c of each, the largest of w bits and equal to a - 1

    Parameters
    ----------
    symbols : (n,) uint8

    Returns
    -------
    ends : (blocks,) int64; exact
        Where each block ends; of no symbols (0,). All ends but the last are multiples of 2^16. The logarithm to base 2
        is that of FORMAT.md ("Coder 19"), integers alone; so every machine finds the same blocks.

    **Source** none: it is a comparison of costs, estimated by the entropy.

    **Departs** nothing.

    Cost O(n + 512 n / 2^16), and memory for 512 counts.

    >>> huffman_blocks(np.repeat(np.uint8([0, 0, 9]), 2**16)).tolist()
    [131072, 196608]
    """
    symbols = blocks_arguments(symbols)
    ends: list[int] = []
    block, bits = np.zeros(256, np.int64), 0
    for begin in range(0, len(symbols), UNIT):
        unit = np.bincount(symbols[begin : begin + UNIT], minlength=256)
        both, alone = bits_of(block + unit), bits_of(unit)
        if ends and both <= bits + alone:
            block, bits = block + unit, both
            ends.pop()
        else:
            block, bits = unit, alone
        ends.append(min(begin + UNIT, len(symbols)))
    return np.array(ends, np.int64)


def bits_of(counts: NDArray[np.int64]) -> int:
    """Return the bits that symbols of these counts take in a block, about, in units of 1 / 65536.

    >>> bits_of(np.array([2**16, 2**16])) // ONE, bits_of(np.array([2**16, 0, 0, 2**16])) // ONE
    (131072, 132112)
    """
    n, largest = int(counts.sum()), int(np.flatnonzero(counts)[-1])
    entropy = n * int(log2(np.array([n]))[0]) - int(counts @ log2(counts))
    return min(ONE * largest.bit_length() * n, max(ONE * n, entropy) + ONE * (4 * (largest + 1) + AROUND))


def log2(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return about 65536 log2(x) of integers below 2^46, and 0 for 0.

    With x = 2^e (1 + f) it is e + f + f (1 - f) (0.4427 - 0.2473 f + 0.0832 f^2): (log2(1 + f) - f) / (f (1 - f)) is
    about a parabola through its values at f = 0, 1/2 and 1.

    >>> log2(np.array([1, 2, 3, 2**20])).tolist()
    [0, 65536, 103872, 1310720]
    """
    x = np.maximum(x, 1)
    e = np.frexp(x)[1].astype(np.int64) - 1
    f = (x << 16 >> e) - ONE
    g = 29013 - (f * (16207 - (f * 5455 >> 16)) >> 16)
    return (e << 16) + f + ((f * (ONE - f) >> 16) * g >> 16)


def blocks_arguments(symbols) -> NDArray[np.uint8]:
    """Return the checked argument of huffman_blocks."""
    return arguments.array(symbols, "symbols", np.uint8, ndim=1)
