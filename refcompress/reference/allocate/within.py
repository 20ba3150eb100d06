"""Two widths within one matrix: what matters most gets 16 bits, the rest 8."""

import numpy as np

from ... import arguments
from ...constants import LARGEST
from ...errors import RefcompressError
from ...formats import Mixed
from ..quantize.integers import quantize_s8, quantize_s16

__all__ = ["allocate_mixed", "allocate_outliers"]



def allocate_mixed(w, wide, *, axis=0, group=None) -> Mixed:
    """Quantize some rows or columns of a matrix to 16 bits and the others to 8, symmetrically.

    Parameters
    ----------
    w : (n, k) float32, finite
    wide : bool, (n,) for axis 0, (k,) for axis 1: True where 16 bits
    axis : 0 for rows (outputs), 1 for columns (inputs)
    group : int or None: a scale for each run of so many inputs, among those of one width; by default one for each row.

    Returns
    -------
    Mixed. Scales, rounding and errors are those of quantize_s8 and quantize_s16, so an entry of the wide part is off by at
    most (1/2 + 2**-6) of its step, which is 1/258 of that of 8 bits.

    Raises ArgumentTypeError, RefcompressError by name.

    **Source** Dettmers et al. 2022, LLM.int8() (arXiv 2208.07339), section 3.2: outlier columns apart. **Departs** 16-bit
    integers with scales, not float16.
    Cost O(n k).

    >>> w = np.float32([[1, 2], [3, 100]])
    >>> m = allocate_mixed(w, np.bool_([False, True]))
    >>> m.low.values.tolist(), m.high.values.tolist(), m.nbytes
    ([[64, 127]], [[983, 32767]], 19)
    """
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    axis = arguments.integer(axis, "axis", 0, 1)
    wide = arguments.array(wide, "wide", np.bool_, ndim=1)
    if len(wide) != w.shape[axis]:
        raise RefcompressError("wide", f"must have an entry for each of the {w.shape[axis]}, not {len(wide)}")
    shared = {"group": group} if group is not None else {"axis": 0}
    low, high = np.compress(~wide, w, axis=axis), np.compress(wide, w, axis=axis)
    return Mixed(quantize_s8(low, **shared), quantize_s16(high, **shared), wide, axis)


def allocate_outliers(x, *, threshold=6.0) -> np.ndarray:
    """Find the inputs of a layer that need 16 bits: those with a value of at least a threshold in some example.

    wide[p] = any over i of |x[i, p]| >= threshold

    x : (m, k) float32, not NaN; threshold : float, not negative. Returns (k,) bool: what allocate_mixed takes for axis 1.
    Raises ArgumentTypeError, RefcompressError by name.

    **Source** Dettmers et al. 2022 (arXiv 2208.07339), section 3.2, with their threshold of 6. **Departs** nothing.
    Cost O(m k).

    >>> allocate_outliers(np.float32([[1, -6], [5, 0]])).tolist()
    [False, True]
    """
    x = arguments.not_nan(arguments.array(x, "x", np.float32, ndim=2), "x")
    return (np.abs(x) >= arguments.real(threshold, "threshold", 0, LARGEST)).any(axis=0)
