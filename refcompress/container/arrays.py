"""Shapes and arrays of known dtype as bytes: what all kinds of entry are made of.

Counts are held against the bytes that are left and against the limit before anything is allocated.
"""

import math

import numpy as np

from .. import arguments
from ..errors import LimitError, RefcompressError
from .cursor import Reader, integer_bytes

MAX_NDIM = 32  # what every supported NumPy holds


def shape_bytes(shape: tuple[int, ...], itemsize: int) -> bytes:
    if len(shape) > MAX_NDIM:
        raise LimitError("shape", f"must have at most {MAX_NDIM} dimensions, not {len(shape)}")
    arguments.shape(shape, itemsize=itemsize)
    return b"".join(map(integer_bytes, (len(shape), *shape)))


def read_shape(reader: Reader, itemsize: int) -> tuple[int, ...]:
    ndim = reader.integer("shapes")
    if ndim > MAX_NDIM:
        raise reader.corrupt(f"a shape has at most {MAX_NDIM} dimensions, not {ndim}")
    shape = tuple(reader.integer("shapes") for _ in range(ndim))
    return checked(reader, arguments.shape, shape, itemsize=itemsize)


def raw(a: np.ndarray) -> bytes:
    return a.astype(a.dtype.newbyteorder("<"), copy=False).tobytes()


def read_raw(reader: Reader, shape: tuple[int, ...], dtype, kind: str) -> np.ndarray:
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    data = reader.take(size, kind)
    reader.promise(size)
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def owned(a: np.ndarray) -> np.ndarray:
    """Return ``a`` read-only, which a format then keeps without a copy if it is not a view."""
    a.flags.writeable = False
    return a


def checked(reader: Reader, make, *args, **kwargs):
    """Return make(...); what a caller would be refused for is corruption in a file."""
    try:
        return make(*args, **kwargs)
    except RefcompressError as error:
        raise reader.corrupt(str(error)) from None
