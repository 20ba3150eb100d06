"""Zip archives of strangers: each member is unpacked to the size that the directory declares, and no further.

The zipfile of Python unpacks a member to its end whatever the directory says, and makes objects of ten times the
directory's size before it looks at a member. Here every number is held against the file first, and memory stays in
proportion to what is read: members lie one behind the other, stored or deflated, as every writer of arrays puts them.

**Source** PKWARE, APPNOTE.TXT 6.3, sections 4.3 (records), 4.5.3 (zip64); deflate: RFC 1951.
"""

import struct
import zlib
from collections.abc import Iterator

from ..errors import CorruptError, LimitError

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


class Member:
    """A member: its name, its size unpacked, and :meth:`take` and :meth:`finish` to unpack it."""

    def __init__(self, name: str, size: int, method: int, crc: int, packed: memoryview):
        self.name, self.size = name, size
        self._left, self._crc, self._seen_crc, self._packed = size, crc, 0, packed
        self._stream = zlib.decompressobj(-15) if method == DEFLATED else None

    def take(self, count: int) -> Iterator[bytes | memoryview]:
        """Yield the next ``count`` bytes in pieces of at most STEP; CorruptError where the member ends before them."""
        if count > self._left:
            raise corrupt(f"member {self.name!r} has {self._left} bytes where {count} must follow")
        while count:
            piece = self._unpack(min(count, STEP))
            if not piece:
                raise corrupt(
                    f"member {self.name!r} unpacks to {self.size - self._left} bytes, the directory says {self.size}"
                )
            self._seen_crc = zlib.crc32(piece, self._seen_crc)
            self._left -= len(piece)
            count -= len(piece)
            yield piece

    def finish(self) -> None:
        """Raise CorruptError unless all of the member was taken, nothing is left of it, and its checksum is right."""
        more = self._unpack(1)
        if self._left or more or len(self._packed) or self._stream is not None and not self._stream.eof:
            raise corrupt(f"member {self.name!r} does not end after the {self.size} bytes that the directory says")
        if self._seen_crc != self._crc:
            raise corrupt(f"member {self.name!r} does not have the checksum that the directory says")

    def _unpack(self, most: int) -> bytes | memoryview:
        """Return up to ``most`` bytes, none only at the end."""
        if self._stream is None:
            stored, self._packed = self._packed[:most], self._packed[most:]
            return stored
        try:
            while True:
                fresh = self._packed[: 0 if self._stream.unconsumed_tail or self._stream.eof else STEP]
                self._packed = self._packed[len(fresh) :]
                piece = self._stream.decompress(self._stream.unconsumed_tail or fresh, most)
                if self._stream.unused_data:
                    raise corrupt(f"member {self.name!r} has bytes behind the end of its stream")
                if piece or self._stream.eof or not (self._stream.unconsumed_tail or len(self._packed)):
                    return piece
        except zlib.error as error:
            raise corrupt(f"member {self.name!r} cannot be unpacked: {error}") from None


def members(data: bytes, limit: int) -> Iterator[Member]:
    """Yield the members of an archive in their order.

    limit : the most bytes that all of them may have unpacked, by the directory (LimitError, before anything is
    unpacked).
    Raises CorruptError where the file contradicts its directory or itself: bytes before the first member or behind the
    directory; members that overlap, lie in another order than the directory's, are encrypted, or packed otherwise.
    """
    total = sum(member.size for member in entries(data))
    if total > limit:
        raise LimitError("limit", f"the members have {total} bytes unpacked, the limit is {limit}")
    yield from entries(data)


def entries(data: bytes) -> Iterator[Member]:
    """Yield a Member for each entry of the directory, in one walk over it."""
    view = memoryview(data)
    at, end, count = directory(data)
    begin, free = at, 0  # of the directory; of what no member before has
    for _ in range(count):
        (signature, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length, disk, _, _,
         place) = unpacked(ENTRY, view[:end], at)
        at += ENTRY.size
        name, extra = bytes(view[at : at + name_length]), view[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment_length
        if signature != b"PK\1\2" or at > end or disk:
            raise corrupt("its directory is damaged")
        size, packed, place = wide(extra, size, packed, place)
        text = decoded(name, flags)
        if method not in (STORED, DEFLATED) or flags & ~FLAGS:
            raise corrupt(
                f"member {text!r} is encrypted or packed by another method than deflate (method {method}, "
                f"flags {flags})"
            )
        signature, _, flags_there, method_there, *_, local_name, local_extra = unpacked(LOCAL, view[:begin], place)
        start = place + LOCAL.size + local_name + local_extra
        if (signature, flags_there, method_there) != (b"PK\3\4", flags, method) or view[place + LOCAL.size :][
            :local_name
        ] != name:
            raise corrupt(f"member {text!r} is another one than its directory says")
        if place < free or start + packed > begin or free == 0 and place:
            raise corrupt(f"member {text!r} overlaps what is before or behind it")
        if packed != size if method == STORED else size > DEFLATE_RATIO * packed:
            raise corrupt(f"member {text!r} cannot have {size} bytes in {packed}")
        free = start + packed
        yield Member(text, size, method, crc, view[start:free])
    if at != end:
        raise corrupt("its directory has bytes behind the last entry")


def directory(data: bytes) -> tuple[int, int, int]:
    """Return where the directory begins and ends, and how many entries it has."""
    last = data.rfind(b"PK\5\6", max(0, len(data) - END.size - MAX_COMMENT))
    _, disk, first, here, count, size, begin, comment = unpacked(END, data, max(last, 0))
    if last < 0 or len(data) != last + END.size + comment:
        raise corrupt("it has no directory at its end")
    end = last
    if last >= LOCATOR64.size and data[last - LOCATOR64.size :][:4] == b"PK\6\7":
        _, first, end, disks = unpacked(LOCATOR64, data, last - LOCATOR64.size)
        signature, follows, _, _, disk, _, here, count, size, begin = unpacked(END64, data, end)
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
