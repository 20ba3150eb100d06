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


def blocks_of(size: int):
    """Return what sums by one chain over blocks of ``size`` terms, each of which is a chain."""
    def in_blocks(terms: np.ndarray) -> np.ndarray:
        total = np.zeros(terms.shape[1], np.float32)
        for first in range(0, len(terms), size):
            total = total + in_sequence(terms[first : first + size])
        return total
    return in_blocks


def compensated(terms: np.ndarray) -> np.ndarray:
    """Return Kahan's sums: each carries what its last addition lost. A sum that is not finite stays as it is."""
    total, lost = np.zeros(terms.shape[1], np.float32), np.zeros(terms.shape[1], np.float32)
    for term in terms:
        y = term - lost
        sum_ = total + y
        lost = np.where(np.isfinite(sum_), (sum_ - total) - y, np.float32(0)).astype(np.float32)
        total = sum_
    return total


def fused(terms: np.ndarray) -> np.ndarray:
    """Return the sums of exact products (float64), each addition rounded to float32 once: what an fma does."""
    total = np.zeros(terms.shape[1], np.float32)
    for term in terms:
        total = (total + term).astype(np.float32)
    return total


def wide(terms: np.ndarray) -> np.ndarray:
    """Return sums in float64, rounded once."""
    return terms.sum(axis=0, dtype=np.float64).astype(np.float32)
