"""The frame of a file of version 3 to 5: sections of entries, and the index behind them (FORMAT.md, "File").

The index says by name where each entry lies, and has a digest of each section. So one entry is read, and its bytes are
checked, without the others.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from ..errors import ArgumentTypeError, CorruptError, RefcompressError
from . import names
from .cursor import Coding, Reader, integer_bytes

# As in PNG: a byte that is not ASCII, the name, and line ends that a transfer in text mode would change.
MAGIC = b"\x89RCZ\r\n\x1a\n"
VERSION = 5
INDEXED = 3  # the first version whose files have sections and an index
START = len(MAGIC) + 1  # where the first section begins
SECTION = 2**16  # bytes that close a section
DIGEST = hashlib.sha256().digest_size
END = 8 + DIGEST  # bytes behind the index: its length, and the digest that covers it
ENTRY_BYTES = 400  # of memory for the name and the objects of an entry, apart from its arrays
LEAST_BYTES = 5  # of an entry: two of its own, and in the index its size, and a name of a byte with its length


class Source(Protocol):
    """A file, or its bytes, to be read in parts."""

    size: int

    def read(self, start: int, count: int) -> bytearray | memoryview: ...


class Index(NamedTuple):
    """What stands behind the sections: the entries' names and sizes in their order, the digests, the metadata."""

    sizes: dict[str, int]
    digests: tuple[bytes, ...]
    metadata: dict[str, str]

    def tobytes(self, version: int) -> bytes:
        """Return all bytes behind the last section of a file of that version."""
        parts = [integer_bytes(len(self.sizes))]
        for name, size in self.sizes.items():
            parts += [_text(name), integer_bytes(size)]
        parts += [*self.digests, integer_bytes(len(self.metadata))]
        for key in sorted(self.metadata, key=str.encode):
            parts += [_text(key), _text(self.metadata[key])]
        data = b"".join(parts)
        length = len(data).to_bytes(8, "little")
        return b"".join([data, length, checksum(data, length, version)])


class Section(NamedTuple):
    """A run of entries, the first to the one before ``last``, and where their bytes lie."""

    first: int
    last: int
    start: int
    size: int


def sections(sizes: Iterable[int]) -> list[Section]:
    """Return how entries of these sizes are cut into sections.

    An entry of 2**16 bytes or more is a section of its own. Of the others, a section closes once it has as many.

    >>> [section.last for section in sections([2**16 - 1, 1, 5, 2**16, 7, 8])]
    [2, 3, 4, 6]
    """
    found, first, held, start, number = list[Section](), 0, 0, START, -1

    def close(last: int) -> None:
        nonlocal first, held, start
        if last > first:
            found.append(Section(first, last, start, held))
            first, held, start = last, 0, start + held

    for number, size in enumerate(sizes):
        if size >= SECTION:
            close(number)
        held += size
        if held >= SECTION:
            close(number + 1)
    close(number + 1)
    return found


def checksum(index: bytes | bytearray | memoryview, length: bytes | bytearray | memoryview, version: int) -> bytes:
    """Return the SHA-256 of the magic, the version, the index and its length."""
    digest = hashlib.sha256(MAGIC + bytes([version]))
    digest.update(index)
    digest.update(length)
    return digest.digest()


