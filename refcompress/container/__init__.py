"""Compressed layers as one file, byte for byte as FORMAT.md says.

``dumps`` and ``loads`` go between a mapping of names and bytes, ``save`` and ``load`` between it and a file. One
content has one file: the layout of an array in memory and the implementation leave no trace in it. The order of the
mapping is content. Files of version 1 are read and verified too; they have a CRC-32 in place of SHA-256, and their
entries are in the order of their names.

Read in this order:

- ``kinds.py``: the numbers of the kinds of entry
- ``cursor.py``: bytes, integers, and the account of every byte
- ``streams.py``: a sequence of small integers, packed or by a Huffman code
- ``positions.py``, ``codes.py``: which weights are stored, and their codes
- ``arrays.py``: shapes, and arrays as they are
- ``entries.py``: the table of kinds; arrays, CSR and Shared
- ``quantized.py``, ``rows.py``: integers with scales, MX and NF4; the same in the rows of a kernel
- ``layers.py``, ``factors.py``: Packed and QuantizedLayer; low rank
- ``sameness.py``: entries that are the same as an earlier one
- ``names.py``, ``files.py``: the names of entries; files on the disk
"""

import hashlib
import zlib
from collections.abc import Collection, Mapping
from os import PathLike

import numpy as np

from .. import arguments, reference
from ..errors import ArgumentTypeError, CorruptError, RefcompressError, UnsupportedVersionError
from ..formats import ArrayFormat
from . import entries, files, names, sameness
from .cursor import Coding, Reader, integer_bytes
from .kinds import Kind

# As in PNG: a byte that is not ASCII, the name, and line ends that a transfer in text mode would change.
MAGIC = b"\x89RCZ\r\n\x1a\n"
VERSION = 2
CHECKS = {1: "CRC-32 (version 1)", 2: "SHA-256"}
CHECKSUM_BYTES = {1: 4, 2: 32}
DEFAULT_LIMIT = 2**32  # bytes
ENTRY_BYTES = 400  # of memory for the name and the objects of an entry, apart from its arrays

Layer = np.ndarray | ArrayFormat  # what an entry holds
Path = str | bytes | PathLike


def dumps(
    layers: Mapping[str, Layer], *, implementation: object = reference, contexts: bool | Collection[str] = False
) -> bytes:
    """Return the file that holds ``layers``.

    Parameters
    ----------
    layers : name -> ndarray (bool, integers and floats of up to 64 bits) or any format that stands for an array
    implementation : the namespace that computes Huffman codes and the like; it changes no byte of the file
    contexts : whether the range coder may code an entry of Shared where that takes fewer bytes; or the names of the
        entries that it may code. It is slow: some 10 million weights a second in C, a hundredth of that in NumPy.

    Returns
    -------
    bytes : the same ones for the same content.

    Raises
    ------
    ArgumentTypeError, RefcompressError, LimitError : by the name of the entry, for a name or a value that a file cannot
        hold, such as an array of another type or a CSR that is not canonical.

    >>> import numpy as np
    >>> loads(dumps({"bias": np.arange(3.0)}))
    {'bias': array([0., 1., 2.])}
    """
    return write(layers, Coding(implementation, VERSION), contexts)


def write(layers: Mapping[str, Layer], coding: Coding, contexts: bool | Collection[str] = False) -> bytes:
    """Return the file as :func:`dumps` does, of the version of ``coding``."""
    if not isinstance(layers, Mapping):
        raise ArgumentTypeError("layers", f"must be a mapping of names, not {type(layers).__name__}")
    encoded = {names.encode(name): name for name in layers}
    allowed = allowed_contexts(layers, contexts)
    parts: list[bytes] = []
    first: dict[bytes, int] = {}
    for index, name in enumerate(encoded if coding.version > 1 else sorted(encoded)):
        key = encoded[name]
        try:
            data = entries.write(layers[key], coding, key in allowed)
        except RefcompressError as error:
            raise type(error)(f"layers[{key!r}].{error.argument}", error.rule) from None
        if coding.version > 1 and data in first:
            data = min(data, sameness.reference_bytes(first[data]), key=len)
        else:
            first[data] = index
        parts += [integer_bytes(len(name)), name, data]
    data = b"".join([MAGIC, bytes([coding.version]), integer_bytes(len(encoded)), *parts])
    return data + checksum(data, coding.version)


def allowed_contexts(layers: Mapping[str, Layer], contexts: bool | Collection[str]) -> Collection[str]:
    """Return the names of the entries that the range coder may code."""
    if isinstance(contexts, Collection) and not isinstance(contexts, str | bytes):
        for name in contexts:
            if not isinstance(name, str):
                raise ArgumentTypeError("contexts", f"must hold names, not {type(name).__name__}")
            if name not in layers:
                raise RefcompressError("contexts", f"must hold names of layers, {name!r} is none")
        return set(contexts)
    return layers.keys() if arguments.boolean(contexts, "contexts") else ()


def loads(data: bytes, *, implementation: object = reference, limit: int = DEFAULT_LIMIT) -> dict[str, Layer]:
    """Return the layers in ``data`` by name, in the order of the file.

    Parameters
    ----------
    data : a file of version 1 or 2
    implementation : the namespace that decodes
    limit : the most bytes that the decoded arrays may have in all. The working memory of one entry, and 400 bytes for
        each entry, are compared with it on their own.

    Returns
    -------
    dict : entries of the same bytes are one frozen format, or arrays of their own. Memory peaks at three to five times
        what is decoded, of packed integers at seven times. A layer of zeros takes next to no bytes in a file, so for
        files of strangers give the limit that your memory bears.

    Raises
    ------
    CorruptError : the bytes are not a file that dumps writes, in this version of the format or in version 1.
    UnsupportedVersionError : they are a file of a later release.
    LimitError : they decode to more than the limit.
    """
    return read(data, implementation, limit)[0]


