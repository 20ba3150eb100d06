"""A file of Protocol Buffers written again with some of its bytes replaced; all others stay as they are.

The length of a message stands before it. Where a message grows or shrinks, the lengths of all messages around it change
too, and nothing else.
"""

import tempfile
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from .protobuf import Message, Walker, varint

STEP = 2**24  # bytes copied at a time: Ctrl-C is answered between steps


class Spooled(NamedTuple):
    """Bytes that wait in a Spool."""

    start: int
    size: int


Piece = bytes | Spooled


def size_of(pieces: Iterable[Piece]) -> int:
    """Return the bytes of all pieces."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces)


class Spool:
    """Bytes on the disk, in the folder of the file that they will be part of; they vanish with the program."""

    def __init__(self, folder: str):
        self.file = tempfile.TemporaryFile(dir=folder)
        self._size = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *error) -> None:
        self.file.close()

    def keep(self, data) -> Spooled:
        self.file.write(data)
        kept = Spooled(self._size, memoryview(data).nbytes)
        self._size += kept.size
        return kept

    def copy(self, piece: Spooled, out: BinaryIO) -> None:
        self.file.seek(piece.start)
        for done in range(0, piece.size, STEP):
            out.write(self.file.read(min(STEP, piece.size - done)))


class Edit(NamedTuple):
    """Pieces that replace the bytes from ``start`` to ``end``, which lie in ``message`` and in no message inside it."""

    message: Message
    start: int
    end: int
    pieces: list[Piece]

    @property
    def size(self) -> int:
        return size_of(self.pieces)


def edited(edits: Iterable[Edit], size: int) -> tuple[list[Edit], int]:
    """Return the edits with those of the lengths of all messages around them, in order, and the size of the new file.

    A message whose length stays keeps its length as it was written. Edits must not overlap.
    """
    edits = list(edits)
    growth: dict[Message, int] = {}
    for edit in edits:
        growth[edit.message] = growth.get(edit.message, 0) + edit.size - (edit.end - edit.start)
        outer = edit.message.parent
        while outer is not None and outer not in growth:
            growth[outer], outer = 0, outer.parent
    for message in sorted(growth, key=lambda message: -message.depth):
        if message.parent is not None and growth[message]:
            length = varint(message.end - message.start + growth[message])
            edits.append(Edit(message.parent, message.prefix, message.start, [length]))
            growth[message.parent] += growth[message] + len(length) - (message.start - message.prefix)
    grown = sum(amount for message, amount in growth.items() if message.parent is None)
    return sorted(edits, key=lambda edit: edit[1:3]), size + grown  # a stable sort: insertions stay in their order


def write_edited(walker: Walker, edits: list[Edit], spool: Spool, out: BinaryIO) -> None:
    """Write the file again, with what ``edited`` returned."""
    at = 0
    for edit in [*edits, Edit(walker.whole, walker.whole.end, walker.whole.end, [])]:
        for start in range(at, edit.start, STEP):
            out.write(walker.opened.read(start, min(STEP, edit.start - start)))
        for piece in edit.pieces:
            if isinstance(piece, bytes):
                out.write(piece)
            else:
                spool.copy(piece, out)
        at = edit.end
