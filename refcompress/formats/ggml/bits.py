"""How bytes are split into fields.

The letters of the types are ggml's: d is the scale, m or dmin the offset or its scale, q the codes, l and h their low
and high bits.
"""

import numpy as np


def split(data: np.ndarray, bits: int) -> np.ndarray:
    """Return the fields of 1, 2 or 4 bits of each byte: (..., bytes) becomes (..., 8 / bits, bytes), low bits first.

    Numbers that are neighbours in a block lie in the same field of neighbouring bytes.
    """
    shifts = np.arange(0, 8, bits, dtype=np.uint8)[:, None]
    return data[..., None, :] >> shifts & np.uint8(2**bits - 1)


def interleaved(data: np.ndarray, bits: int) -> np.ndarray:
    """Return the fields of each byte as neighbours: (blocks, bytes) becomes (blocks, bytes * 8 / bits)."""
    return split(data, bits).swapaxes(-1, -2).reshape(len(data), -1)


def half(data: np.ndarray) -> np.ndarray:
    """Return the float16 in each row of two bytes as float32: (blocks, 2) becomes (blocks, 1)."""
    return data.view("<f2").astype(np.float32)


def signed(data: np.ndarray) -> np.ndarray:
    """Return bytes as the integers of two's complement."""
    return data.view(np.int8).astype(np.float32)


def parts(data: np.ndarray, *sizes: int) -> list[np.ndarray]:
    """Return the columns of ``data`` in runs of these sizes, one after the other."""
    return np.split(data, np.cumsum(sizes)[:-1], axis=1)
