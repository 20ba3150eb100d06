"""Zip archives of strangers: each member is unpacked to the size that the directory declares, and no further.

The zipfile of Python unpacks a member to its end whatever the directory says, and makes objects of ten times the
directory's size before it looks at a member. Here every number is held against the file first, and memory stays in
proportion to what is read: members lie one behind the other, stored or deflated, as every writer of arrays puts them.
The file is read in parts: its directory, then what is asked for of a member.

**Source** PKWARE, APPNOTE.TXT 6.3, sections 4.3 (records), 4.5.3 (zip64); deflate: RFC 1951.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ..container import files
from ..errors import CorruptError

END = struct.Struct(
    "<4s4H2LH"
)  # signature, disk, its first, entries here and in all, bytes and place of the directory, comment
LOCATOR64 = struct.Struct("<4sLQL")  # signature, disk, place of END64, disks
END64 = struct.Struct(
    "<4sQ2H2L4Q"
)  # signature, bytes that follow, versions, disks, entries here and in all, bytes, place
ENTRY = struct.Struct(
    "<4s6H3L5H2L"
)  # versions, flags, method, time, date, CRC, sizes, lengths, disk, attributes, place
LOCAL = struct.Struct("<4s5H3L2H")  # version, flags, method, time, date, CRC, sizes, lengths
STORED, DEFLATED = 0, 8
FLAGS = (
    0x080E  # that change nothing for us: how hard deflate tried, sizes that stand behind the member too, UTF-8 names
)
UTF8 = 0x0800
MAX_COMMENT = 65535
DEFLATE_RATIO = 1032  # the most: 258 bytes for a match of two bits
STEP = 2**16  # bytes unpacked at a time: Ctrl-C is answered between steps


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive, before it is unpacked.

    size : its bytes unpacked. method : STORED or DEFLATED. start, packed : its place in the file, and its bytes there.
    place : where the record before it begins, which has ``flags``.
    """

    file: files.Opened
    name: str
    size: int
    method: int
    crc: int
    start: int
    packed: int
    comment: bytes
    place: int
    flags: int


