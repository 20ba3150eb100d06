"""NumPy's .npy: one array. The reader is as strict as that of .npz."""

import math
from os import PathLike

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..errors import CorruptError
from . import npz

__all__ = ["load"]


def load(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> np.ndarray:
    """Return the array of the .npy file at ``path``, in C order and native byte order.

    limit : the most bytes that the file may have

    Raises
    ------
    CorruptError : the file is damaged, is no .npy file, or holds Python objects.
    LimitError : beyond the limit.
    RefcompressError : not a regular file; OSError as the system says.
    """
    data = files.read(path, arguments.integer(limit, "limit", 0))
    held = _Held(data)
    shape, dtype, fortran, begin = npz.header(held, "of the file", False)
    size = math.prod(shape) * dtype.itemsize
    if size != len(data) - begin:
        raise CorruptError("path", f"announces {size} bytes of elements and has {len(data) - begin}")
    a = np.frombuffer(data, dtype, offset=begin) if size else np.empty(0, dtype)
    if dtype.kind == "b" and np.any(a.view(np.uint8) > 1):
        raise CorruptError("path", "has a byte that is neither False nor True")
    a = a.reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(a, dtype.newbyteorder("=")).reshape(shape)


class _Held:
    """Bytes in memory, taken one part after the other."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise CorruptError("path", f"ends after {len(self.data)} bytes, within its header")
        self.at += count
        return self.data[self.at - count : self.at]
