"""NumPy's .npz: a zip archive of .npy members, one for each array.

The reader here is strict. numpy.load believes a member's header and allocates for it, and runs a pickle if asked to.
"""

import ast
import io
import math
import os
import zipfile
from collections.abc import Mapping
from os import PathLike

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files, names
from ..container.arrays import MAX_NDIM
from ..errors import ArgumentTypeError, CorruptError
from . import archive

KINDS = "biufc"  # of dtypes: bool, signed, unsigned, float, complex
SUFFIX = ".npy"
MAGIC = b"\x93NUMPY"
BFLOAT16 = np.dtype("V2")  # as NumPy, which has no such type, writes it: two bytes without a meaning
DECODED = b"decoded by refcompress"  # the comment of each member of a file that save has marked
MAX_HEADER = 2048  # bytes given to the parser of Python: three times what a shape of 32 dimensions can take


def load(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT, bfloat16: bool = False) -> dict[str, np.ndarray]:
    """Return the arrays of a .npz file by name, in the order of the archive.

    Parameters
    ----------
    path : a regular file
    limit : the most bytes that the file, and its members unpacked, may have
    bfloat16 : whether to take arrays of two bytes without a meaning (|V2) for bfloat16. They come back as they are, of
        dtype ``BFLOAT16``, little-endian, for :func:`floats_decode`. Otherwise they are refused.

    Returns
    -------
    dict : arrays in native byte order and C order. Memory peaks at the file and the arrays, and once more the largest
        array that is in another byte order or in Fortran's order. A member is refused by its header, before its
        elements are unpacked.

    Raises
    ------
    CorruptError : the file is damaged, or holds a name twice, an array of Python objects, what is not an array, or a
        member that is neither stored nor deflated.
    LimitError : beyond the limit.
    RefcompressError : not a regular file; OSError as the system says.
    """
    limit = arguments.integer(limit, "limit", 0)
    bfloat16 = arguments.boolean(bfloat16, "bfloat16")
    arrays: dict[str, np.ndarray] = {}
    for member in archive.members(files.read(path, limit), limit):
        name = member.name.removesuffix(SUFFIX)
        if name in arrays or name == member.name:
            raise CorruptError("path", f"member {member.name!r} is not an array with a name of its own")
        arrays[name] = read_member(member, name, bfloat16)
    return arrays


def read_member(member: archive.Member, name: str, bfloat16: bool = False) -> np.ndarray:
    """Return the array of a .npy file.

    The file is the magic, the version (1.0 or 2.0), the length of the header in 2 or 4 bytes, the header, and the
    elements. The header is a dict as Python writes it.
    """
    def take(count: int) -> bytes:
        return b"".join(member.take(count))

    version = take(8)
    if version not in (MAGIC + b"\1\0", MAGIC + b"\2\0"):
        raise CorruptError("path", f"array {name!r} is not of .npy version 1.0 or 2.0")
    width = 2 if version[6] == 1 else 4
    length = int.from_bytes(take(width), "little")
    try:
        if length > MAX_HEADER:
            raise ValueError(f"{length} bytes long")
        header = ast.literal_eval(take(length).decode("latin-1").strip())
        if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
            raise ValueError("other keys than descr, fortran_order and shape")
        if not isinstance(header["descr"], str) or not isinstance(header["fortran_order"], bool) \
                or not isinstance(header["shape"], tuple):
            raise ValueError("descr must be a string, fortran_order a bool, shape a tuple")
        dtype = np.dtype(header["descr"])
        shape = arguments.shape(header["shape"], itemsize=max(1, dtype.itemsize))
        if len(shape) > MAX_NDIM:
            raise ValueError(f"{len(shape)} dimensions")
    except CorruptError:
        raise
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:  # literal_eval, dtype
        raise CorruptError("path", f"array {name!r} has a header that does not read: {error}") from None
    if dtype.hasobject:
        raise CorruptError("path", f"array {name!r} is of Python objects, which only running a pickle could read")
    if dtype == BFLOAT16 and not bfloat16:
        raise CorruptError(
            "bfloat16",
            f"array {name!r} is of dtype |V2, two bytes without a meaning, as NumPy writes bfloat16; they "
            "are read as that only where it is asked for",
        )
    if dtype.kind not in KINDS and dtype != BFLOAT16:
        raise CorruptError("path", f"array {name!r} is of dtype {dtype}, not of numbers")
    size, there = math.prod(shape) * dtype.itemsize, member.size - len(version) - width - length
    if size != there:
        raise CorruptError("path", f"array {name!r} announces {size} bytes and has {there}")
    a = np.empty(shape, dtype, order="F" if header["fortran_order"] else "C")
    place, at = a.ravel(order="K").view(np.uint8), 0
    for piece in member.take(size):
        place[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)
    member.finish()
    if dtype.kind == "b" and np.any(place > 1):
        raise CorruptError("path", f"array {name!r} has a byte that is neither False nor True")
    return np.asarray(a, dtype.newbyteorder("="), order="C")


def save(path: str | bytes | PathLike, arrays: Mapping[str, np.ndarray], *, decoded: bool = False) -> None:
    """Write the arrays to an uncompressed .npz file: the whole new file or, with an exception, the old one.

    The same arrays in the same order make the same bytes.

    Parameters
    ----------
    path : the file to write or to replace
    arrays : name -> array of numbers; a name that a container would refuse is refused here too
    decoded : whether to mark the file as made from a compressed one, which could make it again (see :func:`is_decoded`)
    """
    if not isinstance(arrays, Mapping):
        raise ArgumentTypeError("arrays", f"must be a mapping of names, not {type(arrays).__name__}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
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
            file.writestr(info, member.getvalue())
    files.write(path, buffer.getvalue())


def is_decoded(path: str | bytes | PathLike) -> bool:
    """Return whether :func:`save` marked the file at ``path`` as decoded; False for a file that cannot be read."""
    try:
        with zipfile.ZipFile(os.fsdecode(path)) as file:
            members = file.infolist()
    except Exception:  # OSError, or whatever a damaged archive makes the parts of zipfile raise: not ours, then
        return False
    return bool(members) and all(member.comment == DECODED for member in members)
