"""NumPy's .npz: a zip archive of .npy members, one for each array.

The reader here is strict. numpy.load believes a member's header and allocates for it, and runs a pickle if asked to.
"""

import ast
import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from os import PathLike
from typing import Protocol

import numpy as np

from .. import arguments
from ..arguments import MAX_NDIM
from ..container import DEFAULT_LIMIT, files
from ..container.arrays import owned
from ..container.files import opening
from ..errors import ArgumentTypeError, CorruptError, LimitError, RefcompressError
from ..formats import Plain
from . import archive
from .mapping import KINDS, from_mapping
from .source import HEAD, Source, Tensor, Value, pieces, refuse_like, within

SUFFIX = ".npy"
MAGIC = b"\x93NUMPY"
BFLOAT16 = np.dtype("V2")  # as NumPy, which has no such type, writes it: two bytes without a meaning
DECODED = b"decoded by refcompress"  # the comment of each member of a file that save has marked
Header = tuple[tuple[int, ...], np.dtype, bool, int]  # shape, dtype, whether in Fortran's order, its bytes
MAX_HEADER = 2048  # bytes given to the parser of Python: three times what a shape of 32 dimensions can take


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT, bfloat16: bool = False,
         rest: bool = False) -> Source:
    """Return the arrays of a .npz file, each read when it is asked for, in the order of the archive.

    Parameters
    ----------
    path : a regular file
    limit : the most bytes that one array may have
    bfloat16 : whether to take arrays of two bytes without a meaning (|V2) for bfloat16. Otherwise they are refused.
    rest : whether arrays of texts, records or Python objects are named in ``left_out``. Otherwise they are refused.

    Returns
    -------
    source : an array comes in native byte order and C order, of bfloat16 as Plain. Memory peaks at the largest array,
        twice where it is in another byte order or in Fortran's order. An array is refused by its header here, before
        any element is unpacked.

    Raises
    ------
    CorruptError : the file is damaged, or holds a name twice, an array of Python objects, what is not an array, or a
        member that is neither stored nor deflated.
    LimitError : beyond the limit.
    RefcompressError : not a regular file; OSError as the system says.
    """
    limit = arguments.integer(limit, "limit", 0)
    bfloat16 = arguments.boolean(bfloat16, "bfloat16")
    with opening(path) as file:
        found: dict[str, Tensor] = {}
        left_out: dict[str, str] | None = {} if arguments.boolean(rest, "rest") else None
        for tensor in tensors(file, bfloat16, left_out):
            if tensor.name in found:
                raise CorruptError("path", f"array {tensor.name!r} is not an array with a name of its own")
            found[tensor.name] = within(tensor, limit)
        return Source("npz", [file], found, left_out=left_out)


def load(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT, bfloat16: bool = False) -> dict[str, Value]:
    """Return the arrays of a .npz file by name, all of them read (see :func:`open`).

    limit : the most bytes that the file, and its members unpacked, may have
    """
    limit = arguments.integer(limit, "limit", 0)
    bfloat16 = arguments.boolean(bfloat16, "bfloat16")
    with files.Opened(path) as file:
        total = sum(member.size for member in archive.members(file))
        if total > limit:
            raise LimitError("limit", f"the members have {total} bytes unpacked, the limit is {limit}")
        arrays: dict[str, Value] = {}
        for tensor in tensors(file, bfloat16):
            if tensor.name in arrays:
                raise CorruptError("path", f"array {tensor.name!r} is not an array with a name of its own")
            arrays[tensor.name] = tensor.read()
        return arrays


def tensors(file: files.Opened, bfloat16: bool, left_out: dict[str, str] | None = None) -> Iterator[Tensor]:
    """Yield the arrays of an archive, of which the headers are read and nothing else.

    left_out : where the names of arrays that hold no numbers are entered, and why; None: such an array is refused
    """
    for member, (shape, dtype, fortran, begin) in arrays(file, bfloat16, left_out):
        name = member.name.removesuffix(SUFFIX)
        kind = "bfloat16" if dtype == BFLOAT16 else dtype.name
        size = math.prod(shape) * dtype.itemsize
        # The same numbers have the same bytes in one order of elements and of bytes alone.
        start = None if fortran or not dtype.isnative else partial(head, member, begin, min(size, HEAD))
        yield Tensor(name, shape, kind, size, partial(read, member, name, begin, shape, dtype, fortran), head=start)


def arrays(file: files.Opened, bfloat16: bool, left_out: dict[str, str] | None
           ) -> Iterator[tuple[archive.Member, Header]]:
    """Yield the members of an archive with what their headers say."""
    for member in archive.members(file):
        try:
            found = header_of(member, bfloat16)
        except NoNumbers as error:
            if left_out is None:
                raise
            left_out[member.name.removesuffix(SUFFIX)] = error.what
            continue
        yield member, found


def header_of(member: archive.Member, bfloat16: bool) -> Header:
    """Return what the header of a member says; NoNumbers for an array of something else."""
    name = member.name.removesuffix(SUFFIX)
    if name == member.name:
        raise CorruptError("path", f"member {member.name!r} is not an array with a name of its own")
    shape, dtype, fortran, begin = header(archive.Unpacking(member), name, bfloat16)
    size = math.prod(shape) * dtype.itemsize
    if size != member.size - begin:
        raise CorruptError("path", f"array {name!r} announces {size} bytes and has {member.size - begin}")
    return shape, dtype, fortran, begin


class NoNumbers(CorruptError):
    """An array of texts, of records or of Python objects: it is no tensor, and the archive may be whole.

    what : what it is instead
    """

    def __init__(self, argument: str, name: str, what: str):
        super().__init__(argument, f"array {name!r} {what}")
        self.what = what


