"""Bits for each layer."""

import numpy as np

from .case import Case


def _allocation(rng):
    """Return cost, size and budget of layers as MiniLM's, whose bits are to be 4 on average."""
    weights = rng.choice([384 * 384, 384 * 1536], 36)[:, None]
    bits = np.array([2, 3, 4, 5, 6, 8])
    return rng.random((36, 1)) * weights * 4.0**-bits, weights * bits // 8, int(weights.sum()) // 2


CASES = [
    *(
        Case(op, "36 layers, 6 widths", lambda rng: (_allocation(rng), {}), 0, 36 * 6 * 16, quick=True)
        for op in ("allocate_exact", "allocate_front")
    ),
]
