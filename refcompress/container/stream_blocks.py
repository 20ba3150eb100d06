"""A long stream in blocks that are coded apart, where that takes fewer bytes (FORMAT.md, "Coder 19")."""

from collections.abc import Callable, Sequence

import numpy as np

from ..reference.huffman.blocks import UNIT
from .cursor import Reader, integer_bytes

BLOCKS = 19
FIRST_VERSION = 5  # of the file


def head_of(counts: Sequence[int]) -> bytes:
    """Return what stands before blocks of so many symbols: the coder, how many they are, and the units of each but the
    last."""
    units = [integer_bytes(count // UNIT) for count in counts[:-1]]
    return b"".join([bytes([BLOCKS]), integer_bytes(len(counts)), *units])


def cut(symbols: np.ndarray, blocks: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """Return the blocks of symbols below 256. blocks : huffman_blocks"""
    symbols = symbols.astype(np.uint8, copy=False)
    return np.split(symbols, blocks(symbols)[:-1])


def read_counts(reader: Reader, count: int) -> list[int]:
    """Return how many symbols each block of a stream of ``count`` symbols has."""
    units = -(-count // UNIT)
    blocks = reader.integer("header")
    if not 2 <= blocks <= units:
        raise reader.corrupt(f"a stream of {count} symbols has 2 to {units} blocks, not {blocks}")
    counts, left = [], units
    for _ in range(blocks - 1):
        here = reader.integer("header")
        if not 0 < here < left:
            raise reader.corrupt(f"a block has 1 to {left - 1} of the {left} units that are left, not {here}")
        counts.append(here * UNIT)
        left -= here
    return [*counts, count - sum(counts)]
