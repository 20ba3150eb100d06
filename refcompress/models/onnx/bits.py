"""Elements of fewer than 8 bits: side by side as ONNX packs them, or each in a byte of its own.

The first element takes the lowest bits of the first byte. Bits that the last element leaves over are 0.
"""

import math

import numpy as np

STEP = 2**20  # elements at a time, a multiple of 8: NumPy's single bits take a byte each


def count(shape: tuple[int, ...]) -> int:
    """Return the number of elements."""
    return math.prod(shape)


def unpacked(data: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Return ``count`` elements, uint8, of uint8 ``data``; what follows the last one is passed over."""
    patterns = np.empty(count, np.uint8)
    for start in range(0, count, STEP):
        size = min(STEP, count - start)
        part = data[start * bits // 8 : -(-(start + size) * bits // 8)]
        single = np.unpackbits(part, count=size * bits, bitorder="little").reshape(size, bits)
        patterns[start : start + size] = np.packbits(single, axis=1, bitorder="little")[:, 0]
    return patterns


def packed(patterns: np.ndarray, bits: int) -> np.ndarray:
    """Return the bytes of elements; the inverse of :func:`unpacked`."""
    patterns = patterns.reshape(-1)
    data = np.empty(-(-patterns.size * bits // 8), np.uint8)
    for start in range(0, patterns.size, STEP):
        part = patterns[start : start + STEP]
        single = np.unpackbits(part[:, None], axis=1, count=bits, bitorder="little")
        data[start * bits // 8 : -(-(start + part.size) * bits // 8)] = np.packbits(single, bitorder="little")
    return data
