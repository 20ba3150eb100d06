"""N:M sparsity in its compact form: from arrays, integers or shared values, and back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import NM, Quantized, Shared
from ...formats.nm import places_of
from .bitmask import pack_arguments, whole

__all__ = ["sparse_nm_pack", "sparse_nm_unpack"]


def sparse_nm_pack(w: ArrayLike | Quantized | Shared, mask: ArrayLike | None = None, *, n: int = 2, m: int = 4) -> NM:
    """Store the weights that a mask keeps, n of every m columns of a row, and the place of each in its m columns.

        of the columns m g .. m (g + 1) - 1 of a row: n values, and for each its column modulo m

    Parameters
    ----------
    w : (rows, k) float32, Quantized or Shared, as sparse_bitmask_pack takes them; k a multiple of m
    mask : (rows, k) bool, optional
        True where a weight is kept: at most n of every m columns. Without it a weight is kept where it is not 0.
    n, m : int, m 2 to 16, n at most m

    Returns
    -------
    NM : where a mask keeps fewer than n, the first of the other columns are stored too, as zeros
        A stored zero multiplies: beside it an infinity in x gives NaN.

    **Source** Mishra et al., Accelerating Sparse Deep Neural Networks (2021, arXiv 2104.08378): 2:4, with indices of 2
    bits.

    **Departs** any n and m.

    Cost O(rows k).

    >>> a = sparse_nm_pack(np.float32([[0, 7, 0, 9, 5, 0, 0, 0]]))
    >>> a.values.tolist(), a.places.tolist()         # columns 1 and 3; 0 (kept) and 1 (a zero)
    ([7.0, 9.0, 5.0, 0.0], [77])
    """
    values, kept, more = pack_arguments(w, mask)
    m = arguments.integer(m, "m", 2, 16)
    n = arguments.integer(n, "n", 1, m)
    if kept.shape[1] % m:
        raise RefcompressError("w", f"must have a multiple of {m} columns, not {kept.shape[1]}")
    groups = kept.reshape(-1, m)
    crowded = np.flatnonzero(groups.sum(axis=1) > n)
    if crowded.size:
        row, first = divmod(int(crowded[0]) * m, max(kept.shape[1], 1))
        where = f"row {row} keeps more in columns {first} to {first + m - 1}"
        raise RefcompressError("w" if mask is None else "mask", f"must keep at most {n} of every {m} columns; {where}")
    order = np.argsort(~groups, axis=1, kind="stable")[:, :n]  # the kept ones first, each part from the left
    stored = np.zeros(groups.shape, bool)
    np.put_along_axis(stored, order, True, axis=1)
    all_stored = stored.reshape(kept.shape)
    numbers = np.where(kept, values, 0)[all_stored].astype(values.dtype)
    return NM(kept.shape, n, m, places_of(all_stored, m), numbers, **more)


def sparse_nm_unpack(a: NM) -> NDArray[np.float32] | Quantized | Shared:
    """Return the array, the integers or the shared values that an NM was made of; zeros where nothing is stored.

    Parameters
    ----------
    a : NM of shape (rows, k)

    Returns
    -------
    (rows, k) float32, Quantized or Shared : as its values are float32, int8 or uint8

    **Source** as sparse_nm_pack, whose inverse it is.

    **Departs** nothing.

    Cost O(rows k).

    >>> w = np.float32([[0, 7, 0, 9, 5, 0, 0, 0]])
    >>> bool(np.all(sparse_nm_unpack(sparse_nm_pack(w)) == w))
    True
    """
    if not isinstance(a, NM):
        raise ArgumentTypeError("a", f"must be an NM, not {type(a).__name__}")
    w = np.zeros(a.shape, a.values.dtype)
    w[a.kept] = a.values
    return whole(a, w)
