"""Reading files: all entries of one, or each when it is asked for."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import accumulate
from typing import Any

from .. import arguments, reference
from ..errors import ArgumentTypeError, CorruptError, LimitError, UnsupportedVersionError
from ..formats import Graph, Plain, same
from . import entries, files, index, older, outlines, plain, sameness
from .cursor import Coding, Reader
from .files import DEFAULT_LIMIT
from .index import MAGIC, VERSION, Index, Section, Source
from .kinds import Kind
from .writer import Layer

KEPT = 2 * index.SECTION  # bytes: a section of at most so many is kept for the next entry


def opened(path: files.Path, limit: int) -> files.Opened:
    """Return the regular file at ``path``, open; refuse one of more bytes than the limit."""
    source = files.Opened(path)
    if source.size > limit:
        source.close()
        raise too_large(source, limit)
    return source


def too_large(source: files.Opened, limit: int) -> LimitError:
    return LimitError("limit", f"{source.path!r} has {source.size} bytes, the limit is {limit}")


def version_of(source: Source) -> int:
    """Return the version of a file, one that this release reads."""
    data = bytes(source.read(0, min(source.size, len(MAGIC) + 1)))
    if not data.startswith(MAGIC):
        hint = ": it went through a transfer in text mode" if data[1:4] == MAGIC[1:4] else ""
        raise CorruptError("data", f"does not start like a file of this format{hint}")
    version = data[len(MAGIC)] if len(data) > len(MAGIC) else VERSION
    if not 1 <= version <= VERSION:
        raise UnsupportedVersionError("data", f"is of version {version}; this release reads versions 1 to {VERSION}")
    return version


def read(
    data: bytes | Source, implementation: object = reference, limit: int = DEFAULT_LIMIT, accounts: bool = False,
    read_entry: Callable[[Reader, int], Any] | None = None,
) -> tuple[dict[str, Any], Reader]:
    """Return the layers and the reader; with ``accounts``, it has the account of every byte (see ledger.py).

    data : the bytes of a file, or an open one, of which one section at a time is in memory
    read_entry : what reads an entry after its kind, if not entries.read: outlines.read returns an outline of the layer
    """
    read_entry = read_entry or entries.read
    limit = arguments.integer(limit, "limit", 0)
    if isinstance(data, bytes | bytearray | memoryview):
        data = files.Held(bytes(data))
    elif not isinstance(data, files.Held | files.Opened):
        raise ArgumentTypeError("data", f"must be bytes, not {type(data).__name__}")
    coding = Coding(implementation, version_of(data))
    if coding.version < index.INDEXED:
        if isinstance(data, files.Opened) and data.size > limit:
            raise too_large(data, limit)
        return older.read(data.read(0, data.size), limit, coding, accounts, read_entry)
    found, reader = index.read(data, limit, coding, accounts)
    earlier = sameness.Earlier(reader)
    layers: dict[str, Layer] = {}
    named = iter(found.sizes.items())
    for section, digest in zip(index.sections(found.sizes.values()), found.digests):
        part = section_bytes(data, section, digest, found)
        alone = section.last == section.first + 1
        reader.begin(part, section.start)
        for _ in range(section.first, section.last):
            reader.entry, size = next(named)
            layers[reader.entry] = _read_entry(reader, earlier, size, digest if alone else None, read_entry)
    reader.entry = ""
    return layers, reader


def section_bytes(source: Source, section: Section, digest: bytes, found: Index) -> bytearray | memoryview:
    """Return the bytes of a section, whose digest must be that of the index."""
    data = source.read(section.start, section.size)
    if hashlib.sha256(data).digest() != digest:
        named = list(found.sizes)[section.first : section.last]
        which = f"entry {named[0]!r}" if len(named) == 1 else f"entries {named[0]!r} to {named[-1]!r}"
        raise CorruptError("data", f"the checksum of {which} does not match: the file was changed")
    return data


def _read_entry(reader: Reader, earlier: sameness.Earlier, size: int, digest: bytes | None, read) -> Any:
    """Return what the next ``size`` bytes stand for; digest : their SHA-256, if it is known."""
    start, decoded = reader.position, reader.decoded
    reader.end = start + size
    kind = reader.byte("header")
    if kind == Kind.SAME:
        value = earlier.read()
    else:
        if kind == Kind.GRAPH:
            earlier.graph()
        value = read(reader, kind)
        digest = digest or hashlib.sha256(memoryview(reader.data)[start : reader.end]).digest()
        earlier.add(value, size, reader.decoded - decoded, digest)
    whole(reader)
    return value


def whole(reader: Reader) -> None:
    """Refuse an entry that has more bytes than it says what for."""
    if reader.remaining:
        raise reader.corrupt(f"{reader.remaining} bytes are left after the last field")


def layer_of(data: bytes | memoryview, *, implementation: object = reference, limit: int = DEFAULT_LIMIT,
             own: bool = False) -> Layer:
    """Return the layer in the bytes of an entry that :func:`refcompress.container.entry_bytes` returned.

    own : whether the caller has just written the bytes, and compares what is returned with what was written. Then it is
    not asked whether a writer would have chosen the same coders, which takes as long as to choose them: it has chosen.

    Raises CorruptError, UnsupportedVersionError and LimitError as loads does, and refuses the same bytes.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ArgumentTypeError("data", f"must be bytes, not {type(data).__name__}")
    reader = Reader(data, len(data), arguments.integer(limit, "limit", 0), Coding(implementation))
    reader.own = own
    return _layer(reader)


