"""NumPy's .npz: a zip archive of .npy members, one an array.

Read by an own strict reader: numpy.load takes a member's header at its word and allocates for it, and runs whatever a pickle
says if one asks it to.
"""

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files, names
from ..errors import ArgumentTypeError, CorruptError, LimitError, RefcompressError

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
SUFFIX = ".npy"


def load(path, *, limit: int = DEFAULT_LIMIT) -> dict[str, np.ndarray]:
    """Return the arrays of a .npz file by name, in the order of the archive, in native byte order and C order.

    limit : the most bytes that the file, and its members unpacked, may have.
    Raises CorruptError for a file that is damaged, holds a name twice, something that is not an array or an array of Python
    objects; LimitError beyond the limit; RefcompressError for what is not a regular file; OSError as the system says.
    """
    limit = arguments.integer(limit, "limit", 0)
    data = files.read(path, limit)
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if total > limit:
                raise LimitError("limit", f"the members have {total} bytes unpacked, the limit is {limit}")
            for member in members:
                name = member.filename.removesuffix(SUFFIX)
                if name in arrays or name == member.filename:
                    raise CorruptError("path", f"member {member.filename!r} is not an array with a name of its own")
                arrays[name] = read_member(archive.read(member), name)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError,
            UnicodeDecodeError) as error:  # what zipfile raises for damaged, encrypted or exotic archives
        raise CorruptError("path", f"not a readable .npz file: {error}") from None
    return arrays


def read_member(data: bytes, name: str) -> np.ndarray:
    """Return the array that the bytes of a .npy file hold."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"its .npy version is {version}")
        shape, fortran, dtype = HEADERS[version](file)
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise CorruptError("path", f"array {name!r} has no readable header: {error}") from None
    if dtype.hasobject:
        raise CorruptError("path", f"array {name!r} is of Python objects, which only running a pickle could read")
    size = math.prod(arguments.shape(shape, f"{name}.shape", max(1, dtype.itemsize))) * dtype.itemsize
    if size != len(data) - file.tell():
        raise CorruptError("path", f"array {name!r} announces {size} bytes and has {len(data) - file.tell()}")
    a = np.frombuffer(data, dtype, math.prod(shape), file.tell()) if size else np.empty(math.prod(shape), dtype)
    a = a.reshape(shape, order="F" if fortran else "C")
    return np.array(a, dtype.newbyteorder("="), order="C")


def save(path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the arrays to an uncompressed .npz file: the whole new file or, with an exception, the old one.

    The same arrays in the same order make the same bytes. Raises ArgumentTypeError for a value that is not an array of
    numbers, and RefcompressError, LimitError for a name that a container would refuse.
    """
    if not isinstance(arrays, Mapping):
        raise ArgumentTypeError("arrays", f"must be a mapping of names, not {type(arrays).__name__}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in arrays.items():
            names.encode(name)
            if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
                raise ArgumentTypeError(f"arrays[{name!r}]", "must be an array of numbers")
            if isinstance(value, np.ma.MaskedArray):
                raise ArgumentTypeError(f"arrays[{name!r}]", "must not be a masked array: its mask would be lost")
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name + SUFFIX), member.getvalue())  # its date is 1980, not today
    files.write(path, buffer.getvalue())
