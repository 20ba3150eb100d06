"""Huffman codes: the best lengths, then the best lengths under a limit, and the one canonical code that has them.

``stream.py`` says how a code's bits are laid out in a stream.

Letters: n used symbols, L the limit, or the longest length of a code.
"""

from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import LimitError
from ...formats import MAX_CODE_LENGTH, HuffmanCode

__all__ = ["huffman_lengths", "huffman_code"]

LEAF, PACKAGE = 0, 1  # in this order: of equal weights a leaf comes first


def huffman_lengths(counts: NDArray, *, limit: int = MAX_CODE_LENGTH) -> NDArray[np.uint8]:
    """Return the code lengths that take the fewest bits, none longer than ``limit``.

        minimise sum(counts * lengths)   subject to   sum(2**-lengths) = 1 over the used symbols,  1 <= lengths <= limit

    Huffman's tree has the least sum of all. Where one of its lengths is above the limit, the lengths are those of
    package-merge.

    Parameters
    ----------
    counts : (alphabet,) int64 or uint64, >= 0, at most 2**15 of them, with a sum of at most 2**63 - 1
    limit : int in [1, 15], such that at most 2**limit symbols are used

    Returns
    -------
    lengths : (alphabet,) uint8
        0 for a symbol of count 0, 1 for a lone symbol. Often several codes are optimal. The result is the one that
        follows from two rules: of equal counts, the higher symbol does not have the shorter code; of equal weights, a
        leaf comes before a package. Weights are exact integers.

    Raises
    ------
    LimitError : the counts, their sum, or the number of used symbols is above its bound.

    **Source** Huffman, A Method for the Construction of Minimum-Redundancy Codes (Proc. IRE 40(9), 1952). Larmore and
    Hirschberg, A Fast Algorithm for Optimal Length-Limited Huffman Codes (J. ACM 37(3), 1990), for package-merge.

    **Departs** the papers take any optimal code; here the tie rules leave one.

    Cost O(n log n) for the tree; O(n L) after a sort for package-merge, in time and in memory.

    >>> huffman_lengths(np.array([1, 1, 2, 3, 5])).tolist()
    [4, 4, 3, 2, 1]
    >>> huffman_lengths(np.array([1, 1, 2, 3, 5]), limit=3).tolist()
    [3, 3, 2, 2, 2]
    """
    counts, limit = lengths_arguments(counts, limit)
    lengths = tree_lengths(counts)
    return lengths if lengths.max(initial=0) <= limit else package_merge_lengths(counts, limit)


def tree_lengths(counts: NDArray) -> NDArray[np.uint8]:
    """Return the depths of the leaves of Huffman's tree: join the two lightest trees until one is left.

    A tree is (weight, kind, age, its symbols). The heap gives the least one: of equal weights a leaf before a package
    of two trees, of leaves the highest symbol, of packages the oldest.

    >>> tree_lengths(np.array([1, 1, 2, 3, 5])).tolist()
    [4, 4, 3, 2, 1]
    """
    lengths = [0] * len(counts)
    heap = [(weight, LEAF, -symbol, [symbol]) for symbol, weight in enumerate(counts.tolist()) if weight]
    if len(heap) == 1:
        lengths[heap[0][3][0]] = 1
    heapify(heap)
    for age in range(len(heap) - 1):
        (a, _, _, left), (b, _, _, right) = heappop(heap), heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1  # it lies one level deeper
        heappush(heap, (a + b, PACKAGE, age, left + right))
    return np.array(lengths, dtype=np.uint8)  # a sum below 2**63 keeps the depth below 92


# Why package-merge has the tree's lengths wherever the tree is no deeper than L, to the last tie. Let T be the trees in
# the order in which the heap gives them: T is the leaves and the packages of T (its items 1 and 2, 3 and 4, ..), merged
# by weight, leaves first. Row j of package-merge is the leaves and the packages of row j - 1, merged in the same way,
# and row 0 is empty. By induction, (1) no item of a row is lighter than the item of T at its place; (2) a row j has the
# items of T up to the first one of height j or more: the packages before that one have all been made, and by (1) the
# first package that differs is not lighter, so no leaf moves behind it. In a tree of depth L or less, all 2n - 2 items
# below the root have a height below L, so row L begins with them; and a leaf lies in as many of them as it is deep.


