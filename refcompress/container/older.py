"""Files of versions 1 and 2, which are read, and written again only to compare (FORMAT.md, "Version 2", "Version 1").

One check covers the file, and the entries stand one after the other, each behind its name.
"""

import hashlib
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from ..errors import CorruptError, RefcompressError
from ..formats import ArrayFormat, Graph
from . import entries, names, sameness
from .cursor import Coding, Reader, integer_bytes
from .index import ENTRY_BYTES, MAGIC, read_name
from .kinds import Kind

CHECKSUM_BYTES = {1: 4, 2: 32}


def write(layers: Mapping[str, np.ndarray | ArrayFormat | Graph], coding: Coding, contexts: Collection[str]) -> bytes:
    """Return the file of version 1 or 2 that holds ``layers``; contexts has names of entries."""
    encoded = {names.encode(name): name for name in layers}
    parts: list[bytes] = []
    first: dict[bytes, int] = {}
    for index, name in enumerate(encoded if coding.version > 1 else sorted(encoded)):
        key = encoded[name]
        try:
            data = entries.write(layers[key], coding, key in contexts)
        except RefcompressError as error:
            raise type(error)(f"layers[{key!r}].{error.argument}", error.rule) from None
        if coding.version > 1 and data in first:
            data = min(data, sameness.reference_bytes(first[data]), key=len)
        else:
            first[data] = index
        parts += [integer_bytes(len(name)), name, data]
    data = b"".join([MAGIC, bytes([coding.version]), integer_bytes(len(encoded)), *parts])
    return data + checksum(data, coding.version)


def read(
    data: bytes | bytearray | memoryview, limit: int, coding: Coding, accounts: bool,
    read_entry: Callable[[Reader, int], Any],
) -> tuple[dict[str, Any], Reader]:
    """Return the layers of a file of version 1 or 2, and the reader."""
    version = coding.version
    end = len(data) - CHECKSUM_BYTES[version]
    if end < len(MAGIC) + 2:
        raise CorruptError("data", f"ends after {len(data)} bytes")
    if checksum(memoryview(data)[:end], version) != data[end:]:
        raise CorruptError("data", "the checksum does not match: the file was changed or cut off")
    reader = Reader(data, end, limit, coding, accounts)
    reader.take(len(MAGIC) + 1, "header")
    layers: dict[str, Any] = {}
    earlier = sameness.Earlier(reader)
    count = reader.integer("header")
    if count > reader.remaining // 4:  # a name of a byte and its length, a kind, and a byte of the kind
        raise reader.corrupt(f"{count} entries do not fit the {reader.remaining} bytes that are left")
    reader.bear(count * ENTRY_BYTES)
    previous = b""
    for _ in range(count):
        name = read_name(reader, layers)
        if version == 1 and name <= previous:
            raise reader.corrupt(f"name {name.decode()!r} must come after {previous.decode()!r}")
        previous = name
        start, decoded = reader.position, reader.decoded
        kind = reader.byte("header")
        if version > 1 and kind == Kind.SAME:
            value = earlier.read()
        else:
            value = read_entry(reader, kind)
            if version == 1:
                reader.same.append(len(layers))
            else:
                part = memoryview(data)[start : reader.position]
                earlier.add(value, len(part), reader.decoded - decoded, hashlib.sha256(part).digest())
        reader.sizes[reader.entry] = reader.position - start
        layers[reader.entry] = value
    reader.entry = ""
    if reader.remaining:
        raise reader.corrupt(f"{reader.remaining} bytes are left after the last entry")
    reader.account("checksum", 8 * CHECKSUM_BYTES[version])
    return layers, reader


def checksum(data: bytes | memoryview, version: int) -> bytes:
    """Return the SHA-256 of ``data``; in version 1 its CRC-32 (the one of zlib and PNG), little-endian."""
    return zlib.crc32(data).to_bytes(4, "little") if version == 1 else hashlib.sha256(data).digest()
