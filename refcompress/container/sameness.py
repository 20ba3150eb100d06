"""Entries whose bytes are those of an earlier entry, such as tied weights (FORMAT.md, "Kind 10").

Bytes are compared by their SHA-256: an earlier entry need not be in memory any more.
"""

from array import array

import numpy as np

from ..formats import ArrayFormat
from .cursor import Reader, integer_bytes
from .kinds import Kind


def reference_bytes(index: int) -> bytes:
    """Return the bytes of an entry that is the same as entry ``index``."""
    return bytes([Kind.SAME]) + integer_bytes(index)


class Earlier:
    """The entries read so far: the size of each, what it stands for, and which entry had its bytes first."""

    def __init__(self, reader: Reader):
        self.reader = reader
        self.values: list[np.ndarray | ArrayFormat | None] = []  # None for an entry that is the same as another
        self.sizes, self.decoded = array("q"), array("q")
        self.first: dict[int, int] = {}  # the first bytes of the SHA-256 of an entry's bytes -> index
        self.by_contexts: set[int] = set()
        self.the_graph = -1  # the number of the entry that is the graph

    def add(self, value: np.ndarray | ArrayFormat, size: int, decoded: int, digest: bytes) -> None:
        """Add an entry that stands in full; refuse it where a writer would refer to an earlier one."""
        index = len(self.values)
        # Eight bytes of it take less memory. Who makes two entries that agree in them has a file that nobody reads.
        other = self.first.setdefault(int.from_bytes(digest[:8], "little"), index)
        if other != index and len(reference_bytes(other)) < size:
            raise self.reader.corrupt(f"has the bytes of entry {other}, where a writer says so")
        if self.reader.entry in self.reader.contexts:
            self.by_contexts.add(index)
        self._append(value, size, decoded, index)

    def graph(self) -> None:
        """Take down that the entry that comes is the graph; refuse a second one."""
        if self.the_graph >= 0:
            raise self.reader.corrupt(f"is a graph, and entry {self.the_graph} is one: a file has one graph")
        self.the_graph = len(self.values)

    def read(self) -> np.ndarray | ArrayFormat:
        """Return the value of an entry that refers to an earlier one: its frozen format, or a copy of its array."""
        reader, here = self.reader, len(self.values)
        index = reader.integer("header")
        value = self.values[index] if index < here else None
        if value is None:
            raise reader.corrupt(f"entry {index} is not an earlier one with bytes of its own")
        if index == self.the_graph:
            raise reader.corrupt(f"is the same as the graph, entry {index}: a file has one graph")
        # A second entry may have the same bytes in full: the number of the first took as many. Its own does too.
        size = len(reference_bytes(index))
        if size >= self.sizes[index]:
            raise reader.corrupt(f"takes no fewer bytes as the same as entry {index}")
        reader.promise(self.decoded[index])
        if index in self.by_contexts:
            reader.contexts.add(reader.entry)  # or a writer would code this entry by itself, as another kind
        self._append(None, size, 0, index)
        return value.copy() if isinstance(value, np.ndarray) and value.size else value

    def _append(self, value: np.ndarray | ArrayFormat | None, size: int, decoded: int, same: int) -> None:
        self.reader.same.append(same)
        self.values.append(value)
        self.sizes.append(size)
        self.decoded.append(decoded)
