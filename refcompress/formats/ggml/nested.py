"""Blocks of 256 whose scales are quantized again: the K types.

A block is cut into runs of 16 or 32 numbers. Each run has a scale, an integer of 4, 6 or 8 bits, and in some types an
offset too. A float16 of the block, d, is the unit of its scales; another one, dmin, is that of its offsets.
"""

import numpy as np

from .bits import half, parts, signed, split


def q2_k(data: np.ndarray) -> np.ndarray:
    """d * scale * q - dmin * offset, runs of 16: scale in the low half of a byte, offset in the high half"""
    scales, q, d, dmin = parts(data, 16, 64, 2, 2)
    scale, offset = split(scales, 4).swapaxes(0, 1)
    codes = split(q.reshape(-1, 2, 32), 2)
    return scaled(half(d) * scale, codes) - repeated(half(dmin) * offset)


def q3_k(data: np.ndarray) -> np.ndarray:
    """d * (scale - 32) * (q - 4), runs of 16

    Of the scales the low 4 bits come first, those of run r and r + 8 in a byte, and then the high 2 bits, those of runs
    r, r + 4, r + 8 and r + 12 in a byte. Of the codes it is the high bits that come first.
    """
    qh, ql, low, high, d = parts(data, 32, 64, 8, 4, 2)
    scale = split(low, 4).reshape(-1, 16) | split(high, 2).reshape(-1, 16) << 4
    codes = split(ql.reshape(-1, 2, 32), 2).reshape(-1, 256) | split(qh, 1).reshape(-1, 256) << 2
    return scaled(half(d) * (scale.astype(np.float32) - np.float32(32)), codes.astype(np.float32) - np.float32(4))


def q4_k(data: np.ndarray) -> np.ndarray:
    """d * scale * q - dmin * offset, runs of 32"""
    d, dmin, scales, q = parts(data, 2, 2, 12, 128)
    scale, offset = scales_and_offsets(scales)
    codes = split(q.reshape(-1, 4, 32), 4)
    return scaled(half(d) * scale, codes) - repeated(half(dmin) * offset)


def q5_k(data: np.ndarray) -> np.ndarray:
    """d * scale * q - dmin * offset, runs of 32: bit r of byte j holds the fifth bit of number j of run r"""
    d, dmin, scales, qh, ql = parts(data, 2, 2, 12, 32, 128)
    scale, offset = scales_and_offsets(scales)
    codes = split(ql.reshape(-1, 4, 32), 4).reshape(-1, 256) | split(qh, 1).reshape(-1, 256) << 4
    return scaled(half(d) * scale, codes) - repeated(half(dmin) * offset)


def q6_k(data: np.ndarray) -> np.ndarray:
    """d * scale * (q - 32), runs of 16, scales of 8 bits with a sign"""
    ql, qh, scales, d = parts(data, 128, 64, 16, 2)
    codes = split(ql.reshape(-1, 2, 64), 4).reshape(-1, 256) | split(qh.reshape(-1, 2, 32), 2).reshape(-1, 256) << 4
    return scaled(half(d) * signed(scales), codes.astype(np.float32) - np.float32(32))


def scales_and_offsets(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 8 scales and 8 offsets of 6 bits from 12 bytes.

    Bytes 0 to 3 hold scales 0 to 3 and bytes 4 to 7 offsets 0 to 3, each in the low 6 bits. Bytes 8 to 11 hold the low
    halves of scales 4 to 7 (low) and of offsets 4 to 7 (high). Their high 2 bits are those that bytes 0 to 7 left free.
    """
    first_scales, first_offsets, last = parts(data, 4, 4, 4)
    last_scales, last_offsets = split(last, 4).swapaxes(0, 1)
    scale = np.concatenate([first_scales & 63, last_scales | first_scales >> 6 << 4], axis=1)
    offset = np.concatenate([first_offsets & 63, last_offsets | first_offsets >> 6 << 4], axis=1)
    return scale, offset


def scaled(scale: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the codes times the scale of their run, (blocks, 256)."""
    runs = scale.shape[1]
    return (scale[:, :, None] * codes.reshape(-1, runs, 256 // runs)).reshape(-1, 256)


def repeated(offset: np.ndarray) -> np.ndarray:
    """Return the offset of its run for each number, (blocks, 256)."""
    return np.repeat(offset, 256 // offset.shape[1], axis=1)
