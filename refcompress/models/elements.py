"""Elements of every type as the bytes of a file: little-endian, and those below 8 bits side by side, low bits first."""

import math
import sys
from collections.abc import Callable

import numpy as np

from ..container.arrays import owned
from ..errors import CorruptError
from ..formats import ELEMENT_TYPES, Plain
from .source import Value

__all__ = ["bits_of", "packed", "patterns_of", "unpacked", "value_of"]

CHUNK = 2**18  # groups of patterns that are packed at a time


def value_of(fill: Callable[[memoryview], None], shape: tuple[int, ...], kind: str, name: str,
             byteorder: str = "little") -> Value:
    """Return a tensor of an element type: an array of NumPy's own type, else a Plain.

    fill : reads the bytes of the elements, in C order, into a view
    kind : the element type's name in ELEMENT_TYPES
    name : the tensor's, for a refusal
    """
    element = ELEMENT_TYPES[kind]
    if element.bits < 8:
        data = np.empty(math.prod(shape) * element.bits // 8, np.uint8)
        fill(data.data)
        return Plain(owned(unpacked(data, element.bits).reshape(shape)), kind)
    a = np.empty(shape, element.pattern if element.numpy is None else element.numpy)
    place = a.reshape(-1).view(np.uint8)
    fill(place.data)
    if kind == "bool":
        if np.any(place > 1):
            raise CorruptError("path", f"tensor {name!r} has a byte that is neither False nor True, "
                                       f"at element {int(np.argmax(place > 1))}")
    elif byteorder != sys.byteorder:
        a.byteswap(inplace=True)
    return a if element.numpy is not None else Plain(owned(a), kind)


def patterns_of(value: Value) -> tuple[str, np.ndarray]:
    """Return an element type, and the elements of a value along one axis, packed and little-endian, as files have them.

    A format other than Plain becomes what its ``dense`` gives.
    """
    if isinstance(value, Plain):
        patterns = value.patterns.reshape(-1)
        bits = bits_of(value.type)
        return value.type, packed(patterns, bits) if bits < 8 else _little(patterns)
    a = np.asarray(value if isinstance(value, np.ndarray) else value.dense())
    return a.dtype.name, _little(np.ascontiguousarray(a).reshape(-1))


def _little(a: np.ndarray) -> np.ndarray:
    return a.astype(a.dtype.newbyteorder("<"), copy=False)


def bits_of(kind: str) -> int:
    """Return the bits of one element in a file."""
    return ELEMENT_TYPES[kind].bits


def unpacked(data: np.ndarray, bits: int) -> np.ndarray:
    """Return the patterns of 2, 4 or 6 bits that lie side by side in bytes.

    >>> unpacked(np.array([0x21, 0x43], np.uint8), 4).tolist()
    [1, 2, 3, 4]
    """
    width = _group(bits)
    patterns = np.empty((len(data) // width, 8 * width // bits), np.uint8)
    groups = data.reshape(-1, width)
    for start in range(0, len(groups), CHUNK):
        chunk = groups[start : start + CHUNK].astype(np.uint32)
        words = sum((chunk[:, i] << np.uint32(8 * i) for i in range(1, width)), chunk[:, 0])
        for i in range(patterns.shape[1]):
            patterns[start : start + CHUNK, i] = words >> np.uint32(bits * i) & np.uint32((1 << bits) - 1)
    return patterns.reshape(-1)


def packed(patterns: np.ndarray, bits: int) -> np.ndarray:
    """Return patterns of 2, 4 or 6 bits side by side in bytes, the last filled up by zeros.

    >>> packed(np.array([1, 2, 3], np.uint8), 4).tolist()
    [33, 3]
    """
    width = _group(bits)
    each, count = 8 * width // bits, -(-len(patterns) * bits // 8)
    if len(patterns) % each:
        patterns = np.concatenate([patterns, np.zeros(-len(patterns) % each, np.uint8)])
    groups = patterns.reshape(-1, each)
    data = np.empty((len(groups), width), np.uint8)
    for start in range(0, len(groups), CHUNK):
        chunk = groups[start : start + CHUNK].astype(np.uint32)
        words = sum((chunk[:, i] << np.uint32(bits * i) for i in range(1, each)), chunk[:, 0])
        for i in range(width):
            data[start : start + CHUNK, i] = words >> np.uint32(8 * i) & np.uint32(255)
    return data.reshape(-1)[:count]


def _group(bits: int) -> int:
    """Return the fewest bytes that whole patterns fill: 3 for 4 patterns of 6 bits."""
    return 3 if bits == 6 else 1
