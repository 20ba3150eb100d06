"""What the ledgers of zip archives share: the records around the members."""

from collections.abc import Iterator

from ...container import files
from ...ledger import FRAME
from ...models import archive
from ..book import Book

__all__ = ["around", "book_of", "unpacked"]

LOCAL = archive.LOCAL.size
DESCRIPTOR = 0x0008  # a flag: checksum and sizes stand behind the member, too
LONGEST = 24  # bytes of a descriptor: a signature, the checksum, two sizes of 64 bits


def book_of(file: files.Opened) -> Book:
    """Return a book in which the directory and the end of an archive are entered."""
    book = Book(file.path, file.size)
    begin, _, _ = archive.directory(file)
    book.add(begin, file.size, FRAME, "directory")
    return book


def around(book: Book, member: archive.Member, entry: str, limit: int) -> None:
    """Enter what stands before a member, and the descriptor behind it. limit : where the next member begins.

    Writers align the elements by what they put into the extra field: that is padding, but for the sizes in 64 bits.
    """
    head = bytes(member.file.read(member.place, LOCAL))
    *_, letters, extra = archive.LOCAL.unpack(head)
    padding = extra - _wide(bytes(member.file.read(member.start - extra, extra)))
    book.add(member.place, member.start - padding, entry, "member headers")
    book.add(member.start - padding, member.start, entry, "padding")
    end = member.start + member.packed
    if member.flags & DESCRIPTOR and limit > end:
        signed = bytes(member.file.read(end, min(4, limit - end))) == b"PK\7\x08"
        size = limit - end if limit - end <= LONGEST else 16 if signed else 12
        book.add(end, end + size, entry, "member headers")


def _wide(extra: bytes) -> int:
    """Return the bytes of an extra field up to the end of its record of kind 1, where it has one."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = int.from_bytes(extra[at : at + 2], "little"), int.from_bytes(extra[at + 2 : at + 4], "little")
        at += 4 + length
        if kind == 1:
            return min(at, len(extra))
    return 0


def unpacked(member: archive.Member, start: int, nbytes: int, step: int) -> Iterator[bytes]:
    """Yield bytes of a member, unpacked."""
    unpacking = archive.Unpacking(member)
    unpacking.skip(start)
    for at in range(0, nbytes, step):
        yield unpacking.take(min(step, nbytes - at))