def read(source: Source, limit: int, coding: Coding, accounts: bool = False) -> tuple[Index, Reader]:
    """Return the index of a file that begins with the magic and the version of ``coding``, and a reader that has its
    account.

    Nothing is taken from it before its digest was checked.
    """
    if source.size < START + END:
        raise CorruptError("data", f"ends after {source.size} bytes")
    tail = source.read(source.size - END, END)
    size = int.from_bytes(tail[:8], "little")
    if size > source.size - START - END:
        raise CorruptError("data", f"announces an index of {size} bytes in a file of {source.size}: it was changed or "
                                   "cut off, and the checksum cannot match")
    base = source.size - END - size
    reader = Reader(b"", 0, limit, coding, accounts)
    reader.bear(size)
    data = source.read(base, size)
    if checksum(data, tail[:8], coding.version) != tail[8:]:
        raise CorruptError("data", "the checksum does not match: the file was changed or cut off")
    reader.account("header", 8 * (START + 8))
    reader.begin(data, base)
    sizes = entry_sizes(reader, base - START)
    cut = sections(sizes.values())
    digests = tuple(bytes(reader.take(DIGEST, "checksum")) for _ in cut)
    reader.metadata = _read_metadata(reader)
    if reader.remaining:
        raise reader.corrupt(f"{reader.remaining} bytes of the index are left after the metadata")
    reader.account("checksum", 8 * DIGEST)
    reader.sizes = sizes
    return Index(sizes, digests, reader.metadata), reader


def entry_sizes(reader: Reader, held: int) -> dict[str, int]:
    """Return the sizes of the entries by name; they add up to the ``held`` bytes of all sections."""
    count = reader.integer("header")
    if count > (reader.remaining + held) // LEAST_BYTES:
        raise reader.corrupt(f"{count} entries do not fit the {reader.remaining + held} bytes of the file")
    reader.bear(count * ENTRY_BYTES)
    sizes: dict[str, int] = {}
    total = 0
    for _ in range(count):
        read_name(reader, sizes)
        size = reader.integer("header")
        total += size
        if size < 2 or total > held:
            raise reader.corrupt(f"{size} bytes of an entry do not fit: an entry has two or more, and all entries have "
                                 f"{held}")
        sizes[reader.entry] = size
    reader.entry = ""
    if total != held:
        raise reader.corrupt(f"the entries have {total} bytes, the sections {held}")
    return sizes


def read_name(reader: Reader, earlier: Mapping[str, object]) -> bytes:
    """Return the UTF-8 of the next entry's name, which no earlier entry has, and begin that entry."""
    reader.entry = ""
    start = reader.position
    encoded = bytes(reader.take(reader.integer("names"), "names"))
    try:
        name = encoded.decode("utf-8")
        names.encode(name)
    except (UnicodeDecodeError, RefcompressError) as error:
        raise reader.corrupt(str(error)) from None
    if name in earlier:
        raise reader.corrupt(f"name {name!r} comes twice")
    taken = 8 * (reader.position - start)
    reader.account("names", -taken)
    reader.entry = name
    reader.account("names", taken)
    return encoded


def _read_metadata(reader: Reader) -> dict[str, str]:
    count = reader.integer("header")
    if count > reader.remaining // 3:  # a key of a byte and its length, and the length of a value
        raise reader.corrupt(f"{count} pairs of metadata do not fit the {reader.remaining} bytes that are left")
    reader.bear(count * ENTRY_BYTES)
    found: dict[str, str] = {}
    previous = b""
    for _ in range(count):
        key, value = (bytes(reader.take(reader.integer("metadata"), "metadata")) for _ in range(2))
        try:
            found[key.decode("utf-8")] = value.decode("utf-8")
            names.encode(key.decode("utf-8"))
        except (UnicodeDecodeError, RefcompressError) as error:
            raise reader.corrupt(f"metadata: {error}") from None
        if key <= previous:
            raise reader.corrupt(f"metadata {key.decode()!r} must come after {previous.decode()!r}")
        previous = key
    return found


def checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata as a dict of its own; refuse what a file cannot hold."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise ArgumentTypeError("metadata", f"must be a mapping of strings, not {type(metadata).__name__}")
    for key, value in metadata.items():
        try:
            names.encode(key)
        except RefcompressError as error:
            raise type(error)("metadata", f"a key {error.rule}") from None
        if not isinstance(value, str):
            raise ArgumentTypeError(f"metadata[{key!r}]", f"must be a string, not {type(value).__name__}")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise RefcompressError(f"metadata[{key!r}]", "must not contain surrogates") from None
    return dict(metadata)


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return integer_bytes(len(data)) + data