def is_read_as(data: bytes | memoryview, layer: Layer, *, implementation: object = reference) -> bool:
    """Return whether the bytes of an entry, which the caller has just written, are read as ``layer``, bit for bit.

    Of a Plain one run is in memory at a time. Raises as :func:`layer_of` does, and asks no more than its ``own``.
    """
    if not isinstance(layer, Plain) or data[0] != Kind.PLAIN:
        return same(layer_of(data, implementation=implementation, own=True), layer)
    reader = Reader(data, len(data), arguments.MAX_SIZE, Coding(implementation))
    reader.own, reader.position = True, 1
    equal = plain.is_read_as(reader, layer)
    whole(reader)
    return equal


def _layer(reader: Reader) -> Layer:
    value = entries.read(reader, reader.byte("header"))
    whole(reader)
    return value


class File(Mapping[str, Layer]):
    """An open file of compressed layers: a mapping of names, whose layers are read when they are asked for.

    Each access reads the entry's section, checks its digest, and decodes this entry alone, once more at each access:
    nothing else is checked then. Three rules need all entries and are those of loads and verify: that entries of the
    same bytes are one, that one entry at most is a graph, and that each section has its digest.
    """

    def __init__(self, source: files.Opened, implementation: object, limit: int):
        self._source, self._limit = source, arguments.integer(limit, "limit", 0)
        self.version = version_of(source)
        self._coding = Coding(implementation, self.version)
        self._layers: dict[str, Layer] | None = None  # of a file of version 1 or 2, all of them
        self._kept: tuple[int, bytearray | memoryview] = -1, bytearray()  # the number and the bytes of a short section
        if self.version < index.INDEXED:
            self._layers, reader = read(source, implementation, limit)
        else:
            self._index, reader = index.read(source, self._limit, self._coding)
        self.metadata, self._sizes, self._same = reader.metadata, reader.sizes, reader.same
        self._names = list(self._sizes)
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._starts = list(accumulate(self._sizes.values(), initial=index.START))
        self._sections = index.sections(self._sizes.values())
        self._firsts = [section.first for section in self._sections]

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return self._source.size

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    def __contains__(self, name: object) -> bool:
        return name in self._sizes

    def __getitem__(self, name: str) -> Layer:
        if self._layers is not None:
            return self._layers[name]
        number = self._original(self._numbers[name])
        reader = self._reader(number)
        reader.entry = self._names[number]
        return _layer(reader)

    @cached_property
    def graph_name(self) -> str | None:
        """The name of the entry that is the graph of a network; None where the file has none.

        The kind of each entry is looked at, a byte each, until one is a graph.
        """
        if self._layers is not None:
            return None  # versions 1 and 2 have no such kind
        return next((name for name, start in zip(self._names, self._starts)
                     if self._source.read(start, 1)[0] == Kind.GRAPH), None)

    @property
    def graph(self) -> Graph | None:
        """The graph of a network; None where the file has none."""
        name = self.graph_name
        value = None if name is None else self[name]
        assert value is None or isinstance(value, Graph)
        return value

    def entry_bytes(self, name: str) -> int:
        """Return how many bytes an entry takes, without its name and its part of the index."""
        return self._sizes[name]

    def outline(self, name: str) -> outlines.Outline:
        """Return what an entry says of itself, with shape and bytes of what it stands for; it is not decoded.

        Its section is read, and its digest checked.
        """
        if self._layers is not None:
            return outlines.of_layer(self._layers[name])
        number = self._original(self._numbers[name])
        reader = self._reader(number)
        found = outlines.read(reader, reader.byte("header"))
        whole(reader)
        return found

    def same_as(self, name: str) -> str | None:
        """Return the name of the earlier entry that an entry is the same as; None for one with bytes of its own."""
        number = self._numbers[name]
        original = self._same[number] if self._layers is not None else self._original(number)
        return None if original == number else self._names[original]

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._source.path!r}, {len(self)} entries, {self.size} bytes>"

    def _reader(self, number: int) -> Reader:
        """Return a reader of the bytes of entry ``number``, whose section has its digest."""
        name, at = self._names[number], bisect_right(self._firsts, number) - 1
        section = self._sections[at]
        kept = self._kept  # of all threads: read once
        if kept[0] == at:
            data = kept[1]
        else:
            if section.size > max(self._limit, KEPT):
                raise LimitError("limit", f"entry {name!r} has {section.size} bytes, the limit is {self._limit}")
            data = section_bytes(self._source, section, self._index.digests[at], self._index)
            if section.size <= KEPT:
                self._kept = at, data
        start = self._starts[number] - section.start
        part = memoryview(data)[start : start + self._sizes[name]]
        reader = Reader(part, len(part), self._limit, self._coding)
        reader.base, reader.entry = self._starts[number], name
        return reader

    def _original(self, number: int) -> int:
        """Return the number of the entry whose bytes stand for entry ``number``, perhaps itself."""
        size = self._sizes[self._names[number]]
        if size > 10:  # a reference has its kind and an integer of at most 9 bytes
            return number
        reader = self._reader(number)
        if reader.byte("header") != Kind.SAME:
            return number
        other = reader.integer("header")
        whole(reader)
        if other >= number or self._sizes[self._names[other]] <= size or self._original(other) != other:
            raise reader.corrupt(f"entry {other} is not an earlier, longer one with bytes of its own")
        return other
