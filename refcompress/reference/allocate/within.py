"""Two widths within one matrix: the rows or columns that matter most get 16 bits, the others 8."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...constants import LARGEST
from ...errors import RefcompressError
from ...formats import Mixed
from ..quantize.integers import quantize_s8, quantize_s16

__all__ = ["allocate_mixed", "allocate_outliers"]


def allocate_mixed(w: ArrayLike, wide: ArrayLike, *, axis: int = 0, group: int | None = None) -> Mixed:
    """Quantize some rows or columns of a matrix to 16 bits and the others to 8, symmetrically.

        16 bits: quantize_s16(w[wide]);    8 bits: quantize_s8(w[not wide]),    each part with its own scales

    Parameters
    ----------
    w : (n, k) float32, finite
    wide : bool, (n,) for axis 0, (k,) for axis 1
        True where 16 bits.
    axis : int
        0 for rows (outputs), 1 for columns (inputs).
    group : int or None
        The number of consecutive inputs of one width that share a scale; None for one scale a row.

    Returns
    -------
    Mixed
        Scales, rounding and errors are those of quantize_s8 and quantize_s16. An entry of the wide part is therefore
        off by at most (1/2 + 2**-6) of its step, which is 1/258 of the step of 8 bits.

    **Source** Dettmers, Lewis, Belkada & Zettlemoyer, LLM.int8() (2022, arXiv 2208.07339), section 3.2: outlier columns
    are held apart.

    **Departs** 16-bit integers with scales, not float16.

    Cost O(n k).

    >>> w = np.float32([[1, 2], [3, 100]])
    >>> m = allocate_mixed(w, np.bool_([False, True]))
    >>> m.low.values.tolist(), m.high.values.tolist(), m.nbytes
    ([[64, 127]], [[983, 32767]], 19)
    """
    w, wide, axis = mixed_arguments(w, wide, axis)
    shared: dict[str, Any] = {"axis": 0} if group is None else {"group": group}
    low, high = np.compress(~wide, w, axis=axis), np.compress(wide, w, axis=axis)
    return Mixed(quantize_s8(low, **shared), quantize_s16(high, **shared), wide, axis)


def allocate_outliers(x: ArrayLike, *, threshold: float = 6.0) -> NDArray[np.bool_]:
    """Find the inputs of a layer that need 16 bits: those whose magnitude reaches a threshold in some example.

        wide[p] = any over i of |x[i, p]| >= threshold

    Parameters
    ----------
    x : (m, k) float32, not NaN
    threshold : float, not negative

    Returns
    -------
    wide : (k,) bool
        What allocate_mixed takes for axis 1.

    **Source** Dettmers, Lewis, Belkada & Zettlemoyer (2022, arXiv 2208.07339), section 3.2, with their threshold of 6.

    **Departs** nothing.

    Cost O(m k).

    >>> allocate_outliers(np.float32([[1, -6], [5, 0]])).tolist()
    [False, True]
    """
    x, threshold = outliers_arguments(x, threshold)
    return (np.abs(x) >= threshold).any(axis=0)


def mixed_arguments(w, wide, axis) -> tuple[np.ndarray, np.ndarray, int]:
    """Return all three, or refuse them; quantize_s8 checks the group."""
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    axis = arguments.integer(axis, "axis", 0, 1)
    wide = arguments.array(wide, "wide", np.bool_, ndim=1)
    if len(wide) != w.shape[axis]:
        raise RefcompressError("wide", f"must have an entry for each of the {w.shape[axis]}, not {len(wide)}")
    return w, wide, axis


def outliers_arguments(x, threshold) -> tuple[np.ndarray, float]:
    """Return both, or refuse them."""
    x = arguments.not_nan(arguments.array(x, "x", np.float32, ndim=2), "x")
    return x, arguments.real(threshold, "threshold", 0, LARGEST)
