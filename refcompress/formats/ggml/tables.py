"""Blocks whose codes of 4 bits are numbers of a table of 16."""

import numpy as np

from .bits import half, interleaved, parts, split

NL = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)
TWICE_E2M1 = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], np.float32)  # -0 is 0 here


def iq4_nl(data: np.ndarray) -> np.ndarray:
    """d * table[q], blocks of 32"""
    d, q = parts(data, 2, 16)
    return half(d) * NL[split(q, 4).reshape(-1, 32)]


def iq4_xs(data: np.ndarray) -> np.ndarray:
    """d * (scale - 32) * table[q], blocks of 256 with a scale of 6 bits for each 32 numbers"""
    d, high, low, q = parts(data, 2, 2, 4, 128)
    scale = interleaved(low, 4) | interleaved(high, 2) << 4
    d = half(d) * (scale.astype(np.float32) - np.float32(32))
    return (d[:, :, None] * NL[split(q.reshape(-1, 8, 16), 4).reshape(-1, 8, 32)]).reshape(-1, 256)


def mxfp4(data: np.ndarray) -> np.ndarray:
    """2^(e - 128) * table[q], blocks of 32; e = 255, a NaN in the OCP's formats, is a number as all others"""
    e, q = parts(data, 1, 16)
    d = np.ldexp(np.float32(1), e.astype(np.int32) - 128)
    return d * TWICE_E2M1[split(q, 4).reshape(-1, 32)]


def nvfp4(data: np.ndarray) -> np.ndarray:
    """d / 2 * table[q], blocks of 64 with a scale for each 16 numbers, a number of FP8 E4M3 whose sign is passed over

    Byte j of the 8 bytes of 16 numbers holds number j in its low half and number j + 8 in its high half.
    """
    d, q = parts(data, 4, 32)
    exponent, fraction = d >> 3 & 15, (d & 7).astype(np.float32)
    one = np.where(exponent > 0, np.float32(8), np.float32(0))  # a normal number's leading 1; a subnormal one has none
    scale = np.ldexp(fraction + one, np.maximum(exponent, 1).astype(np.int32) - 7 - 3 - 1)
    scale[d == 0x7F] = 0  # E4M3's NaN; with the sign set it is 480
    return (scale[:, :, None] * TWICE_E2M1[split(q.reshape(-1, 4, 8), 4).reshape(-1, 4, 16)]).reshape(-1, 64)
