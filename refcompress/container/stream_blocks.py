"""A long stream in blocks that are coded apart, where that takes fewer bytes (FORMAT.md, "Coder 19")."""

from collections.abc import Callable, Sequence

import numpy as np

from ..reference.huffman.blocks import UNIT
from .bits import trimmed
from .cursor import Reader, integer_bytes

BLOCKS = 19
FIRST_VERSION = 5  # of the file


def head_of(counts: Sequence[int]) -> bytes:
    """Return what stands before blocks of so many symbols: the coder, how many they are, and the units of each but the
    last."""
    units = [integer_bytes(count // UNIT) for count in counts[:-1]]
    return b"".join([bytes([BLOCKS]), integer_bytes(len(counts)), *units])


def counted(symbols: np.ndarray, count: Callable) -> tuple[np.ndarray, np.ndarray | None]:
    """Return how often each symbol occurs; and in each unit of a sequence that may be cut, if ``count`` says this too,
    so that the symbols are not read once more. count : huffman_counts"""
    if symbols.dtype != np.uint8 or symbols.size <= UNIT or not hasattr(count, "of_units"):
        return count(symbols), None
    units = count.of_units(symbols)
    return trimmed(units.sum(axis=0, dtype=np.int64)), units


def cut(symbols: np.ndarray, units: np.ndarray | None, blocks: Callable) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Return the blocks of symbols below 256, and the counts of each where those of the units are known.

    blocks : huffman_blocks
    """
    symbols = symbols.astype(np.uint8, copy=False)
    if units is None or not hasattr(blocks, "of_units"):
        return [(part, None) for part in np.split(symbols, blocks(symbols)[:-1])]
    ends = blocks.of_units(units, len(symbols))[:-1]
    if not len(ends):
        return [(symbols, None)]
    counts = np.add.reduceat(units, [0, *ends // UNIT], axis=0, dtype=np.int64)
    return [(part, trimmed(here)) for part, here in zip(np.split(symbols, ends), counts, strict=True)]


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
