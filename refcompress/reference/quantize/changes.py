"""What rounding cost: the squares of the changes, added up in a stated order, so every machine reports the same."""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import RefcompressError

__all__ = ["quantize_changes"]

PART = 2**15  # elements: of so many, as float64, each step's result stays in a near cache


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def quantize_changes(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum the squared changes from an array to another, and the squares of its elements, in parts of 2^15 elements.

        sums[i] = sum((x - y)^2), sum(x^2)      over part i of the elements, row by row

    The squared relative error is the sum of all parts' first sums over that of all second ones.

    Parameters
    ----------
    x, y : float32, of one shape
        Before and after.

    Returns
    -------
    sums : (ceil(size / 2^15), 2) float64
        Each difference and each square is rounded to float64. They are added in NumPy's order of one row: up to 128
        terms eight sums and what is left over, of more terms the sum of two halves, the first a multiple of 8.

    **Source** none: it is a definition.

    **Departs** nothing.

    Cost O(size), and memory for 2^16 numbers in float64, whatever the size.

    >>> quantize_changes(np.float32([3, -4]), np.float32([3, -2])).tolist()
    [[4.0, 25.0]]
    """
    x, y = changes_arguments(x, y)
    sums = np.empty((-(-x.size // PART), 2))
    before, after = np.empty((2, min(PART, max(x.size, 1))))  # filled again for each part
    for i, start in enumerate(range(0, x.size, PART)):
        stop = min(start + PART, x.size)
        here, there = before[: stop - start], after[: stop - start]
        here[:], there[:] = x[start:stop], y[start:stop]
        np.subtract(here, there, out=there)
        sums[i] = np.sum(np.square(there, out=there)), np.sum(np.square(here, out=here))
    return sums


def changes_arguments(x, y):
    """Return the checked arguments of quantize_changes, in one row each."""
    x, y = arguments.array(x, "x", np.float32), arguments.array(y, "y", np.float32)
    if x.shape != y.shape:
        raise RefcompressError("y", f"must have the shape {x.shape} of x, not {y.shape}")
    return x.reshape(-1), y.reshape(-1)
