"""Blocks of 256 numbers -1, 0 and 1, and a scale.

A byte of TQ1_0 holds five digits of base 3. Read as a fraction, byte / 256 = 0.abcde in base 3, a little more than
that. The first digit is the whole part of three times the fraction; three times the byte, modulo 256, moves the next
one to the front.
"""

import numpy as np

from .bits import half, parts, split


def tq1_0(data: np.ndarray) -> np.ndarray:
    """d * (digit - 1): 32 bytes of five digits, 16 bytes of five, 4 bytes of four"""
    first, second, third, d = parts(data, 32, 16, 4, 2)
    digits = np.concatenate([digits_of(first, 5), digits_of(second, 5), digits_of(third, 4)], axis=1)
    return half(d) * (digits.astype(np.float32) - np.float32(1))


def tq2_0(data: np.ndarray) -> np.ndarray:
    """d * (q - 1), codes of 2 bits; no quantizer makes the code 3, which stands for 2"""
    q, d = parts(data, 64, 2)
    codes = split(q.reshape(-1, 2, 32), 2).reshape(-1, 256)
    return half(d) * (codes.astype(np.float32) - np.float32(1))


def digits_of(data: np.ndarray, count: int) -> np.ndarray:
    """Return the first digits of all bytes, then their second ones, and so on: (blocks, count * bytes)."""
    powers = 3 ** np.arange(count, dtype=np.uint8)[:, None]
    moved = data[:, None, :] * powers  # modulo 256, as it is meant
    return (moved.astype(np.uint16) * 3 >> 8).reshape(len(data), -1)
