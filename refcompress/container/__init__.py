"""Compressed layers as one file, byte for byte as FORMAT.md says.

``dumps`` and ``loads`` go between a mapping of names and bytes, ``save`` and ``load`` between it and a file. One
content has one file: the layout of an array in memory and the implementation leave no trace in it. The order of the mapping
is content. Files of version 1 (CRC-32 in place of SHA-256, entries in the order of their names) are read and verified too.
"""

import hashlib
import zlib
from collections.abc import Collection, Mapping

from .. import arguments, reference
from ..errors import ArgumentTypeError, CorruptError, RefcompressError, UnsupportedVersionError
from . import entries, files, names, sameness
from .cursor import Coding, Reader, integer_bytes

# As in PNG: a byte that is not ASCII, the name, and line ends that a transfer in text mode would change.
MAGIC = b"\x89RCZ\r\n\x1a\n"
VERSION = 2
CHECKS = {1: "CRC-32 (version 1)", 2: "SHA-256"}
CHECKSUM_BYTES = {1: 4, 2: 32}
DEFAULT_LIMIT = 2**32  # bytes
ENTRY_BYTES = 400  # of memory for the name and the objects of an entry, apart from its arrays


def dumps(layers: Mapping, *, implementation=reference, contexts: bool | Collection = False) -> bytes:
    """Return the file that holds ``layers``: name -> Shared, CSR, Quantized, Mixed, MX, NF4, LowRank or ndarray.

    contexts : whether entries of Shared may be coded by the range coder, where that takes fewer bytes (small, and slow to read
    and write: some 10 million weights a second in C, a hundredth of that in NumPy); or the names of those that may.

    Raises ArgumentTypeError, RefcompressError or LimitError, naming the entry, for a name or a value that a file cannot
    hold: arrays of other types than bool, integers and floats of up to 64 bits; a CSR that is not canonical.

    >>> import numpy as np
    >>> loads(dumps({"bias": np.arange(3.0)}))
    {'bias': array([0., 1., 2.])}
    """
    return write(layers, Coding(implementation, VERSION), contexts)


def write(layers: Mapping, coding: Coding, contexts: bool | Collection = False) -> bytes:
    """Return the file as :func:`dumps` does, of the version of ``coding``."""
    if not isinstance(layers, Mapping):
        raise ArgumentTypeError("layers", f"must be a mapping of names, not {type(layers).__name__}")
    encoded = {names.encode(name): name for name in layers}
    allowed = allowed_contexts(layers, contexts)
    parts, first = [], {}
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


def allowed_contexts(layers: Mapping, contexts: bool | Collection) -> Collection:
    """Return the names of the entries that the range coder may code."""
    if isinstance(contexts, Collection) and not isinstance(contexts, str | bytes):
        for name in contexts:
            if not isinstance(name, str):
                raise ArgumentTypeError("contexts", f"must hold names, not {type(name).__name__}")
            if name not in layers:
                raise RefcompressError("contexts", f"must hold names of layers, {name!r} is none")
        return set(contexts)
    return layers.keys() if arguments.boolean(contexts, "contexts") else ()


def loads(data: bytes, *, implementation=reference, limit: int = DEFAULT_LIMIT) -> dict:
    """Return the layers in ``data`` by name, in the order of the file. Entries of the same bytes are one frozen format, or
    arrays of their own.

    limit : the most bytes that the decoded arrays may have in all, the working memory of one entry apart, and 400 bytes an entry
    apart. Memory peaks at three to five times what is decoded: a layer of zeros takes next to no bytes, so for files of strangers
    give the limit that your memory bears.
    Raises CorruptError where the bytes are not a file that dumps writes, in this version of the format or in version 1;
    UnsupportedVersionError where they are one of a later release; LimitError beyond the limit.
    """
    return read(data, implementation, limit)[0]


def save(path, layers: Mapping, *, implementation=reference, contexts: bool | Collection = False) -> None:
    """Write ``layers`` to the file at ``path``: the whole new file or, with an exception, the old one."""
    files.write(path, dumps(layers, implementation=implementation, contexts=contexts))


def load(path, *, implementation=reference, limit: int = DEFAULT_LIMIT) -> dict:
    """Return the layers in the regular file at ``path``, as :func:`loads` does."""
    limit = arguments.integer(limit, "limit", 0)
    return loads(files.read(path, limit), implementation=implementation, limit=limit)


def reencode(data: bytes, *, implementation=reference, limit: int = DEFAULT_LIMIT) -> bytes:
    """Return what this release writes for the content of ``data``, in the version of ``data`` and with contexts where it has them:
    the same bytes, for others are refused.
    """
    layers, reader = read(data, implementation, limit)
    return write(layers, reader.coding, reader.contexts)


def check_of(data: bytes) -> str:
    """Return which check a file carries: "SHA-256", or "CRC-32 (version 1)", which does not see some flips of three bits."""
    return CHECKS[data[len(MAGIC)]]


def read(data: bytes, implementation=reference, limit: int = DEFAULT_LIMIT, accounts: bool = False) -> tuple[dict, Reader]:
    """Return the layers and the reader; if asked for, it has the account of every byte (see ledger.py)."""
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
    layers: dict = {}
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


def read_entry(reader: Reader, earlier: sameness.Earlier):
    """Return what the bytes after an entry's name stand for."""
    start, decoded = reader.position, reader.decoded
    kind = reader.byte("header")
    if reader.coding.version == 1:
        return entries.read(reader, kind)
    if kind == sameness.SAME:
        return earlier.read(start)
    value = entries.read(reader, kind)
    earlier.add(value, start, reader.decoded - decoded)
    return value


def read_name(reader: Reader, layers: Mapping, previous: bytes) -> bytes:
    """Return the UTF-8 of the next entry's name, which no entry had before, and begin that entry.

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


def checksum(data, version: int = VERSION) -> bytes:
    """Return the SHA-256 of ``data``; in version 1 its CRC-32 (the one of zlib and PNG), little-endian."""
    return zlib.crc32(data).to_bytes(4, "little") if version == 1 else hashlib.sha256(data).digest()
