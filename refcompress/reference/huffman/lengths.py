"""Huffman codes: the best lengths under a limit, and the one canonical code that has them.

How a code's bits are laid out in a stream is the business of ``huffman_stream.py``.

Letters: n used symbols, L the limit, or the longest length of a code.
"""

import numpy as np

from ... import arguments
from ...errors import LimitError
from ...formats import MAX_CODE_LENGTH, HuffmanCode

__all__ = ["huffman_lengths", "huffman_code"]

LEAF, PACKAGE = 0, 1  # in this order: of equal weights a leaf comes first


def huffman_lengths(counts, *, limit: int = MAX_CODE_LENGTH) -> np.ndarray:
    """Return the code lengths that take the fewest bits, none longer than ``limit``.

    minimise sum(counts * lengths) subject to sum(2**-lengths) = 1 over the used symbols, 1 <= lengths <= limit

    Each used symbol is a leaf whose weight is its count, and there is one row of leaves for each of the L levels of
    the tree. The items of the deepest row are its leaves, by weight. Those of any other row are its leaves and the
    packages of the row below: items 1 and 2, items 3 and 4, ..., two together; an odd last item is left out. Of the top
    row the first 2n - 2 items are bought, and with a package the items in it; a symbol's length is the number of its
    leaves bought. Since packages keep their order, what is bought of every row is its beginning.

    counts : (alphabet,) int64 or uint64, at most 2**15 of them; limit : 1 to 15.
    Returns (alphabet,) uint8: 0 for a symbol of count 0, 1 for a lone symbol. Weights are exact integers.
    Of the optimal lengths these: of equal counts the lower symbol is not longer than the higher one; of equal weights a
    leaf comes before a package.
    Raises RefcompressError for a negative count or a limit outside 1 to 15; LimitError for more than 2**15 counts, a
    sum of counts beyond 2**63 - 1, and more than 2**limit used symbols.

    Source: Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", J. ACM 37(3), 1990
    (the package-merge algorithm). Departs: in stating which of the optimal codes is taken; the paper takes any. Cost:
    O(n L) after an O(n log n) sort, in time and in memory.

    >>> huffman_lengths(np.array([1, 1, 2, 3, 5])).tolist()
    [4, 4, 3, 2, 1]
    >>> huffman_lengths(np.array([1, 1, 2, 3, 5]), limit=3).tolist()
    [3, 3, 2, 2, 2]
    """
    counts, limit = lengths_arguments(counts, limit)
    used = np.flatnonzero(counts)
    n = len(used)
    lengths = np.zeros(len(counts), dtype=np.uint8)
    if n < 2:
        lengths[used] = 1
        return lengths

    # The rarest first; of equal counts the higher symbol, which is so bought first and gets the longer code.
    order = used[::-1][np.argsort(counts[used[::-1]], kind="stable")]
    leaves = [(weight, LEAF) for weight in counts[order].tolist()]  # Python's integers: packages may pass 2**63
    rows, packages = [], []
    for _ in range(limit):
        row = sorted(leaves + packages)
        rows.append([kind for _, kind in row])
        packages = [(a + b, PACKAGE) for (a, _), (b, _) in zip(row[0::2], row[1::2])]

    buy = 2 * n - 2
    for row in reversed(rows):
        bought = row[:buy].count(LEAF)
        lengths[order[:bought]] += 1
        buy = 2 * (buy - bought)  # the rest are packages, of two items each
    return lengths


def huffman_code(lengths) -> HuffmanCode:
    """Return the canonical prefix code of these lengths.

    The codes of one length are consecutive numbers in the order of their symbols; the first of length l is
    first(l) = 2 * (first(l - 1) + number of codes of length l - 1), first(0) = 0.

    lengths : (alphabet,) uint8, at most 2**15 of them, 0 for a symbol that does not occur, else 1 to 15.
    Returns a HuffmanCode with the codes as (alphabet,) uint16, exact.
    Raises RefcompressError for a length above 15 and for lengths that do not fill the code space exactly (a lone symbol
    has length 1 and code 0, which leaves half of it); LimitError for more than 2**15 lengths.

    Source: Schwartz and Kallick, "Generating a canonical prefix encoding", Comm. ACM 7(3), 1964; the formula is that of
    RFC 1951, section 3.2.2.
    Departs: nothing.
    Cost: O(alphabet).

    >>> code = huffman_code(np.array([2, 1, 0, 3, 3], np.uint8))
    >>> [f"{c:0{l}b}" for c, l in zip(code.codes, code.lengths) if l]
    ['10', '0', '110', '111']
    """
    lengths = code_arguments(lengths)
    codes = np.zeros(len(lengths), dtype=np.int64)
    first = 0
    for length in range(1, MAX_CODE_LENGTH + 1):
        symbols = np.flatnonzero(lengths == length)
        codes[symbols] = first + np.arange(len(symbols))
        first = 2 * (first + len(symbols))
    return HuffmanCode(lengths, codes.astype(np.uint16))  # refuses lengths that do not fill the code space


def lengths_arguments(counts, limit) -> tuple[np.ndarray, int]:
    """Return the checked arguments of huffman_lengths."""
    counts = arguments.array(counts, "counts", np.int64, np.uint64, ndim=1)
    limit = arguments.integer(limit, "limit", 1, MAX_CODE_LENGTH)
    if len(counts) > 2**MAX_CODE_LENGTH:
        raise LimitError("counts", f"must be at most {2**MAX_CODE_LENGTH}, not {len(counts)}")
    arguments.each(counts, "counts", counts >= 0, "must not be negative")
    total = sum(counts.tolist())  # in Python's integers, which do not wrap
    if total > arguments.MAX_SIZE:
        raise LimitError("counts", f"must add up to at most 2**63 - 1, not {total}")
    used = np.count_nonzero(counts)
    if used > 2**limit:
        raise LimitError("limit", f"{limit} bits give at most {2**limit} codes, and {used} symbols are used")
    return counts, limit


def code_arguments(lengths) -> np.ndarray:
    """Return the checked argument of huffman_code; whether the code is complete is for HuffmanCode to say."""
    lengths = arguments.array(lengths, "lengths", np.uint8, ndim=1)
    if len(lengths) > 2**MAX_CODE_LENGTH:
        raise LimitError("lengths", f"must be at most {2**MAX_CODE_LENGTH}, not {len(lengths)}")
    return arguments.each(lengths, "lengths", lengths <= MAX_CODE_LENGTH, f"must be at most {MAX_CODE_LENGTH}")
