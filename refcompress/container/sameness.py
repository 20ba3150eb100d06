"""Entries whose bytes are those of an earlier entry, such as tied weights (FORMAT.md, "Kind 10")."""

from array import array

import numpy as np

from .cursor import Reader, integer_bytes
from .entries import CONTEXTS

SAME = 10


def reference_bytes(index: int) -> bytes:
    """Return the bytes, after its name, of an entry that is the same as entry ``index``."""
    return bytes([SAME]) + integer_bytes(index)


class Earlier:
    """What was read so far: where the bytes of each entry lie, what they stand for, and which entry had them first."""

    def __init__(self, reader: Reader):
        self.reader = reader
        self.values: list = []  # None for an entry that is the same as another
        self.starts, self.ends, self.decoded = array("q"), array("q"), array("q")
        self.first: dict[int, int] = {}  # hash of an entry's bytes, or a number after it, -> index

    def bytes_of(self, index: int) -> memoryview:
        return memoryview(self.reader.data)[self.starts[index] : self.ends[index]]

    def find(self, index: int) -> int:
        """Return the first entry that has the bytes of entry ``index``, perhaps itself; entries are asked in their order."""
        data = self.bytes_of(index)
        key = hash(data)  # kept instead of the bytes: a view of them takes five times as much as an empty array in a file
        while (other := self.first.setdefault(key, index)) != index and self.bytes_of(other) != data:
            key += 1
        return other

    def add(self, value, start: int, decoded: int) -> None:
        """Take in an entry that was read in full; refuse one that a writer would have written as the same as an earlier one."""
        index = len(self.values)
        self._append(value, start, decoded)
        other = self.find(index)
        if other != index and len(reference_bytes(other)) < self.ends[index] - start:
            raise self.reader.corrupt(f"has the bytes of entry {other}, where a writer says so")

    def read(self, start: int):
        """Return what an entry that is the same as an earlier one stands for: its frozen format, or a copy of its array."""
        reader, here = self.reader, len(self.values)
        index = reader.integer("header")
        if index >= here or self.values[index] is None:
            raise reader.corrupt(f"entry {index} is not an earlier one with bytes of its own")
        # Where a second entry has the same bytes in full, to name the first took no fewer bytes, nor does it to name the second.
        if reader.position - start >= self.ends[index] - self.starts[index]:
            raise reader.corrupt(f"takes no fewer bytes as the same as entry {index}")
        reader.promise(self.decoded[index])
        if self.bytes_of(index)[0] == CONTEXTS:
            reader.contexts.add(reader.entry)  # without, a writer would take this entry's own bytes, of another kind
        value = self.values[index]
        self._append(None, start, 0)
        return value.copy() if isinstance(value, np.ndarray) and value.size else value

    def _append(self, value, start: int, decoded: int) -> None:
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(self.reader.position)
        self.decoded.append(decoded)
