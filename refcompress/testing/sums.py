"""Orders of summation that a right kernel of float32 may have: each takes terms (k, n) and returns the n sums.

Rows may have thousands of terms, so there is no loop in Python over single ones.
"""

import numpy as np


def in_sequence(terms: np.ndarray) -> np.ndarray:
    """Return the sums of one chain."""
    if not len(terms):
        return np.zeros(terms.shape[1], np.float32)
    return np.add.accumulate(terms, axis=0, dtype=np.float32)[-1]


def _chains(terms: np.ndarray, chains: int) -> np.ndarray:
    """Return the terms as (steps, chains, n): term p belongs to chain p mod ``chains``; zeros fill up the last step."""
    steps = -(-len(terms) // chains)
    filled = np.zeros((steps * chains, terms.shape[1]), terms.dtype)
    filled[: len(terms)] = terms
    return filled.reshape(steps, chains, terms.shape[1])


def pairwise(terms: np.ndarray) -> np.ndarray:
    """Return the sums of a tree, whose leaves are chains of eight."""
    if len(terms) <= 8:
        return in_sequence(terms)
    half = len(terms) // 2
    return pairwise(terms[:half]) + pairwise(terms[half:])


def interleaved(terms: np.ndarray, chains: int) -> np.ndarray:
    """Return the sums of ``chains`` interleaved chains, which a tree adds."""
    steps = _chains(terms, chains)
    if not len(steps):
        return np.zeros(terms.shape[1], np.float32)
    return pairwise(np.add.accumulate(steps, axis=0, dtype=np.float32)[-1])


def blocks_of(size: int):
    """Return what sums by one chain over blocks of ``size`` terms, each of which is a chain."""
    def in_blocks(terms: np.ndarray) -> np.ndarray:
        return in_sequence(_of_each_block(terms, size))
    return in_blocks


def _of_each_block(terms: np.ndarray, size: int) -> np.ndarray:
    """Return the sums of each block of ``size`` terms, by one chain each."""
    blocks = _chains(terms, size)
    if not len(blocks):
        return np.zeros((0, terms.shape[1]), np.float32)
    return np.add.accumulate(blocks, axis=1, dtype=np.float32)[:, -1]


def compensated(terms: np.ndarray) -> np.ndarray:
    """Return the sums of 16 chains, each of which carries what its last addition lost (Kahan).

    A sum that is not finite stays as it is.
    """
    steps = _chains(terms, 16)
    total, lost = np.zeros((2, 16, terms.shape[1]), np.float32)
    for step in steps:
        y = step - lost
        new = total + y
        lost = np.where(np.isfinite(new), (new - total) - y, np.float32(0))
        total = new
    return in_sequence(total)


def fused(terms: np.ndarray) -> np.ndarray:
    """Return the sums of 16 chains of exact products (float64), each rounded to float32 once a step: as by an fma."""
    total = np.zeros((16, terms.shape[1]), np.float32)
    for step in _chains(terms, 16):
        total = (total + step).astype(np.float32)
    return in_sequence(total)


def wide(terms: np.ndarray) -> np.ndarray:
    """Return sums in float64, rounded once."""
    return terms.sum(axis=0, dtype=np.float64).astype(np.float32)