def save(path: Path, layers: Mapping[str, Layer], *, implementation: object = reference,
         contexts: bool | Collection[str] = False) -> None:
    """Write ``layers`` to the file at ``path``: the whole new file or, with an exception, the old one.

    implementation, contexts : as for :func:`dumps`
    """
    files.write(path, dumps(layers, implementation=implementation, contexts=contexts))


def load(path: Path, *, implementation: object = reference, limit: int = DEFAULT_LIMIT) -> dict[str, Layer]:
    """Return the layers in the regular file at ``path``, as :func:`loads` does."""
    limit = arguments.integer(limit, "limit", 0)
    return loads(files.read(path, limit), implementation=implementation, limit=limit)


def reencode(data: bytes, *, implementation: object = reference, limit: int = DEFAULT_LIMIT) -> bytes:
    """Return what this release writes for the content of ``data``: the same bytes, for a reader refuses all others."""
    layers, reader = read(data, implementation, limit)
    return written_again(layers, reader, implementation)


def written_again(layers: Mapping[str, Layer], reader: Reader, implementation: object = reference) -> bytes:
    """Return what ``implementation`` writes for layers, in the version and with the contexts of the file read."""
    return write(layers, Coding(implementation, reader.coding.version), reader.contexts)


def check_of(data: bytes) -> str:
    """Return the check that a file carries: "SHA-256" or "CRC-32 (version 1)"; the latter misses some triple flips."""
    return CHECKS[data[len(MAGIC)]]


def read(
    data: bytes, implementation: object = reference, limit: int = DEFAULT_LIMIT, accounts: bool = False
) -> tuple[dict[str, Layer], Reader]:
    """Return the layers and the reader; with ``accounts``, it has the account of every byte (see ledger.py)."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ArgumentTypeError("data", f"must be bytes, not {type(data).__name__}")
    data = bytes(data)
    limit = arguments.integer(limit, "limit", 0)
    if not data.startswith(MAGIC):
        hint = ": it went through a transfer in text mode" if data[1:4] == MAGIC[1:4] else ""
        raise CorruptError("data", f"does not start like a file of this format{hint}")
    version = data[len(MAGIC)] if len(data) > len(MAGIC) else VERSION
    if version not in CHECKSUM_BYTES:
        raise UnsupportedVersionError("data", f"is of version {version}; this release reads versions 1 and {VERSION}")
    end = len(data) - CHECKSUM_BYTES[version]
    if end < len(MAGIC) + 2:
        raise CorruptError("data", f"ends after {len(data)} bytes")
    if checksum(memoryview(data)[:end], version) != data[end:]:
        raise CorruptError("data", "the checksum does not match: the file was changed or cut off")
    reader = Reader(data, end, limit, Coding(implementation, version), accounts)
    reader.take(len(MAGIC) + 1, "header")
    layers: dict[str, Layer] = {}
    earlier = sameness.Earlier(reader)
    count = reader.integer("header")
    if count > reader.remaining // 4:  # a name of a byte and its length, a kind, and a byte of the kind
        raise reader.corrupt(f"{count} entries do not fit the {reader.remaining} bytes that are left")
    reader.bear(count * ENTRY_BYTES)
    previous = b""
    for _ in range(count):
        previous = read_name(reader, layers, previous)
        layers[reader.entry] = read_entry(reader, earlier)
    reader.entry = ""
    if reader.remaining:
        raise reader.corrupt(f"{reader.remaining} bytes are left after the last entry")
    reader.account("checksum", 8 * CHECKSUM_BYTES[version])
    return layers, reader


def read_entry(reader: Reader, earlier: sameness.Earlier) -> Layer:
    """Return what the bytes after an entry's name stand for."""
    start, decoded = reader.position, reader.decoded
    kind = reader.byte("header")
    if reader.coding.version == 1:
        return entries.read(reader, kind)
    if kind == Kind.SAME:
        return earlier.read(start)
    value = entries.read(reader, kind)
    earlier.add(value, start, reader.decoded - decoded)
    return value


def read_name(reader: Reader, layers: Mapping[str, Layer], previous: bytes) -> bytes:
    """Return the UTF-8 of the next entry's name, which no earlier entry has, and begin that entry.

    In version 1 it must come after ``previous``.
    """
    reader.entry = ""
    start = reader.position
    encoded = bytes(reader.take(reader.integer("names"), "names"))
    try:
        name = encoded.decode("utf-8")
        names.encode(name)
    except (UnicodeDecodeError, RefcompressError) as error:
        raise reader.corrupt(str(error)) from None
    if reader.coding.version == 1 and encoded <= previous:
        raise reader.corrupt(f"name {name!r} must come after {previous.decode()!r}")
    if name in layers:
        raise reader.corrupt(f"name {name!r} comes twice")
    taken = 8 * (reader.position - start)
    reader.account("names", -taken)
    reader.entry = name
    reader.account("names", taken)
    return encoded


def checksum(data: bytes | memoryview, version: int = VERSION) -> bytes:
    """Return the SHA-256 of ``data``; in version 1 its CRC-32 (the one of zlib and PNG), little-endian."""
    return zlib.crc32(data).to_bytes(4, "little") if version == 1 else hashlib.sha256(data).digest()
