"""Whether two arrays, formats, or mappings of them are the same to the last bit."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError
from .base import Format, same_bits

__all__ = ["same"]


def same(a: Any, b: Any) -> bool:
    """Return whether ``a`` and ``b`` are the same, bit for bit.

    Arrays are the same if dtype, shape and every bit are: -0.0 is not +0.0, and a NaN is itself if its payload is.
    Neither memory layout nor byte order counts. Formats are the same if they are of one class and all their fields are:
    a format is never the same as the array that it stands for. Mappings are the same if they have the same names, in
    any order, of the same values; one pair of values is read at a time.

    Raises
    ------
    ArgumentTypeError
        A value that is neither an array, a format nor a mapping of them.

    >>> same(np.float32([0.0]), np.float32([-0.0])), same({"w": np.int8([1])}, {"w": np.int8([1])})
    (False, True)
    """
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    for value, argument in ((a, "a"), (b, "b")):
        if not isinstance(value, np.ndarray | np.generic | Format | Mapping):
            rule = f"must be an array, a format or a mapping of them, not {type(value).__name__}"
            raise ArgumentTypeError(argument, rule + (": read() gives its array" if hasattr(value, "read") else ""))
    if isinstance(a, np.ndarray | np.generic) and isinstance(b, np.ndarray | np.generic):
        x, y = (np.asarray(value).astype(value.dtype.newbyteorder("="), order="C", copy=False) for value in (a, b))
        if x.dtype.hasobject or y.dtype.hasobject:
            raise ArgumentTypeError("a" if x.dtype.hasobject else "b", "must be an array of numbers, not of objects")
        return same_bits(x, y)
    return isinstance(a, Format) and isinstance(b, Format) and a == b
