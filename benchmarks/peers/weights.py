"""Weights of 4 bits as integers and as float32 numbers, in a moment: peers take them so, and at every pass anew.

The format's own ``values`` and ``dense`` are for every number of bits, and take seconds of 16 million weights.
"""

import numpy as np

from refcompress.formats import Packed


def values(w) -> np.ndarray:
    """Return the integers of a Quantized or a Packed as int8."""
    if not (isinstance(w, Packed) and w.bits == 4 and w.shape[-1] % 2 == 0):
        return w.values
    codes = np.empty(w.shape, np.int8)
    codes[..., ::2], codes[..., 1::2] = w.data & 15, w.data >> 4
    codes ^= 8
    codes -= 8
    return codes


def dense(w) -> np.ndarray:
    """Return the float32 numbers of an array or a format; uint16 are the patterns of bfloat16."""
    if isinstance(w, np.ndarray):
        return (w.astype(np.uint32) << 16).view(np.float32) if w.dtype == np.uint16 else w
    if not (isinstance(w, Packed) and w.bits == 4 and w.group and w.shape[-1] % w.group == 0):
        return w.dense()
    groups = (*w.shape[:-1], w.shape[-1] // w.group, w.group)
    numbers = values(w).astype(np.float32).reshape(groups)
    if w.zero_point.any():
        numbers -= w.zero_point[..., None]
    numbers *= w.scale[..., None]
    return numbers.reshape(w.shape)
