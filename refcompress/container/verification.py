"""Verification: each entry decoded by several implementations, compared, and written again, one entry in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .. import agreement, arguments, reference
from ..errors import RefcompressError
from . import entries, files, index, older, outlines, reading
from .cursor import Coding, Reader
from .writer import Layer

__all__ = ["Verified", "verified"]


@dataclass
class Verified:
    """What was found. entries : how many the file has.

    differs : the number of an implementation -> what it first decodes otherwise than the reference, or refuses alone.
    others : the numbers of those that write an entry in other bytes; -1 is the reference.
    """

    entries: int = 0
    differs: dict[int, str] = field(default_factory=dict)
    others: set[int] = field(default_factory=set)


def verified(source: files.Opened, spaces: Sequence[object], limit: int,
             progress: Callable[[int, int], object] | None = None) -> Verified:
    """Decode a file by the reference and by ``spaces``; compare; write what was decoded again.

    limit : the most bytes that an entry may decode to; of a file of version 1 or 2, which is in memory as a whole, all
    entries together. What no entry alone shows is checked too: that each section has its digest, that entries of the
    same bytes are one, and that the index is as it is written. Raises what the reference raises where it refuses the
    file. progress : called with the bytes of a file of version 3 to 5 that are done, and all of them.
    """
    found = Verified()
    if reading.version_of(source) < index.INDEXED:
        return _of_older(source, spaces, limit, found)

    def check(reader: Reader, kind: int) -> outlines.Outline:
        data = memoryview(reader.data)[reader.position - 1 : reader.end]
        expected, contexts = _decoded(data, reader, reference, limit)
        for number, space in enumerate(spaces):
            try:
                agreement.exactly({reader.entry: expected}, {reader.entry: _decoded(data, reader, space, limit)[0]})
            except (agreement.Disagreement, RefcompressError) as error:  # what only one refuses differs too
                found.differs.setdefault(number, str(error))
        for number, space in enumerate((reference, *spaces), -1):
            if entries.write(expected, Coding(space, reader.coding.version), contexts) != data:
                found.others.add(number)
        if contexts:
            reader.contexts.add(reader.entry)
        reader.position = reader.end
        if progress is not None:
            progress(reader.base + reader.end, source.size)
        return outlines.of_layer(expected)

    layers, reader = reading.read(source, reference, arguments.MAX_SIZE, read_entry=check)
    found.entries = len(layers)
    start = index.START + sum(reader.sizes.values())
    digests = index.read(source, arguments.MAX_SIZE, reader.coding)[0].digests
    written = index.Index(reader.sizes, digests, reader.metadata).tobytes(reader.coding.version)
    if written != source.read(start, source.size - start):
        found.others |= set(range(-1, len(spaces)))
    return found


def _decoded(data: memoryview, reader: Reader, space: object, limit: int) -> tuple[Layer, bool]:
    """Return what an implementation decodes an entry to, and whether it is coded by contexts."""
    part = Reader(data, len(data), limit, Coding(space, reader.coding.version))
    part.base, part.entry = reader.base + reader.position - 1, reader.entry
    value = entries.read(part, part.byte("header"))
    reading.whole(part)
    return value, reader.entry in part.contexts


def _of_older(source: files.Opened, spaces: Sequence[object], limit: int, found: Verified) -> Verified:
    if source.size > limit:
        raise reading.too_large(source, limit)
    data = bytes(source.read(0, source.size))
    expected, reader = reading.read(data, reference, limit)
    found.entries = len(expected)
    for number, space in enumerate(spaces):
        try:
            agreement.exactly(expected, reading.read(data, space, limit)[0])
        except (agreement.Disagreement, RefcompressError) as error:
            found.differs[number] = str(error)
    for number, space in enumerate((reference, *spaces), -1):
        if older.write(expected, Coding(space, reader.coding.version), reader.contexts) != data:
            found.others.add(number)
    return found
