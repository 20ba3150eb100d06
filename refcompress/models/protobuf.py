"""The wire format of Protocol Buffers: the fields of a message, one after the other.

A message is a sequence of fields. A field is a key and a value. The key is a varint: eight times the number of the
field, plus the wire type, which says how the value is stored. Nothing here knows the meaning of a field, and a field
that its caller does not know is stepped over: the value of gigabytes as fast as that of one byte.

**Source** Protocol Buffers Documentation, "Encoding".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..container.files import Opened
from ..errors import CorruptError, LimitError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
WIDTHS = {FIXED64: 8, FIXED32: 4}
WINDOW = 2**16  # bytes read at a time to look for fields
STEP = 2**20  # bytes of varints decoded at a time: NumPy needs some 30 times as many


class Field(NamedTuple):
    """A field, by places in the file: its key begins at ``tag``, its value takes ``start`` to ``end``.

    value : of a varint the number, 0 to 2**64 - 1. prefix : where the length begins that stands before bytes.
    """

    number: int
    wire: int
    value: int
    tag: int
    prefix: int
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Message:
    """A message inside of another one: the whole file has no ``parent``. Places are as in Field."""

    parent: "Message | None"
    prefix: int
    start: int
    end: int
    depth: int = 0


class Walker:
    """The fields of the messages of one file, which is read a window at a time."""

    def __init__(self, opened: Opened):
        self.opened = opened
        self.whole = Message(None, 0, 0, opened.size)
        self._window, self._from = bytearray(), 0

    def corrupt(self, rule: str) -> CorruptError:
        return CorruptError("path", f"{self.opened.path!r} {rule}")

    def fields(self, message: Message) -> Iterator[Field]:
        """Yield the fields of a message in their order; CorruptError where its bytes are none."""
        at, end = message.start, message.end
        while at < end:
            tag = at
            key, at = self.varint(at, end)
            number, wire, prefix, value = key >> 3, key & 7, at, 0
            if not 1 <= number < 2**29:
                raise self.corrupt(f"has a field of number {number} at byte {tag}: 1 to 2**29 - 1 are allowed")
            if wire == VARINT:
                value, stop = self.varint(at, end)
            elif wire == BYTES:
                size, at = self.varint(at, end)
                stop = at + size
            elif wire in WIDTHS:
                stop = at + WIDTHS[wire]
            else:
                raise self.corrupt(f"has a field of wire type {wire} at byte {tag}, which no model has (3 and 4 are "
                                   "groups, 6 and 7 mean nothing)")
            if stop > end:
                raise self.corrupt(f"has a field at byte {tag} that announces {stop - at} bytes, {end - at} are left")
            yield Field(number, wire, value, tag, prefix, at, stop)
            at = stop

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """Return the varint at ``at`` and the place behind it: seven bits a byte, the lowest first."""
        value = 0
        for i in range(10):
            if at + i >= end:
                raise self.corrupt(f"ends inside of the number at byte {at}")
            byte = self._byte(at + i)
            value |= (byte & 127) << 7 * i
            if byte < 128:
                if value >= 2**64:
                    break
                return value, at + i + 1
        raise self.corrupt(f"has a number at byte {at} that 64 bits do not hold")

    def _byte(self, at: int) -> int:
        if not self._from <= at < self._from + len(self._window):
            self._window, self._from = self.opened.read(at, min(WINDOW, self.opened.size - at)), at
        return self._window[at - self._from]

    def bytes(self, field: Field, what: str, most: int = WINDOW) -> bytes:
        """Return the value of a field of bytes; LimitError where it has more than ``most``."""
        self.expect(field, what, BYTES)
        if field.end - field.start > most:
            raise LimitError("path", f"{self.opened.path!r} has {what} of {field.end - field.start} bytes at byte "
                                     f"{field.start}, the limit is {most}")
        return bytes(self.opened.read(field.start, field.end - field.start))

    def inside(self, message: Message, field: Field, what: str) -> Message:
        """Return the message that a field of ``message`` holds."""
        self.expect(field, what, BYTES)
        return Message(message, field.prefix, field.start, field.end, message.depth + 1)

    def text(self, field: Field, what: str, most: int = WINDOW) -> str:
        try:
            return self.bytes(field, what, most).decode()
        except UnicodeDecodeError:
            raise self.corrupt(f"has {what} at byte {field.start} that is not UTF-8") from None

    def expect(self, field: Field, what: str, *wires: int) -> None:
        """Raise CorruptError unless the field has one of these wire types."""
        if field.wire not in wires:
            raise self.corrupt(f"has {what} of wire type {field.wire} at byte {field.tag}")

    def numbers(self, parts: Iterable[Field], count: int, what: str) -> np.ndarray:
        """Return exactly ``count`` varints, uint64, that lie in fields: many in one of bytes, or one in each.

        Raises CorruptError for another count, before more than 8 bytes for each byte of the file were allocated.
        """
        numbers, done = np.empty(count, np.uint64), 0
        for field in parts:
            if field.wire == VARINT:
                if done == count:
                    raise self.corrupt(f"has more than {count} {what}")
                numbers[done] = field.value
                done += 1
                continue
            at = field.start
            while at < field.end:
                piece = np.frombuffer(self.opened.read(at, min(STEP, field.end - at)), np.uint8)
                ends = np.flatnonzero(piece < 128)
                if not len(ends) or done + len(ends) > count:
                    raise self.corrupt(f"has {what} at byte {at} that are cut off, or more than {count}")
                numbers[done : done + len(ends)] = self._decoded(piece, ends, what)
                done += len(ends)
                at += int(ends[-1]) + 1
        if done != count:
            raise self.corrupt(f"has {done} {what} where {count} are announced")
        return numbers

    def _decoded(self, piece: np.ndarray, ends: np.ndarray, what: str) -> np.ndarray:
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts + 1
        longest = int(lengths.max())
        if longest > 10 or np.any(piece[ends[lengths == 10]] > 1):
            raise self.corrupt(f"has {what} that 64 bits do not hold")
        numbers = np.zeros(len(ends), np.uint64)
        for i in range(longest):
            longer = lengths > i
            numbers[longer] |= (piece[starts[longer] + i].astype(np.uint64) & np.uint64(127)) << np.uint64(7 * i)
        return numbers


def varint(value: int) -> bytes:
    """Return the shortest varint of a number from 0 to 2**64 - 1."""
    digits = bytearray()
    while value >= 128:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def integer(number: int, value: int) -> bytes:
    """Return a field that is a varint; a negative number is stored as in 64 bits of two's complement."""
    return varint(number << 3 | VARINT) + varint(value % 2**64)


def header(number: int, size: int) -> bytes:
    """Return what stands before the value of a field of so many bytes."""
    return varint(number << 3 | BYTES) + varint(size)


def block(number: int, value: bytes) -> bytes:
    """Return a field of bytes: a text, or a message."""
    return header(number, len(value)) + value
