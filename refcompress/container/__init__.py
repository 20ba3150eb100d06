"""Compressed layers as one file, byte for byte as FORMAT.md says.

``dumps`` and ``loads`` go between a mapping of names and bytes, ``save`` and ``load`` between it and a file. One
content has one file: the order of the mapping, the layout of an array in memory and the implementation leave no trace
in it.
"""

import zlib
from collections.abc import Mapping

from .. import arguments, reference
from ..errors import ArgumentTypeError, CorruptError, RefcompressError, UnsupportedVersionError
from . import entries, files, names
from .cursor import Reader, integer_bytes

# As in PNG: a byte that is not ASCII, the name, and line ends that a transfer in text mode would change.
MAGIC = b"\x89RCZ\r\n\x1a\n"
VERSION = 1
CHECKSUM_BYTES = 4
DEFAULT_LIMIT = 2**32  # bytes


def dumps(layers: Mapping, *, implementation=reference, contexts: bool = False) -> bytes:
    """Return the file that holds ``layers``: name -> Shared, CSR, Quantized, Mixed, MX, NF4, LowRank or ndarray.

    contexts : whether entries of Shared may be coded by the range coder, where that takes fewer bytes: small, and slow to
    read and write (some 10 million weights a second in C, a hundredth of that in NumPy).

    Raises ArgumentTypeError, RefcompressError or LimitError, naming the entry, for a name or a value that a file cannot
    hold: arrays of other types than bool, integers and floats of up to 64 bits; a CSR that is not canonical.

    >>> import numpy as np
    >>> loads(dumps({"bias": np.arange(3.0)}))
    {'bias': array([0., 1., 2.])}
    """
    if not isinstance(layers, Mapping):
        raise ArgumentTypeError("layers", f"must be a mapping of names, not {type(layers).__name__}")
    encoded = {names.encode(name): value for name, value in layers.items()}
    parts = []
    for name in sorted(encoded):
        try:
            parts += [integer_bytes(len(name)), name, entries.write(encoded[name], implementation, contexts)]
        except RefcompressError as error:
            raise type(error)(f"layers[{name.decode()!r}].{error.argument}", error.rule) from None
    data = b"".join([MAGIC, bytes([VERSION]), integer_bytes(len(encoded)), *parts])
    return data + checksum(data)


def loads(data: bytes, *, implementation=reference, limit: int = DEFAULT_LIMIT) -> dict:
    """Return the layers in ``data`` by name, in the order of the file: the order of the names' UTF-8.

    limit : the most bytes that the decoded arrays may have in all. Memory peaks at three to four times what is decoded: a
    layer of zeros takes next to no bytes, so for files of strangers give the limit that your memory bears.
    Raises CorruptError where the bytes are not a file of this format, UnsupportedVersionError where they are one of a
    later release, LimitError beyond the limit.
    """
    return read(data, implementation, limit)[0]


def save(path, layers: Mapping, *, implementation=reference, contexts: bool = False) -> None:
    """Write ``layers`` to the file at ``path``: the whole new file or, with an exception, the old one."""
    files.write(path, dumps(layers, implementation=implementation, contexts=contexts))


def load(path, *, implementation=reference, limit: int = DEFAULT_LIMIT) -> dict:
    """Return the layers in the regular file at ``path``, as :func:`loads` does."""
    limit = arguments.integer(limit, "limit", 0)
    return loads(files.read(path, limit), implementation=implementation, limit=limit)


def reencode(data: bytes, *, implementation=reference, limit: int = DEFAULT_LIMIT) -> bytes:
    """Return what this release writes for the content of ``data``: the same bytes if it wrote those too.

    With contexts if ``data`` has an entry of the range coder.
    """
    layers, reader = read(data, implementation, limit)
    return dumps(layers, implementation=implementation, contexts=reader.contexts)


def read(data: bytes, implementation=reference, limit: int = DEFAULT_LIMIT) -> tuple[dict, Reader]:
    """Return the layers and the reader, which has the account of every byte (see ledger.py)."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ArgumentTypeError("data", f"must be bytes, not {type(data).__name__}")
    data = bytes(data)
    limit = arguments.integer(limit, "limit", 0)
    if not data.startswith(MAGIC):
        hint = ": it went through a transfer in text mode" if data[1:4] == MAGIC[1:4] else ""
        raise CorruptError("data", f"does not start like a file of this format{hint}")
    if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
        raise UnsupportedVersionError("data", f"is of version {data[len(MAGIC)]}; this release reads version {VERSION}")
    if len(data) < len(MAGIC) + 2 + CHECKSUM_BYTES:
        raise CorruptError("data", f"ends after {len(data)} bytes")
    end = len(data) - CHECKSUM_BYTES
    if checksum(memoryview(data)[:end]) != data[end:]:
        raise CorruptError("data", "the checksum does not match: the file was changed or cut off")
    reader = Reader(data, end, limit)
    reader.take(len(MAGIC) + 1, "header")
    layers: dict = {}
    previous = b""
    for _ in range(reader.integer("header")):
        previous = read_name(reader, previous)
        layers[reader.entry] = entries.read(reader, implementation)
    reader.entry = ""
    if reader.remaining:
        raise reader.corrupt(f"{reader.remaining} bytes are left after the last entry")
    reader.account("checksum", 8 * CHECKSUM_BYTES)
    return layers, reader


def read_name(reader: Reader, previous: bytes) -> bytes:
    """Return the UTF-8 of the next entry's name, which must come after ``previous``, and begin that entry."""
    reader.entry = ""
    start = reader.position
    encoded = bytes(reader.take(reader.integer("names"), "names"))
    try:
        name = encoded.decode("utf-8")
        names.encode(name)
    except (UnicodeDecodeError, RefcompressError) as error:
        raise reader.corrupt(str(error)) from None
    if encoded <= previous:
        raise reader.corrupt(f"name {name!r} must come after {previous.decode()!r}")
    taken = 8 * (reader.position - start)
    reader.account("names", -taken)
    reader.entry = name
    reader.account("names", taken)
    return encoded


def checksum(data) -> bytes:
    """Return the CRC-32 of ``data`` (the one of zlib and PNG), little-endian."""
    return zlib.crc32(data).to_bytes(CHECKSUM_BYTES, "little")
