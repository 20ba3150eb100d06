"""Orders of summation that a right kernel of float32 may have: each takes terms (k, n) and returns the n sums."""

import numpy as np


def in_sequence(terms: np.ndarray) -> np.ndarray:
    """Return the sums of one chain."""
    total = np.zeros(terms.shape[1], np.float32)
    for term in terms:
        total = total + term
    return total


def pairwise(terms: np.ndarray) -> np.ndarray:
    """Return the sums of a tree."""
    if len(terms) < 2:
        return terms.sum(axis=0)
    half = len(terms) // 2
    return pairwise(terms[:half]) + pairwise(terms[half:])


def interleaved(terms: np.ndarray, chains: int) -> np.ndarray:
    """Return the sums of ``chains`` interleaved chains, which a tree adds."""
    totals = np.zeros((chains, terms.shape[1]), np.float32)
    for first in range(0, len(terms), chains):
        block = terms[first : first + chains]
        totals[: len(block)] += block
    return pairwise(totals)


def blocks_of_8(terms: np.ndarray) -> np.ndarray:
    """Return the sums of one chain over blocks, each of which is a chain."""
    total = np.zeros(terms.shape[1], np.float32)
    for first in range(0, len(terms), 8):
        total = total + in_sequence(terms[first : first + 8])
    return total
