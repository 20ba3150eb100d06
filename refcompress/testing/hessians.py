"""Hessians of layers for the cases of every family that takes one: inputs that go together, and what is refused."""

from collections.abc import Iterator

import numpy as np

from .values import not_arrays, ordinary


def hessian(rng, k: int, samples: int | None = None) -> np.ndarray:
    """Return the Hessian of inputs that go together."""
    n = 4 * k + 8 if samples is None else samples
    x = (ordinary(rng, (n, k)) + ordinary(rng, (n, 1))).astype(np.float64)
    h = x.T @ x
    return (h + h.T) / 2


def bad_hessians(h: np.ndarray) -> Iterator:
    """Yield what no operation takes in place of the Hessian h of three inputs or more."""
    lopsided, beside_zero = h.copy(), h.copy()
    lopsided[0, 1], beside_zero[0, 0], beside_zero[0, 1], beside_zero[1, 0] = 1, 0, 1e-9, 1e-9
    yield from (bad for bad in not_arrays(h) if getattr(bad, "dtype", None) != np.float64)
    for bad in (h.astype(np.float32), h[0], h[:2], np.full_like(h, np.nan), np.full_like(h, np.inf), -h, lopsided,
                beside_zero):
        yield bad
