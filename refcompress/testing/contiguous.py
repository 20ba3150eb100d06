"""The same values as other libraries take them: one piece of memory, in the machine's own byte order."""

from typing import Any

import numpy as np

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Return an array as a C-contiguous, aligned, writable one in native byte order; the same one where it is so.

    Arrays in tuples, lists and dicts are treated alike; all else is returned as it is, a format too: its own arrays
    are so by its contract, but nobody may write them.

    >>> a = np.arange(6, dtype=">f4").reshape(2, 3).T
    >>> plain(a).dtype.isnative, plain(a).flags.c_contiguous, np.array_equal(plain(a), a)
    (True, True, True)
    """
    if isinstance(value, np.ndarray):
        dtype = None if value.dtype.isnative else value.dtype.newbyteorder("=")
        made = np.require(value, dtype, ["C", "A", "W", "E"])
        # An axis of one element may have any stride, and NumPy calls that contiguous; torch refuses a negative one.
        return made if made.strides == np.empty_like(made).strides else made.copy(order="C")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(plain(item) for item in value)
    return value
