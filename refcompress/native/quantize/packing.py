"""Packing by words: eight values of one byte each, in a word of 64 bits, move together in three steps; and back."""

from functools import wraps

import numpy as np

from ... import reference
from ...formats import Packed, Quantized
from ...formats.base import matrix_shape
from ...reference.quantize.packing import pack_arguments, packed_argument

WORD = np.dtype("<u8")  # eight bytes, of which the first is the lowest
# A width in bits, and every other lane of that width in a word.
STEPS = [(8, np.uint64(0x00FF00FF00FF00FF)), (16, np.uint64(0x0000FFFF0000FFFF)), (32, np.uint64(0x00000000FFFFFFFF))]


@wraps(reference.quantize_pack)
def quantize_pack(q, *, bits=4):
    q, bits = pack_arguments(q, bits)
    *rows, size = matrix_shape(q.shape)
    count = -(-size // 8)
    eights = np.zeros((*rows, count * 8), np.uint8)
    codes = q.values > 0 if bits == 1 else q.values.view(np.uint8) & (2**bits - 1)
    eights[..., :size] = codes.reshape(*rows, size)
    words = eights.view(WORD)
    for width, mask in STEPS:  # of two neighbours that are ``width`` apart the upper one moves down
        words = words & mask | (words & ~mask) >> np.uint64((8 - bits) * width // 8)
    data = words.view(np.uint8).reshape(*rows, count, 8)[..., :bits].reshape(*rows, count * bits)
    data = np.ascontiguousarray(data[..., : -(-size * bits // 8)])
    return Packed(data, q.shape, bits, q.scale, q.zero_point, q.group)


@wraps(reference.quantize_unpack)
def quantize_unpack(p):
    p = packed_argument(p)
    bits = p.bits
    *rows, size = matrix_shape(p.shape)
    count = -(-size // 8)
    filled = np.zeros((*rows, count * bits), np.uint8)
    filled[..., : p.data.shape[-1]] = p.data
    eights = np.zeros((*rows, count, 8), np.uint8)
    eights[..., :bits] = filled.reshape(*rows, count, bits)
    words = eights.reshape(*rows, count * 8).view(WORD)
    for width, mask in STEPS[::-1]:
        low = np.uint64((1 << width * bits // 8) - 1) * (mask // np.uint64((1 << width) - 1))
        words = words & low | (words & ~low) << np.uint64((8 - bits) * width // 8)
    codes = words.view(np.int8)[..., :size].reshape(p.shape)
    half = np.int8(1 << bits - 1)
    values = 2 * codes - np.int8(1) if bits == 1 else (codes ^ half) - half
    values.flags.writeable = False  # nobody else has them: the format keeps them without a copy
    return Quantized(values, p.scale, p.zero_point, p.group)