class Bytes(Protocol):
    """What a header is read from."""

    def take(self, count: int) -> bytes: ...


def header(unpacking: Bytes, name: str, bfloat16: bool) -> Header:
    """Return the shape, the dtype, whether the order is Fortran's, and where the elements of a .npy file begin.

    The file is the magic, the version (1.0 or 2.0), the length of the header in 2 or 4 bytes, the header, and the
    elements. The header is a dict as Python writes it.
    """
    version = unpacking.take(8)
    if version not in (MAGIC + b"\1\0", MAGIC + b"\2\0"):
        raise CorruptError("path", f"array {name!r} is not of .npy version 1.0 or 2.0")
    width = 2 if version[6] == 1 else 4
    length = int.from_bytes(unpacking.take(width), "little")
    try:
        if length > MAX_HEADER:
            raise ValueError(f"{length} bytes long")
        fields = ast.literal_eval(unpacking.take(length).decode("latin-1").strip())
        if not isinstance(fields, dict) or fields.keys() != {"descr", "fortran_order", "shape"}:
            raise ValueError("other keys than descr, fortran_order and shape")
        if isinstance(fields["descr"], list):
            raise NoNumbers("path", name, "is of records, not of numbers")
        if not isinstance(fields["descr"], str) or not isinstance(fields["fortran_order"], bool) \
                or not isinstance(fields["shape"], tuple):
            raise ValueError("descr must be a string, fortran_order a bool, shape a tuple")
        dtype = np.dtype(fields["descr"])
        shape = arguments.shape(fields["shape"], itemsize=max(1, dtype.itemsize))
        if len(shape) > MAX_NDIM:
            raise ValueError(f"{len(shape)} dimensions")
    except CorruptError:
        raise
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:  # literal_eval, dtype
        raise CorruptError("path", f"array {name!r} has a header that does not read: {error}") from None
    if dtype.hasobject:
        raise NoNumbers("path", name, "is of Python objects, which only running a pickle could read")
    if dtype == BFLOAT16 and not bfloat16:
        raise CorruptError(
            "bfloat16",
            f"array {name!r} is of dtype |V2, two bytes without a meaning, as NumPy writes bfloat16; they "
            "are read as that only where it is asked for",
        )
    if dtype.kind not in KINDS and dtype != BFLOAT16:
        raise NoNumbers("path", name, f"is of dtype {dtype}, not of numbers")
    return shape, dtype, fields["fortran_order"], len(version) + width + length


def head(member: archive.Member, begin: int, count: int) -> bytes:
    """Return the first bytes of the elements, which begin at ``begin``."""
    unpacking = archive.Unpacking(member)
    unpacking.take(begin)
    return unpacking.take(count)


def read(member: archive.Member, name: str, begin: int, shape: tuple[int, ...], dtype: np.dtype,
         fortran: bool) -> Value:
    """Return the array of a .npy file whose elements begin at ``begin``."""
    a = np.empty(shape, np.dtype("<u2") if dtype == BFLOAT16 else dtype, order="F" if fortran else "C")
    place = a.ravel(order="K").view(np.uint8)
    unpacking = archive.Unpacking(member)
    unpacking.take(begin)
    unpacking.fill(place.data)
    unpacking.finish()
    if dtype.kind == "b" and np.any(place > 1):
        raise CorruptError("path", f"array {name!r} has a byte that is neither False nor True")
    a = np.asarray(a, a.dtype.newbyteorder("="), order="C")
    return Plain(owned(a), "bfloat16") if dtype == BFLOAT16 else a


def save(path: str | bytes | PathLike, tensors: Mapping, *, metadata: Mapping[str, str] | None = None,
         like: str | bytes | PathLike | None = None, decoded: bool = False) -> None:
    """Write the arrays to an uncompressed .npz file: the whole new file or, with an exception, the old one.

    The same arrays in the same order make the same bytes. Formats are written as what their ``dense`` gives: numbers of
    a type that NumPy lacks become float32, int8 or uint8, which hold every one of them exactly.

    Parameters
    ----------
    path : the file to write or to replace
    tensors : name -> Tensor, or whatever :func:`from_mapping` takes; a name that a container would refuse is refused
    metadata : is not written, for the file has no place for it
    decoded : whether to mark the file as made from a compressed one, which could make it again (see :func:`is_decoded`)
    """
    refuse_like(like)
    tensors = from_mapping(tensors)
    with files.writing(path) as target, zipfile.ZipFile(target, "w") as archived:
        for name, tensor in tensors.items():
            value = tensor.read()
            a = np.asarray(value if isinstance(value, np.ndarray) else value.dense())
            if a.dtype.kind not in KINDS:
                raise ArgumentTypeError(f"tensors[{name!r}]", "must be an array of numbers")
            if not (a.flags.c_contiguous or a.flags.f_contiguous):
                a = np.ascontiguousarray(a)
            begin = io.BytesIO()
            np.lib.format.write_array_header_1_0(begin, np.lib.format.header_data_from_array_1_0(a))
            info = zipfile.ZipInfo(name + SUFFIX)  # its date is 1980, not today
            info.comment = DECODED if decoded else b""
            info.file_size = len(begin.getvalue()) + a.nbytes  # which says whether its record takes 64 bits
            with archived.open(info, "w") as member:
                member.write(begin.getvalue())
                for piece in pieces(a.ravel(order="K")):
                    member.write(piece)


def is_decoded(path: str | bytes | PathLike) -> bool:
    """Return whether :func:`save` marked the file at ``path`` as decoded; False for a file that cannot be read."""
    try:
        with files.Opened(path) as file:
            comments = {member.comment for member in archive.members(file)}
    except (OSError, RefcompressError):  # not ours, then
        return False
    return comments == {DECODED}
