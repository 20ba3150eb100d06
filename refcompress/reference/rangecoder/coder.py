"""A range coder for bits: an interval of integers that each bit splits, and the bytes that name a number in it.

A bit with probability p / 65536 of being 1 splits the interval [low, high] at

    middle = low + ((high - low) p >> 16):  [low, middle] is 1, [middle + 1, high] is 0

Encoder and decoder take the same part. A likely bit keeps most of the interval, and costs little. Once low and high
have the same highest byte, no later bit can change it: the encoder writes it, and both go on with the bytes behind it.

What holds between two bits, in both directions:

- 0 <= low < high < 2**32, and their highest bytes differ.
- Therefore low <= middle < high for every p below 65536: neither part is empty, whatever the probabilities are.
- Every number in [low, high] behind the bytes written so far says the same bits.
- In the decoder low <= value <= high, where value is the next four bytes of the data, with zeros behind the last byte.
"""

from ...errors import CorruptError

__all__ = []

HIGHEST = 2**32 - 1  # the interval at first is [0, HIGHEST]


class Encoder:
    """Bits to bytes."""

    def __init__(self):
        self.low, self.high, self.written = 0, HIGHEST, bytearray()

    def put(self, bit: int, p: int) -> None:
        """Take in a bit whose probability of being 1 was p / 65536."""
        middle = self.low + ((self.high - self.low) * p >> 16)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while (self.low ^ self.high) >> 24 == 0:
            self.written.append(self.low >> 24)
            self.low, self.high = self.low << 8 & HIGHEST, self.high << 8 & HIGHEST | 255

    def end(self) -> bytes:
        """Return all bytes."""
        return bytes(self.written) + ending(self.low, self.high)


class Decoder:
    """Bytes to bits. ``dropped`` counts the bytes in which low and high agreed: those that the encoder has written."""

    def __init__(self, data: bytes):
        self.low, self.high, self.data, self.dropped = 0, HIGHEST, data, 0
        self.value = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def get(self, p: int) -> int:
        """Return the next bit, whose probability of being 1 is p / 65536."""
        middle = self.low + ((self.high - self.low) * p >> 16)
        bit = int(self.value <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while (self.low ^ self.high) >> 24 == 0:
            self.low, self.high = self.low << 8 & HIGHEST, self.high << 8 & HIGHEST | 255
            following = self.data[self.dropped + 4] if self.dropped + 4 < len(self.data) else 0
            self.value = self.value << 8 & HIGHEST | following
            self.dropped += 1
        return bit


def ending(low: int, high: int) -> bytes:
    """Return the fewest bytes, of these the lowest, that stand for a number in [low, high] when zeros follow.

    >>> ending(0, HIGHEST), ending(0x8D3E0000, 0x8D3FFFFF), ending(0x12345678, 0x12345679)
    (b'', b'\\x8d>', b'\\x124Vx')
    """
    for count in range(5):
        shift = 32 - 8 * count
        first = -(-low >> shift)
        if first << shift <= high:
            return first.to_bytes(count, "big")
    raise AssertionError("low is above high")


def check_end(data: bytes, dropped: int, low: int, high: int) -> None:
    """Refuse data whose bytes behind the ``dropped`` ones are not those with which the encoder ends."""
    if dropped > len(data) or data[dropped:] != ending(low, high):
        raise CorruptError("data", "does not end as an encoder ends: bytes are missing, left over, or not the lowest")
