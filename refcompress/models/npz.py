"""NumPy's .npz: a zip archive of .npy members, one an array.

Read by an own strict reader: numpy.load takes a member's header at its word and allocates for it, and runs whatever a
pickle says if one asks it to.
"""

import ast
import io
import math
import zipfile
from collections.abc import Iterator, Mapping

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files, names
from ..container.arrays import MAX_NDIM
from ..errors import ArgumentTypeError, CorruptError, LimitError, RefcompressError

KINDS = "biufc"  # of dtypes: bool, signed, unsigned, float, complex
SUFFIX = ".npy"
MAGIC = b"\x93NUMPY"
BFLOAT16 = np.dtype("V2")  # as NumPy, which has no such type, writes it: two bytes without a meaning
DECODED = b"decoded by refcompress"  # the comment of each member of a file that save has marked
MAX_HEADER = 10_000  # characters given to Python's parser: NumPy's own bound


def load(path, *, limit: int = DEFAULT_LIMIT, bfloat16: bool = False) -> dict[str, np.ndarray]:
    """Return the arrays of a .npz file by name, in the order of the archive, in native byte order and C order.

    limit : the most bytes that the file, and its members unpacked, may have.
    bfloat16 : whether arrays of two bytes without a meaning (|V2) are taken for bfloat16; they come back as they are, of
    dtype ``BFLOAT16``, little-endian, for :func:`floats_decode`. Otherwise they are refused.
    Raises CorruptError for a file that is damaged, holds a name twice, something that is not an array or an array of
    Python objects; LimitError beyond the limit; RefcompressError for what is not a regular file; OSError as the system
    says.
    """
    limit = arguments.integer(limit, "limit", 0)
    bfloat16 = arguments.boolean(bfloat16, "bfloat16")
    arrays: dict[str, np.ndarray] = {}
    for filename, data in members(files.read(path, limit), limit):
        name = filename.removesuffix(SUFFIX)
        if name in arrays or name == filename:
            raise CorruptError("path", f"member {filename!r} is not an array with a name of its own")
        arrays[name] = read_member(data, name, bfloat16)
    return arrays


def members(data: bytes, limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each member of a zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(member.file_size for member in archive.infolist())
            if total > limit:
                raise LimitError("limit", f"the members have {total} bytes unpacked, the limit is {limit}")
            for member in archive.infolist():
                yield member.filename, archive.read(member)
    except (RefcompressError, MemoryError):
        raise
    except Exception as error:  # zipfile lets through whatever a damaged archive makes its parts raise
        raise CorruptError("path", f"is not a readable .npz file: {error}") from None


def read_member(data: bytes, name: str, bfloat16: bool = False) -> np.ndarray:
    """Return the array that the bytes of a .npy file hold.

    They are: the magic, the version (1.0 or 2.0), the header's length in 2 or 4 bytes, the header, which is a dict as
    Python writes it, and the elements.
    """
    if data[:8] not in (MAGIC + b"\1\0", MAGIC + b"\2\0"):
        raise CorruptError("path", f"array {name!r} is not of .npy version 1.0 or 2.0")
    start = 10 if data[6] == 1 else 12
    begin = start + int.from_bytes(data[8:start], "little")
    try:
        if begin > min(len(data), MAX_HEADER):
            raise ValueError(f"{begin} bytes long")
        header = ast.literal_eval(data[start:begin].decode("latin-1").strip())
        if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
            raise ValueError("other keys than descr, fortran_order and shape")
        if not isinstance(header["descr"], str) or not isinstance(header["fortran_order"], bool):
            raise ValueError("descr must be a string, fortran_order a bool")
        dtype = np.dtype(header["descr"])
        shape = arguments.shape(header["shape"], itemsize=max(1, dtype.itemsize))
        if len(shape) > MAX_NDIM:
            raise ValueError(f"{len(shape)} dimensions")
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:  # literal_eval, dtype
        raise CorruptError("path", f"array {name!r} has a header that does not read: {error}") from None
    if dtype.hasobject:
        raise CorruptError("path", f"array {name!r} is of Python objects, which only running a pickle could read")
    if dtype == BFLOAT16 and not bfloat16:
        raise CorruptError("bfloat16", f"array {name!r} is of dtype |V2, two bytes without a meaning, as NumPy writes bfloat16; they "
                                       "are read as that only where it is asked for")
    if dtype.kind not in KINDS and dtype != BFLOAT16:
        raise CorruptError("path", f"array {name!r} is of dtype {dtype}, not of numbers")
    size = math.prod(shape) * dtype.itemsize
    if size != len(data) - begin:
        raise CorruptError("path", f"array {name!r} announces {size} bytes and has {len(data) - begin}")
    a = np.frombuffer(data[begin:], dtype).reshape(shape, order="F" if header["fortran_order"] else "C")
    return np.array(a, dtype.newbyteorder("="), order="C")


def save(path, arrays: Mapping[str, np.ndarray], *, decoded: bool = False) -> None:
    """Write the arrays to an uncompressed .npz file: the whole new file or, with an exception, the old one.

    decoded : whether to mark the file as made of a compressed one, which could make it again (see :func:`is_decoded`).
    The same arrays in the same order make the same bytes. Raises ArgumentTypeError for a value that is not an array of
    numbers, and RefcompressError, LimitError for a name that a container would refuse.
    """
    if not isinstance(arrays, Mapping):
        raise ArgumentTypeError("arrays", f"must be a mapping of names, not {type(arrays).__name__}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in arrays.items():
            names.encode(name)
            if not isinstance(value, np.ndarray) or value.dtype.kind not in KINDS:
                raise ArgumentTypeError(f"arrays[{name!r}]", "must be an array of numbers")
            if isinstance(value, np.ma.MaskedArray):
                raise ArgumentTypeError(f"arrays[{name!r}]", "must not be a masked array: its mask would be lost")
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
            info = zipfile.ZipInfo(name + SUFFIX)  # its date is 1980, not today
            info.comment = DECODED if decoded else b""
            archive.writestr(info, member.getvalue())
    files.write(path, buffer.getvalue())


def is_decoded(path) -> bool:
    """Return whether :func:`save` marked the file at ``path`` as decoded; of what cannot be read it says no."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except Exception:  # OSError, or whatever a damaged archive makes the parts of zipfile raise: not ours, then
        return False
    return bool(members) and all(member.comment == DECODED for member in members)
