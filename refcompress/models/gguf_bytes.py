"""Integers and strings of a GGUF file's header; no length in it is believed before the bytes are there."""

from ..container import files
from ..errors import CorruptError, LimitError, RefcompressError

__all__ = ["Cursor", "integer_bytes", "string_bytes"]

WINDOW = 2**18  # bytes read at a time
MAX_HEADER = 2**26  # bytes: three times the largest vocabulary in use


class Cursor:
    """A place in the header of a file, which moves on as it is read."""

    def __init__(self, opened: files.Opened):
        self.at = 0
        self._opened = opened
        self._begin, self._window = 0, b""

    @property
    def left(self) -> int:
        """The bytes from here to the end of the file."""
        return self._opened.size - self.at

    def expect(self, count: int, nbytes: int, announced: str) -> None:
        """Refuse ``count`` things of at least ``nbytes`` bytes each, where the file has not so many bytes left."""
        if count * nbytes > self.left:
            raise CorruptError("path", f"{announced}, at least {count * nbytes} bytes, at byte {self.at}; the file has "
                                       f"{self.left} left")

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        self.skip(count)
        begin = self.at - count - self._begin
        if begin < 0 or begin + count > len(self._window):
            start = self.at - count
            self._window = bytes(self._opened.read(start, min(max(count, WINDOW), self._opened.size - start)))
            self._begin, begin = start, 0
        return self._window[begin : begin + count]

    def skip(self, count: int) -> None:
        """Pass over the next bytes."""
        self.expect(count, 1, f"{count} bytes are announced")
        if self.at + count > MAX_HEADER:
            raise LimitError("path", f"the header must have at most {MAX_HEADER} bytes, it goes on at byte {self.at}")
        self.at += count

    def integer(self, count: int) -> int:
        """Return an unsigned integer of so many bytes, little-endian."""
        return int.from_bytes(self.take(count), "little")

    def string(self, what: str) -> str:
        """Return a string: its length in 8 bytes, and its UTF-8."""
        data = self.take(self.integer(8))
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise CorruptError("path", f"{what} is not UTF-8: {error.reason} at its byte {error.start}") from None

    def skip_string(self) -> None:
        """Pass over a string."""
        self.skip(self.integer(8))


def integer_bytes(value: int, count: int) -> bytes:
    """Return an unsigned integer as it lies in a file."""
    return value.to_bytes(count, "little")


def string_bytes(text: str, argument: str) -> bytes:
    """Return a string as it lies in a file; a surrogate, which has no UTF-8, is refused."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise RefcompressError(argument, "must not contain surrogates") from None
    return integer_bytes(len(data), 8) + data
