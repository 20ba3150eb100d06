"""Shared values by relative index: from codes, and back."""

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Relative, Shared
from ...formats.relative import packed
from .bitmask import pack_arguments

__all__ = ["sparse_relative_pack", "sparse_relative_unpack"]


def sparse_relative_pack(w: Shared, mask: ArrayLike | None = None, *, bits: int = 4) -> Relative:
    """Store for each kept weight its code, and how many places lie between it and the one before.

        a gap of t places becomes floor(t / 2^bits) fillers and a skip of t mod 2^bits

    Parameters
    ----------
    w : Shared of shape (m, k), of at most 256 values, the first one +0.0
    mask : (m, k) bool, optional
        True where a weight is kept; its code must not be 0, which stands for a filler. Without it all codes but 0 are.
    bits : int, 1 to 8
        Of a skip.

    Returns
    -------
    Relative : rows apart, each from its own begin on; codes in as many bits as the codebook needs

    **Source** Han, Mao, Dally, Deep Compression (2016, arXiv 1510.00149); EIE (2016, arXiv
    1602.01528): zeros before an entry, in 4 bits, with padding zeros.

    **Departs** rows in place of EIE's columns; where rows begin is stored.

    Cost O(m k).

    >>> a = sparse_relative_pack(Shared(np.uint8([[0, 2, 0, 0, 0, 0, 1]]), np.float32([0, 5, 7])), bits=2)
    >>> a.starts.tolist(), a.skips.tolist(), a.codes.tolist()     # skips 1, 3 (a filler), 0 and codes 2, 0, 1
    ([0, 3], [13], [18])
    """
    if not isinstance(w, Shared):
        raise ArgumentTypeError("w", f"must be a Shared, not {type(w).__name__}")
    bits = arguments.integer(bits, "bits", 1, 8)
    codes, kept, more = pack_arguments(w, mask)
    if not codes[kept].all():
        raise RefcompressError("mask", "must not keep code 0: it stands for a filler")
    width = max(1, (len(w.codebook) - 1).bit_length())
    rows, columns = np.nonzero(kept)
    return relative((len(codes), codes.shape[1]), rows, columns, codes[kept], bits, width, more["codebook"])


def relative(shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray, codes: np.ndarray, bits: int, width: int,
             codebook: np.ndarray) -> Relative:
    """Return the Relative of kept weights, in C order, with skips of so many bits and codes of ``width``."""
    full = 2**bits
    gaps = columns - 1 - np.append(-1, columns[:-1])
    first = np.append(True, rows[1:] != rows[:-1])[: len(rows)]
    gaps[first] = columns[first]
    places = np.cumsum(gaps // full + 1) - 1  # of each kept weight among the entries
    count = int(places[-1]) + 1 if len(places) else 0
    skips, numbers = np.full(count, full - 1), np.zeros(count, np.uint8)
    skips[places], numbers[places] = gaps % full, codes
    entries = np.bincount(rows, gaps // full + 1, shape[0]).astype(np.int64)
    starts = np.append(0, np.cumsum(entries))
    return Relative(shape, starts, packed(skips, bits), packed(numbers, width), bits, width, codebook)


def sparse_relative_unpack(a: Relative) -> Shared:
    """Return the Shared that a Relative was made of: code 0 where nothing is stored.

    Parameters
    ----------
    a : Relative of shape (m, k)

    Returns
    -------
    Shared of shape (m, k)

    **Source** as sparse_relative_pack, whose inverse it is.

    **Departs** nothing.

    Cost O(m k).

    >>> w = Shared(np.uint8([[0, 2, 0, 0, 0, 0, 1]]), np.float32([0, 5, 7]))
    >>> sparse_relative_unpack(sparse_relative_pack(w, bits=1)) == w
    True
    """
    if not isinstance(a, Relative):
        raise ArgumentTypeError("a", f"must be a Relative, not {type(a).__name__}")
    codes = np.zeros(a.shape, np.uint8)
    codes[a.kept] = a.values
    return Shared(codes, a.codebook)
