"""The header of a GGUF file: what is known of a file before any tensor is read.

    "GGUF", version, count of tensors, count of metadata; metadata; for each tensor name, sizes, type, offset

All integers are little-endian. The sizes of a tensor come in the opposite order, that of the last axis first. Offsets
count from the first multiple of the alignment behind the header on, and are multiples of it too.

**Source** the format's description in the repository of ggml (docs/gguf.md), and ggml's reader (src/gguf.cpp).
"""

import math
from dataclasses import dataclass, field

from .. import arguments
from ..arguments import MAX_NDIM
from ..container import files, names
from ..errors import CorruptError, RefcompressError, UnsupportedVersionError
from ..widths import BITS, BLOCKS
from .gguf_bytes import Cursor
from .gguf_metadata import MAX_KEY, read_text

__all__ = ["ALIGNMENT", "FRAME", "Header", "Info", "MAGIC", "NUMBERS", "alignment_of", "nbytes_of", "padded",
           "read_header"]

MAGIC = b"GGUF"
FRAME = 24  # bytes: the magic, the version and the two counts
VERSIONS = (2, 3)  # they differ in what they say of big-endian files
ALIGNMENT = "general.alignment"
MAX_ALIGNMENT = 2**16
ELEMENTS = {"float32": 0, "float16": 1, "int8": 24, "int16": 25, "int32": 26, "int64": 27, "float64": 28,
            "bfloat16": 30}
NUMBERS = ELEMENTS | {name: block.number for name, block in BLOCKS.items()}
TYPES = {number: name for name, number in NUMBERS.items()}
OTHERS = {9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
          29: "IQ1_M", 41: "Q1_0", 42: "Q2_0"}  # types that are not read here
SIZES = {"Q8_1": (32, 40), "Q8_K": (256, 292), "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74), "IQ3_XXS": (256, 98),
         "IQ1_S": (256, 50), "IQ3_S": (256, 110), "IQ2_S": (256, 82), "IQ1_M": (256, 56)}  # numbers and bytes of each


@dataclass(frozen=True)
class Info:
    """A tensor as the header has it. start : its first byte in the file. record : where the header says all this."""

    name: str
    shape: tuple[int, ...]
    type: str
    nbytes: int
    start: int
    record: tuple[int, int]