class Unpacking:
    """What is left to unpack of a member: :meth:`take` and :meth:`fill` unpack on, :meth:`finish` ends it."""

    def __init__(self, member: Member):
        self.member, self.left = member, member.size
        self._at, self._end, self._crc = member.start, member.start + member.packed, 0
        self._stream = zlib.decompressobj(-15) if member.method == DEFLATED else None

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes; CorruptError where the member ends before them."""
        self._announced(count)
        data = bytearray(count)
        self.fill(memoryview(data))
        return bytes(data)

    def fill(self, view: memoryview) -> None:
        """Unpack the next bytes into a view of bytes; CorruptError where the member ends before them."""
        self._announced(len(view))
        while len(view):
            count = self._unpack(view[:STEP])
            if not count:
                raise corrupt(f"member {self.member.name!r} unpacks to {self.member.size - self.left} bytes, "
                              f"the directory says {self.member.size}")
            self._crc = zlib.crc32(view[:count], self._crc)
            self.left -= count
            view = view[count:]

    def skip(self, count: int) -> None:
        """Unpack the next bytes for nobody."""
        self._announced(count)
        scratch = memoryview(bytearray(min(count, STEP)))
        while count:
            self.fill(scratch[:count])
            count -= min(count, STEP)

    def finish(self, checked: bool = True) -> bool:
        """Return whether the checksum is right; raise CorruptError where it is not, unless ``checked`` is False.

        Raises CorruptError too unless all of the member was taken, and nothing is left of it.
        """
        more = self._unpack(memoryview(bytearray(1)))
        if self.left or more or self._at < self._end or self._stream is not None and not self._stream.eof:
            raise corrupt(f"member {self.member.name!r} does not end after the {self.member.size} bytes that the "
                          "directory says")
        if checked and self._crc != self.member.crc:
            raise corrupt(f"member {self.member.name!r} does not have the checksum that the directory says")
        return self._crc == self.member.crc

    def _announced(self, count: int) -> None:
        if count > self.left:
            raise corrupt(f"member {self.member.name!r} has {self.left} bytes where {count} must follow")

    def _packed(self, most: int) -> int:
        """Return how many bytes to read next, and count them as read."""
        count = min(most, self._end - self._at)
        self._at += count
        return count

    def _unpack(self, view: memoryview) -> int:
        """Unpack up to as many bytes as the view has; return how many, 0 only at the end."""
        file, name = self.member.file, self.member.name
        if self._stream is None:
            at = self._at
            count = self._packed(len(view))
            file.fill(at, view[:count])
            return count
        try:
            while True:
                at = self._at
                fresh = file.read(at, self._packed(0 if self._stream.unconsumed_tail or self._stream.eof else STEP))
                piece = self._stream.decompress(self._stream.unconsumed_tail or fresh, len(view))
                if self._stream.unused_data:
                    raise corrupt(f"member {name!r} has bytes behind the end of its stream")
                if piece or self._stream.eof or not (self._stream.unconsumed_tail or self._at < self._end):
                    view[: len(piece)] = piece
                    return len(piece)
        except zlib.error as error:
            raise corrupt(f"member {name!r} cannot be unpacked: {error}") from None


def members(file: files.Opened) -> Iterator[Member]:
    """Yield the members of an archive in their order, in one walk over its directory.

    Raises CorruptError where the file contradicts its directory or itself: bytes before the first member or behind the
    directory; members that overlap, lie in another order than the directory's, are encrypted, or packed otherwise.
    """
    begin, end, count = directory(file)
    view = memoryview(file.read(begin, end - begin))
    at = free = 0  # of the directory; of the file, what no member before has
    for _ in range(count):
        (signature, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length, disk, _, _,
         place) = unpacked(ENTRY, view, at)
        at += ENTRY.size
        name, extra = bytes(view[at : at + name_length]), view[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment_length
        if signature != b"PK\1\2" or at > len(view) or disk:
            raise corrupt("its directory is damaged")
        comment = bytes(view[at - comment_length : at])
        size, packed, place = wide(extra, size, packed, place)
        text = decoded(name, flags)
        if method not in (STORED, DEFLATED) or flags & ~FLAGS:
            raise corrupt(
                f"member {text!r} is encrypted or packed by another method than deflate (method {method}, "
                f"flags {flags})"
            )
        if place + LOCAL.size > begin:
            raise corrupt("it is cut off, or its directory is damaged")
        head = file.read(place, min(LOCAL.size + len(name), begin - place))
        signature, _, flags_there, method_there, *_, local_name, local_extra = LOCAL.unpack_from(head)
        start = place + LOCAL.size + local_name + local_extra
        if (signature, flags_there, method_there) != (b"PK\3\4", flags, method) or local_name != len(name) \
                or head[LOCAL.size :] != name:
            raise corrupt(f"member {text!r} is another one than its directory says")
        if place < free or start + packed > begin or free == 0 and place:
            raise corrupt(f"member {text!r} overlaps what is before or behind it")
        if packed != size if method == STORED else size > DEFLATE_RATIO * packed:
            raise corrupt(f"member {text!r} cannot have {size} bytes in {packed}")
        free = start + packed
        yield Member(file, text, size, method, crc, start, packed, comment, place, flags)
    if at != len(view):
        raise corrupt("its directory has bytes behind the last entry")


def directory(file: files.Opened) -> tuple[int, int, int]:
    """Return where the directory begins and ends, and how many entries it has."""
    tail = max(0, file.size - END.size - MAX_COMMENT)
    data = file.read(tail, file.size - tail)
    last = data.rfind(b"PK\5\6")
    _, disk, first, here, count, size, begin, comment = unpacked(END, data, max(last, 0))
    if last < 0 or len(data) != last + END.size + comment:
        raise corrupt("it has no directory at its end")
    end = last = tail + last
    if last >= LOCATOR64.size and (locator := file.read(last - LOCATOR64.size, LOCATOR64.size))[:4] == b"PK\6\7":
        _, first, end, disks = LOCATOR64.unpack(locator)
        record = file.read(end, min(END64.size, max(0, file.size - end)))
        signature, follows, _, _, disk, _, here, count, size, begin = unpacked(END64, record, 0)
        if signature != b"PK\6\6" or disks != 1 or end + 12 + follows != last - LOCATOR64.size:
            raise corrupt("its directory is damaged")
    if disk or first or here != count or begin + size != end or count * ENTRY.size > size:
        raise corrupt("its directory is damaged, or bytes stand before it that do not belong to the archive")
    return begin, end, count


def wide(extra: memoryview, *numbers: int) -> list[int]:
    """Return size, packed size and place: each that has all bits set stands in 64 bits in the extra field of kind 1."""
    found = list(numbers)
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == 1:
            for i, number in enumerate(numbers):
                if number == 2**32 - 1:
                    (found[i],) = unpacked(struct.Struct("<Q"), field, 0)
                    field = field[8:]
            break
    return found


def decoded(name: bytes, flags: int) -> str:
    try:
        return name.decode("utf-8" if flags & UTF8 else "cp437")
    except UnicodeDecodeError:
        raise corrupt(f"member {name!r} has a name that is not UTF-8") from None


def unpacked(record: struct.Struct, data, at: int) -> tuple:
    if not 0 <= at <= len(data) - record.size:
        raise corrupt("it is cut off, or its directory is damaged")
    return record.unpack_from(data, at)


def corrupt(rule: str) -> CorruptError:
    return CorruptError("path", f"is not a readable zip archive: {rule}" if rule.startswith("it") else f"{rule}")
