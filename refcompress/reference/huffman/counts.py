"""How often each symbol of a sequence occurs: what a code is made for."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments

__all__ = ["huffman_counts"]

BLOCK = 2**16  # symbols counted at a time: numpy.bincount makes an int64 copy of what it counts


def huffman_counts(symbols: NDArray) -> NDArray[np.int64]:
    """Count how often each symbol occurs.

        counts[s] = the number of i with symbols[i] = s

    Parameters
    ----------
    symbols : (count,) uint8 or uint16

    Returns
    -------
    counts : (largest symbol + 1,) int64; of no symbols (0,)

    **Source** none: it is a count. **Departs** nothing. Cost O(count + largest symbol).

    >>> huffman_counts(np.array([2, 0, 2, 2], np.uint8)).tolist()
    [1, 0, 3]
    """
    symbols = counts_arguments(symbols)
    counts = np.zeros(int(symbols.max(initial=0)) + 1 if len(symbols) else 0, dtype=np.int64)
    for start in range(0, len(symbols), BLOCK):
        part = np.bincount(symbols[start : start + BLOCK])
        counts[: len(part)] += part
    return counts


def counts_arguments(symbols) -> NDArray:
    """Return the checked argument of huffman_counts."""
    return arguments.array(symbols, "symbols", np.uint8, np.uint16, ndim=1)