@dataclass
class Header:
    """What comes before the tensors.

    metadata : key -> text. raw : key -> the key, type and value as they lie in the file, the first at ``FRAME``.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    infos: list[Info] = field(default_factory=list)


def read_header(opened: files.Opened, others: bool = False) -> Header:
    """Return the header of a file; refuse what breaks the format.

    others : whether tensors of the types of SIZES, of which the elements are not read here, are taken
    """
    cursor, header = Cursor(opened), Header()
    if opened.size < FRAME or cursor.take(4) != MAGIC:
        raise CorruptError("path", f"{opened.path!r} is not a GGUF file")
    version = cursor.integer(4)
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        said = f"{swapped} in big-endian order, which is not read" if swapped in VERSIONS else f"{version}"
        raise UnsupportedVersionError("path", f"{opened.path!r} is of version {said}; this release reads versions 2 "
                                              "and 3, little-endian")
    tensors, pairs = cursor.integer(8), cursor.integer(8)
    cursor.expect(pairs, 13, f"{pairs} metadata are announced")
    for _ in range(pairs):
        _pair(cursor, opened, header)
    cursor.expect(tensors, 24, f"{tensors} tensors are announced")
    alignment = alignment_of(header.metadata.get(ALIGNMENT))
    found = [_info(cursor, others) for _ in range(tensors)]
    begin = padded(cursor.at, alignment)
    header.infos = [Info(name, shape, kind, nbytes, begin + offset, record)
                    for name, shape, kind, nbytes, offset, record in found]
    _check_places(header.infos, begin, alignment, opened.size)
    return header


def _pair(cursor: Cursor, opened: files.Opened, header: Header) -> None:
    """Read a key and its value."""
    start = cursor.at
    key = cursor.string("a key of the metadata")
    if not key or len(key.encode()) > MAX_KEY or key in header.metadata:
        raise CorruptError("path", f"metadata have the key {key[:80]!r}, which is empty, too long or there twice")
    header.metadata[key] = read_text(cursor, key)
    header.raw[key] = bytes(opened.read(start, cursor.at - start))


def _info(cursor: Cursor, others: bool) -> tuple[str, tuple[int, ...], str, int, int, tuple[int, int]]:
    """Read the name, shape, type, bytes and offset of a tensor, and where they stand."""
    start = cursor.at
    name = cursor.string("the name of a tensor")
    try:
        names.encode(name)
    except RefcompressError as error:
        raise CorruptError("path", f"the name of a tensor {error.rule}") from None
    ndim = cursor.integer(4)
    if ndim > MAX_NDIM:
        raise CorruptError("path", f"tensor {name!r} has {ndim} dimensions, at most {MAX_NDIM} are read")
    shape = tuple(cursor.integer(8) for _ in range(ndim))[::-1]
    number, offset = cursor.integer(4), cursor.integer(8)
    kind = TYPES.get(number) or (OTHERS.get(number) if others else None)
    if kind is None or number not in TYPES and kind not in SIZES:
        said = f" ({OTHERS[number]})" if number in OTHERS else ""
        raise UnsupportedVersionError("path", f"tensor {name!r} is of type {number}{said}, which this release does not "
                                              f"read; it reads {', '.join(TYPES.values())}")
    try:
        return name, arguments.shape(shape, itemsize=8), kind, nbytes_of(kind, shape), offset, (start, cursor.at)
    except RefcompressError as error:
        raise CorruptError("path", f"tensor {name!r}: {error.rule}") from None


def nbytes_of(kind: str, shape: tuple[int, ...]) -> int:
    """Return the bytes of a tensor's elements or blocks in a file."""
    if kind in ELEMENTS:
        return math.prod(shape) * BITS[kind] // 8
    numbers, nbytes = SIZES[kind] if kind in SIZES else (BLOCKS[kind].numbers, BLOCKS[kind].nbytes)
    if not shape or shape[-1] % numbers:
        raise RefcompressError("shape", f"its last size must be a multiple of {numbers} for {kind}, not {shape}")
    return math.prod(shape) // numbers * nbytes


def alignment_of(text: str | None) -> int:
    """Return the alignment that the metadata say, 32 where they say none."""
    if text is None:
        return 32
    value = int(text.removeprefix("uint32 ")) if text.startswith("uint32 ") else 0
    if not 0 < value <= MAX_ALIGNMENT or value & value - 1:
        raise CorruptError("path", f"{ALIGNMENT} must be a uint32, a power of two of at most {MAX_ALIGNMENT}, not "
                                   f"{text[:40]!r}")
    return value


def padded(size: int, alignment: int) -> int:
    """Return the first multiple of the alignment from ``size`` on."""
    return -(-size // alignment) * alignment


def _check_places(infos: list[Info], begin: int, alignment: int, size: int) -> None:
    """Refuse names that come twice, tensors that overlap or leave gaps, and bytes that belong to none."""
    seen, end, before = set(), begin, "the header"
    for info in infos:
        if info.name in seen:
            raise CorruptError("path", f"tensor {info.name!r} is there twice")
        seen.add(info.name)
    for info in sorted(infos, key=lambda info: (info.start, info.nbytes)):
        if info.start != padded(end, alignment):
            raise CorruptError("path", f"tensor {info.name!r} must start at byte {padded(end, alignment)}, the next "
                                       f"multiple of {alignment} behind {before}, not at byte {info.start}")
        end, before = info.start + info.nbytes, f"tensor {info.name!r}"
        if end > size:
            raise CorruptError("path", f"tensor {info.name!r} ends at byte {end}, the file has {size} bytes")
    if size > padded(end, alignment):
        raise CorruptError("path", f"{size - end} bytes follow {before}, more than padding")
