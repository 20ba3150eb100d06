"""Blocks of kept weights: from an array, and back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import BSR

__all__ = ["sparse_bsr_pack", "sparse_bsr_unpack"]


def sparse_bsr_pack(w: ArrayLike, mask: ArrayLike | None = None, *, block: tuple[int, int]) -> BSR:
    """Store the blocks of a matrix in which a mask keeps a weight.

        block (I, J) is stored if mask keeps any w[i, p] with i in I r .. I r + r - 1 and p in J c .. J c + c - 1

    Parameters
    ----------
    w : (m, k) float32
    mask : (m, k) bool, optional
        True where a weight is kept. Without it a weight is kept where it is not 0 (NaN is kept).
    block : (r, c), each at least 1
        Rows and columns of a block; m is a multiple of r, k of c.

    Returns
    -------
    BSR : in a stored block, weights that the mask does not keep are zeros
        A stored zero multiplies: beside it an infinity in x gives NaN.

    **Source** block compressed rows, in the arrays of SciPy's bsr_array.

    **Departs** nothing.

    Cost O(m k).

    >>> a = sparse_bsr_pack(np.float32([[0, 0, 1, 2, 0, 0], [0, 0, 0, 3, 0, 0]]), block=(2, 2))
    >>> a.indptr.tolist(), a.indices.tolist(), a.blocks.tolist()
    ([0, 1], [1], [[[1.0, 2.0], [0.0, 3.0]]])
    """
    w, kept, (r, c) = pack_arguments(w, mask, block)
    m, k = w.shape
    in_blocks = kept.reshape(m // r, r, k // c, c).transpose(0, 2, 1, 3)
    stored = in_blocks.any(axis=(2, 3))
    values = np.where(kept, w, np.float32(0)).reshape(m // r, r, k // c, c).transpose(0, 2, 1, 3)[stored]
    indptr = np.append(0, np.cumsum(stored.sum(axis=1, dtype=np.int64), dtype=np.int64))
    return BSR((m, k), indptr, np.nonzero(stored)[1].astype(np.int32), values)


def sparse_bsr_unpack(a: BSR) -> NDArray[np.float32]:
    """Return the array that a BSR was made of; zeros where nothing is stored.

    Parameters
    ----------
    a : BSR of shape (m, k)

    Returns
    -------
    (m, k) float32

    **Source** as sparse_bsr_pack, whose inverse it is.

    **Departs** nothing.

    Cost O(m k).

    >>> w = np.float32([[0, 7, 0, 9], [5, 0, 0, 0]])
    >>> bool(np.all(sparse_bsr_unpack(sparse_bsr_pack(w, block=(1, 2))) == w))
    True
    """
    if not isinstance(a, BSR):
        raise ArgumentTypeError("a", f"must be a BSR, not {type(a).__name__}")
    return a.dense()


def pack_arguments(w, mask, block) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Return w, what of it is kept, and the size of a block, or refuse them."""
    w = arguments.array(w, "w", np.float32, ndim=2)
    pair = isinstance(block, tuple | list) or (isinstance(block, np.ndarray) and block.ndim == 1)
    if not pair or len(block) != 2:
        raise ArgumentTypeError("block", f"must be a pair of sizes, not {block!r}")
    r, c = (arguments.integer(size, f"block[{i}]", 1) for i, size in enumerate(block))
    for axis, (size, of) in enumerate(zip(w.shape, (r, c))):
        if size % of:
            raise RefcompressError("w", f"must have a multiple of {of} {('rows', 'columns')[axis]}, not {size}")
    if mask is None:
        return w, w != 0, (r, c)
    mask = arguments.array(mask, "mask", np.bool_, ndim=2)
    if mask.shape != w.shape:
        raise RefcompressError("mask", f"must have the shape of w, {w.shape}, not {mask.shape}")
    return w, mask, (r, c)
