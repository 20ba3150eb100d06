"""Kept weights and a bit for each place: from arrays, integers or shared values, and back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Bitmask, Quantized, Shared

__all__ = ["sparse_bitmask_pack", "sparse_bitmask_unpack"]


def sparse_bitmask_pack(w: ArrayLike | Quantized | Shared, mask: ArrayLike | None = None) -> Bitmask:
    """Store the weights of a matrix that a mask keeps, and a bit for each place.

        bit p of row i = mask[i, p];    values: those of w where mask is True, row by row

    Parameters
    ----------
    w : (m, k) float32; Quantized of int8 with zero points of 0, a scale for all, a row or a group of a multiple of 8
        inputs; or Shared of at most 256 values whose first one is +0.0
    mask : (m, k) bool, optional
        True where a weight is stored, whatever its value. Without it a weight is stored where its float, its integer or
        its code is not 0 (-0.0 is not stored, NaN is).

    Returns
    -------
    Bitmask : float32 as it is, integers with the scales of w, or codes with the codebook of w

    **Source** the layout ``sparse-bitmask`` of compressed-tensors: the same bytes of mask and values.

    **Departs** where rows begin is not stored: the mask says it. Integers and codes as values.

    Cost O(m k).

    >>> a = sparse_bitmask_pack(np.float32([[0, 2, 0], [3, 0, 4]]))
    >>> a.mask.tolist(), a.values.tolist()
    ([[2], [5]], [2.0, 3.0, 4.0])
    """
    values, kept, more = pack_arguments(w, mask)
    packed = np.packbits(kept, axis=1, bitorder="little").reshape(kept.shape[0], -(-kept.shape[1] // 8))
    return Bitmask(kept.shape, packed, values[kept], **more)


def sparse_bitmask_unpack(a: Bitmask) -> NDArray[np.float32] | Quantized | Shared:
    """Return the array, the integers or the shared values that a Bitmask was made of; zeros where nothing is stored.

        w[i, p] = the next value of row i where bit p is set, else 0

    Parameters
    ----------
    a : Bitmask of shape (m, k)

    Returns
    -------
    (m, k) float32, Quantized or Shared : as its values are float32, int8 or uint8

    **Source** as sparse_bitmask_pack, whose inverse it is.

    **Departs** nothing.

    Cost O(m k).

    >>> w = np.float32([[0, 2, 0], [3, 0, 4]])
    >>> bool(np.all(sparse_bitmask_unpack(sparse_bitmask_pack(w)) == w))
    True
    """
    a = bitmask(a)
    w = np.zeros(a.shape, a.values.dtype)
    w[a.kept] = a.values
    return whole(a, w)


def whole(a, w: np.ndarray) -> NDArray[np.float32] | Quantized | Shared:
    """Return all values of a sparse format, in w, with the scales or the codebook of ``a``."""
    if a.scale is not None:
        return Quantized(w, a.scale, np.zeros(a.scale.shape, np.int8), a.group)
    return w if a.codebook is None else Shared(w, a.codebook)


def bitmask(a, argument: str = "a") -> Bitmask:
    """Return ``a`` if it is a Bitmask; refuse anything else."""
    if not isinstance(a, Bitmask):
        raise ArgumentTypeError(argument, f"must be a Bitmask, not {type(a).__name__}")
    return a


def pack_arguments(w, mask) -> tuple[np.ndarray, np.ndarray, dict]:
    """Return all values of w, what of them is kept, and the scales or the codebook: what all implementations accept."""
    more: dict = {}
    if isinstance(w, Quantized):
        values = arguments.array(w.values, "w.values", np.int8, ndim=2)
        if w.zero_point.any():
            raise RefcompressError("w.zero_point", "must be 0: a weight that is not stored is 0")
        if w.group is None and w.scale.shape[1] > 1:
            raise RefcompressError("w", "must not have a scale for each input")
        if w.group is not None and w.group % 8 and w.scale.shape[1] > 1:
            raise RefcompressError("w.group", f"must be a multiple of 8, not {w.group}")
        group = w.group if w.group is not None and w.group % 8 == 0 else None  # one group is the row
        more = {"scale": w.scale, "group": group}
    elif isinstance(w, Shared):
        values = arguments.array(w.codes, "w.codes", np.uint8, ndim=2)
        if w.codebook.ndim != 1:
            raise RefcompressError("w.codebook", "must be one for all weights, not one for each row or group")
        if not w.pruned:
            raise RefcompressError("w.codebook[0]", "must be +0.0, which stands for what is not stored")
        more = {"codebook": w.codebook}
    else:
        values = arguments.array(w, "w", np.float32, ndim=2)
    if mask is None:
        return values, values != 0, more
    mask = arguments.array(mask, "mask", np.bool_, ndim=2)
    if mask.shape != values.shape:
        raise RefcompressError("mask", f"must have the shape of w, {values.shape}, not {mask.shape}")
    return values, mask, more
