"""Bytes and the integers in them: a reader that knows where every byte went, and the integers that both sides write.

The reader is the only way to the bytes of a file. Whoever takes bytes says what they are, so the ledger is complete by
construction: no second count could forget a byte.
"""

from array import array
from typing import NamedTuple

from ..errors import CorruptError, LimitError


class Coding(NamedTuple):
    """How content becomes bytes: the implementation that computes the operations, and the version of the file."""

    implementation: object
    version: int = 5


def integer_bytes(value: int) -> bytes:
    """Return ``value`` in LEB128: seven bits a byte, lowest first, the top bit set on all but the last byte.

    >>> integer_bytes(300).hex()
    'ac02'
    """
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class Reader:
    """A position in the bytes of a file, the account of the bytes taken (if asked for), and the memory promised.

    The bytes are the file, or a part of it; ``begin`` gives it the next part.
    """

    def __init__(self, data: bytes | bytearray | memoryview, end: int, limit: int, coding: Coding,
                 accounts: bool = False):
        self.data = data
        self.base = 0  # where the first byte of data stands in the file
        self.end = end
        self.limit = limit
        self.coding = coding
        self.position = 0
        self.own = False  # whether the bytes were written just now (layer_of)
        self.decoded = 0  # bytes of arrays promised so far
        self.entry = ""  # the entry being read, for the ledger and for messages
        self.contexts: set[str] = set()  # the entries whose bytes are the range coder's
        self.sizes: dict[str, int] = {}  # the bytes of each entry, from its kind on
        self.same = array("q")  # for each entry the number of the earlier one that it is the same as, or its own
        self.metadata: dict[str, str] = {}
        self.bits: dict[tuple[str, str], int] | None = {} if accounts else None  # (entry, kind) -> bits of the file

    def begin(self, data: bytes | bytearray | memoryview, base: int) -> None:
        """Go on with ``data``, which stands in the file from byte ``base`` on."""
        self.data, self.base, self.position, self.end = data, base, 0, len(data)

    @property
    def remaining(self) -> int:
        return self.end - self.position

    def corrupt(self, rule: str) -> CorruptError:
        """Return (not raise) the error that says which entry breaks which rule, and where."""
        entry = f"entry {self.entry!r}, " if self.entry else ""
        return CorruptError("data", f"{entry}byte {self.base + self.position}: {rule}")

    def take(self, count: int, kind: str) -> memoryview:
        """Return the next ``count`` bytes without a copy, and enter them in the account under ``kind``."""
        if count > self.remaining:
            raise self.corrupt(f"{count} bytes of {kind} are announced, {self.remaining} are left")
        self.position += count
        self.account(kind, 8 * count)
        return memoryview(self.data)[self.position - count : self.position]

    def account(self, kind: str, bits: int) -> None:
        """Enter ``bits`` of the current entry under ``kind``, if accounts are kept."""
        if self.bits is None:
            return
        key = self.entry, kind
        self.bits[key] = self.bits.get(key, 0) + bits

    def reassign(self, kind: str, other: str, bits: int) -> None:
        """Move ``bits`` already taken as ``kind`` to another kind of the same entry: padding, fillers."""
        if bits:
            self.account(kind, -bits)
            self.account(other, bits)

    def byte(self, kind: str) -> int:
        """Return the next byte."""
        return self.take(1, kind)[0]

    def integer(self, kind: str) -> int:
        """Return the next LEB128 integer; refuse more bytes than its value needs, and values of 2**63 or more."""
        value = shift = 0
        while True:
            byte = self.byte(kind)
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 56:
                raise self.corrupt("an integer has more than 9 bytes")
        if byte == 0 and shift:
            raise self.corrupt("an integer ends in a byte that it does not need")
        return value

    def bear(self, count: int) -> None:
        """Refuse ``count`` bytes of working memory beyond the limit: memory that no decoded array keeps."""
        if count > self.limit:
            what = f"entry {self.entry!r} takes" if self.entry else "the names and objects of the entries take"
            raise LimitError("limit", f"{what} {count} bytes to decode, the limit is {self.limit}")

    def promise(self, count: int) -> None:
        """Enter ``count`` bytes about to be decoded; refuse them, before they are allocated, beyond the limit."""
        self.decoded += count
        if self.decoded > self.limit:
            raise LimitError("limit", f"entry {self.entry!r} brings the decoded bytes to {self.decoded}, "
                                      f"the limit is {self.limit}")
