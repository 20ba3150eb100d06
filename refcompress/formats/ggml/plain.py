"""Blocks of 32 integers and a scale.

Byte j of the codes of 4 bits holds number j in its low half and number j + 16 in its high half. The fifth bit of number
j is bit j of four bytes, from the lowest of the first one on.
"""

import numpy as np

from .bits import half, parts, signed, split


def q4_0(data: np.ndarray) -> np.ndarray:
    """d * (q - 8)"""
    d, q = parts(data, 2, 16)
    return half(d) * (codes(q) - np.float32(8))


def q4_1(data: np.ndarray) -> np.ndarray:
    """d * q + m"""
    d, m, q = parts(data, 2, 2, 16)
    return half(d) * codes(q) + half(m)


def q5_0(data: np.ndarray) -> np.ndarray:
    """d * (q - 16)"""
    d, qh, ql = parts(data, 2, 4, 16)
    return half(d) * (codes(ql) + fifth_bits(qh) - np.float32(16))


def q5_1(data: np.ndarray) -> np.ndarray:
    """d * q + m"""
    d, m, qh, ql = parts(data, 2, 2, 4, 16)
    return half(d) * (codes(ql) + fifth_bits(qh)) + half(m)


def q8_0(data: np.ndarray) -> np.ndarray:
    """d * q"""
    d, q = parts(data, 2, 32)
    return half(d) * signed(q)


def codes(q: np.ndarray) -> np.ndarray:
    """Return the 32 codes of 4 bits in 16 bytes."""
    return split(q, 4).reshape(len(q), 32).astype(np.float32)


def fifth_bits(qh: np.ndarray) -> np.ndarray:
    """Return 16 for each bit that is 1, 0 for the others: (blocks, 4) becomes (blocks, 32)."""
    return np.unpackbits(qh, axis=1, bitorder="little").astype(np.float32) * 16
