"""The range that a grid of integers should cover: all of it, or less than all of it for a finer step."""

import numpy as np

from .. import arguments
from .quantize_grid import minmax_arguments, span

__all__ = ["quantize_range_minmax"]


def quantize_range_minmax(x, *, axis=None, group=None):
    """Find the range of all that shares a scale, zero included.

        low = min(min x, 0), high = max(max x, 0)

    x : float32, at least one dimension, finite; axis, group : as for :func:`quantize_s8`. Returns (low, high), float64 in
    the shape of the scale, so that neither high - low nor its quotients overflow or underflow; exact, zeros are +0.0, and
    both are zero where there is no x. Raises as quantize_s8.

    **Source** Jacob et al. (2018), section 3.1. **Departs** zero always belongs to the range, so that it is exact.
    Cost O(size).

    >>> import numpy as np
    >>> low, high = quantize_range_minmax(np.float32([[1, 2], [-3, 4]]), axis=0)
    >>> low.tolist(), high.tolist()
    ([[0.0], [-3.0]], [[2.0], [4.0]])
    """
    x, _ = minmax_arguments(x, axis, group)
    return span(arguments.finite(x, "x"), axis, group)
