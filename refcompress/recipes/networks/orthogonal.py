"""Orthogonal matrices that spread every direction over all axes: Hadamard's, and what comes near for other sizes."""

import numpy as np

from ... import arguments

__all__ = ["hadamard", "rotation"]


def hadamard(n: int) -> np.ndarray:
    """Return Sylvester's Hadamard matrix of order n, a power of two: entries of +1 and -1, rows orthogonal.

    **Source** Sylvester (1867): h(2 n) = [[h(n), h(n)], [h(n), -h(n)]].

    >>> hadamard(2).tolist()
    [[1.0, 1.0], [1.0, -1.0]]
    """
    h = np.ones((1, 1))
    while len(h) < n:
        h = np.block([[h, h], [h, -h]])
    return h


def cosines(m: int) -> np.ndarray:
    """Return the orthonormal matrix of the discrete cosine transform (DCT-II) of m values."""
    i, j = np.arange(m)[:, None], np.arange(m)[None, :]
    return np.where(i == 0, np.sqrt(1 / m), np.sqrt(2 / m) * np.cos(np.pi * (2 * j + 1) * i / (2 * m)))


def rotation(k: int, seed: int = 0) -> np.ndarray:
    """Return an orthogonal matrix (k, k), float64, whose entries are all of about the size 1 / sqrt(k).

        q = (h / sqrt(2**a)) (x) c, each column times +1 or -1 by chance;    k = 2**a m, m odd

    h is :func:`hadamard` of 2**a, c the cosine transform of m values, (x) Kronecker's product. For a k that is a power
    of 4 all entries are powers of two, and the matrix is exact.

    **Source** random signs and a Hadamard matrix: Ashkboos et al., QuaRot (2024, arXiv 2404.00456). **Departs** for
    sizes that are no power of two they take known Hadamard matrices of orders such as 12 and 20.
    """
    k = arguments.integer(k, "k", 1)
    two = k & -k
    signs = np.random.default_rng(arguments.integer(seed, "seed", 0)).choice([-1.0, 1.0], k)
    odd = cosines(k // two) if k > two else np.ones((1, 1))
    return np.kron(hadamard(two) / np.sqrt(two), odd) * signs