def package_merge_lengths(counts: NDArray, limit: int) -> NDArray[np.uint8]:
    """Return the best lengths of at most ``limit``, for at least two used symbols.

    Each used symbol is a leaf whose weight is its count, and there is one row of leaves for each of the L levels of
    the tree. The items of the deepest row are its leaves, by weight. The items of any other row are its leaves and the
    packages of the row below: items 1 and 2, items 3 and 4, and so on, two together; an odd last item is left out.
    The first 2n - 2 items of the top row are bought. Who buys a package buys the two items in it. Packages keep the
    order of their items, so the items bought from a row are a prefix of it. A symbol's length is the number of its
    leaves that are bought.

    >>> package_merge_lengths(np.array([1, 1, 2, 3, 5]), 3).tolist()
    [3, 3, 2, 2, 2]
    """
    used = np.flatnonzero(counts)
    # The rarest first; of equal counts the higher symbol, which is bought first and so gets the longer code.
    order = used[::-1][np.argsort(counts[used[::-1]], kind="stable")]
    leaves = [(weight, LEAF) for weight in counts[order].tolist()]  # Python's integers: packages may pass 2**63
    rows: list[list[int]] = []
    packages: list[tuple[int, int]] = []
    for _ in range(limit):
        row = sorted(leaves + packages)
        rows.append([kind for _, kind in row])
        packages = [(a + b, PACKAGE) for (a, _), (b, _) in zip(row[0::2], row[1::2])]

    lengths = np.zeros(len(counts), dtype=np.uint8)
    buy = 2 * len(used) - 2
    for kinds in reversed(rows):
        bought = kinds[:buy].count(LEAF)
        lengths[order[:bought]] += 1
        buy = 2 * (buy - bought)  # the rest are packages, of two items each
    return lengths


def huffman_code(lengths: NDArray[np.uint8]) -> HuffmanCode:
    """Return the canonical prefix code of these lengths.

        the codes of length l are first(l), first(l) + 1, ..  in the order of their symbols
        first(l) = 2 * (first(l - 1) + number of codes of length l - 1),  first(0) = 0

    Parameters
    ----------
    lengths : (alphabet,) uint8, at most 2**15 of them
        0 for a symbol that does not occur, else 1 to 15.

    Returns
    -------
    HuffmanCode, with the codes as (alphabet,) uint16

    Raises
    ------
    LimitError : more than 2**15 lengths.
    RefcompressError : also lengths that do not fill the code space exactly. A lone symbol is an exception: it has
        length 1 and code 0, and half of the space is left.

    **Source** Schwartz and Kallick, Generating a Canonical Prefix Encoding (Comm. ACM 7(3), 1964); the formula is that
    of RFC 1951, section 3.2.2.

    **Departs** nothing.

    Cost O(alphabet).

    >>> code = huffman_code(np.array([2, 1, 0, 3, 3], np.uint8))
    >>> [f"{c:0{l}b}" for c, l in zip(code.codes, code.lengths) if l]
    ['10', '0', '110', '111']
    """
    lengths = code_arguments(lengths)
    codes = np.zeros(len(lengths), dtype=np.uint16)
    first = 0
    for length in range(1, MAX_CODE_LENGTH + 1):
        symbols = np.flatnonzero(lengths == length)
        codes[symbols] = first + np.arange(len(symbols))
        first = 2 * (first + len(symbols))
    return HuffmanCode(lengths, codes)  # refuses lengths that do not fill the code space


def lengths_arguments(counts, limit) -> tuple[NDArray, int]:
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


def code_arguments(lengths) -> NDArray[np.uint8]:
    """Return the checked argument of huffman_code; whether the code is complete is for HuffmanCode to say."""
    lengths = arguments.array(lengths, "lengths", np.uint8, ndim=1)
    if len(lengths) > 2**MAX_CODE_LENGTH:
        raise LimitError("lengths", f"must be at most {2**MAX_CODE_LENGTH}, not {len(lengths)}")
    return arguments.each(lengths, "lengths", lengths <= MAX_CODE_LENGTH, f"must be at most {MAX_CODE_LENGTH}")
