"""Shapes and arrays of known dtype as bytes: what all kinds of entry are made of.

Before anything is allocated, a count is compared with the bytes that are left and with the limit.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike

from .. import arguments
from ..errors import LimitError, RefcompressError
from .cursor import Reader, integer_bytes

Made = TypeVar("Made")


def shape_bytes(shape: tuple[int, ...], itemsize: int) -> bytes:
    """Return a shape as its number of dimensions and its sizes; refuse one that no array has."""
    if len(shape) > arguments.MAX_NDIM:
        raise LimitError("shape", f"must have at most {arguments.MAX_NDIM} dimensions, not {len(shape)}")
    arguments.shape(shape, itemsize=itemsize)
    return b"".join(map(integer_bytes, (len(shape), *shape)))


def read_shape(reader: Reader, itemsize: int) -> tuple[int, ...]:
    """Return the next shape, whose bytes an int64 counts."""
    ndim = reader.integer("shapes")
    if ndim > arguments.MAX_NDIM:
        raise reader.corrupt(f"a shape has at most {arguments.MAX_NDIM} dimensions, not {ndim}")
    shape = tuple(reader.integer("shapes") for _ in range(ndim))
    return checked(reader, arguments.shape, shape, itemsize=itemsize)


def raw(a: np.ndarray) -> memoryview:
    """Return the bytes of the elements in C order, little-endian; those of the array itself where it has these."""
    return np.ascontiguousarray(a, a.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data


def read_raw(reader: Reader, shape: tuple[int, ...], dtype: DTypeLike, kind: str) -> np.ndarray:
    """Return the next array of ``shape``; ``kind`` is what the ledger calls its bytes."""
    dtype = np.dtype(dtype)
    checked(reader, arguments.shape, shape, itemsize=dtype.itemsize)  # of no elements too: NumPy multiplies other sizes
    size = math.prod(shape) * dtype.itemsize
    data = reader.take(size, kind)
    reader.promise(size)
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def owned(a: np.ndarray) -> np.ndarray:
    """Return ``a`` read-only, which a format then keeps without a copy if it is not a view."""
    a.flags.writeable = False
    return a


def checked(reader: Reader, make: Callable[..., Made], *args, **kwargs) -> Made:
    """Return make(...); what it refuses is corruption in a file."""
    try:
        return make(*args, **kwargs)
    except RefcompressError as error:
        raise reader.corrupt(str(error)) from None
