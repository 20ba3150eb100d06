"""Entries whose bytes are those of an earlier entry, such as tied weights (FORMAT.md, "Kind 10")."""

from array import array

import numpy as np

from ..formats import ArrayFormat
from .cursor import Reader, integer_bytes
from .kinds import Kind


def reference_bytes(index: int) -> bytes:
    """Return the bytes, after its name, of an entry that is the same as entry ``index``."""
    return bytes([Kind.SAME]) + integer_bytes(index)


class Earlier:
    """The entries read so far: where the bytes of each lie, what they stand for, and which entry had them first."""

    def __init__(self, reader: Reader):
        self.reader = reader
        self.values: list[np.ndarray | ArrayFormat | None] = []  # None for an entry that is the same as another
        self.starts, self.ends, self.decoded = array("q"), array("q"), array("q")
        self.first: dict[int, int] = {}  # hash of an entry's bytes, or a number after it, -> index

    def bytes_of(self, index: int) -> memoryview:
        return memoryview(self.reader.data)[self.starts[index] : self.ends[index]]

    def find(self, index: int) -> int:
        """Return the first entry that has the bytes of entry ``index``, perhaps itself; ask in the order of entries."""
        data = self.bytes_of(index)
        key = hash(data)  # kept in place of the bytes: a view takes five times the memory of an empty array in a file
        while (other := self.first.setdefault(key, index)) != index and self.bytes_of(other) != data:
            key += 1
        return other

    def add(self, value: np.ndarray | ArrayFormat, start: int, decoded: int) -> None:
        """Add an entry that stands in full; refuse it where a writer would refer to an earlier one."""
        index = len(self.values)
        self._append(value, start, decoded)
        other = self.find(index)
        if other != index and len(reference_bytes(other)) < self.ends[index] - start:
            raise self.reader.corrupt(f"has the bytes of entry {other}, where a writer says so")

    def read(self, start: int) -> np.ndarray | ArrayFormat:
        """Return the value of an entry that refers to an earlier one: its frozen format, or a copy of its array."""
        reader, here = self.reader, len(self.values)
        index = reader.integer("header")
        value = self.values[index] if index < here else None
        if value is None:
            raise reader.corrupt(f"entry {index} is not an earlier one with bytes of its own")
        # A second entry may have the same bytes in full: the number of the first took as many. Its own does too.
        if reader.position - start >= self.ends[index] - self.starts[index]:
            raise reader.corrupt(f"takes no fewer bytes as the same as entry {index}")
        reader.promise(self.decoded[index])
        if self.bytes_of(index)[0] == Kind.CONTEXTS:
            reader.contexts.add(reader.entry)  # or a writer would code this entry by itself, as another kind
        self._append(None, start, 0)
        return value.copy() if isinstance(value, np.ndarray) and value.size else value

    def _append(self, value: np.ndarray | ArrayFormat | None, start: int, decoded: int) -> None:
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(self.reader.position)
        self.decoded.append(decoded)
