"""What the cases of all families are made of: lengths, hostile values, arrays of a seed, formats with a wrong field."""

import copy
from collections.abc import Iterator

import numpy as np

LENGTHS = range(68)
MIDDLE = ((130, 67, 129), (3, 4099, 5), (5, 300, 128), (257, 31, 7))  # (m, k, n)

# Signed zeros, subnormals, the smallest normal, neighbours of 1, the largest; without and with what is not finite.
FINITE = np.array([0.0, -0.0, 1e-45, -1e-45, 1.1e-38, 2.0**-126, 1, -1, 1 + 2.0**-23, 1 - 2.0**-24, 0.5, -2.5, 3e38,
                   -3e38], np.float32)
HOSTILE = np.append(FINITE, np.array([np.inf, -np.inf, np.nan], np.float32))

WITH_NAN, WITH_INFINITY = np.array([1, np.nan, 2], np.float32), np.array([[1, 2], [np.inf, 3]], np.float32)


def whole(rng, shape, high: int = 8, dtype=np.float32) -> np.ndarray:
    """Return integers in [-high, high] without 0 (in [1, high] for an unsigned type)."""
    sign = 1 if np.dtype(dtype).kind == "u" else rng.choice([-1, 1], shape)
    return (rng.integers(1, high + 1, shape) * sign).astype(dtype)


def ordinary(rng, shape) -> np.ndarray:
    """Return standard normal numbers, whose sums round."""
    return rng.standard_normal(shape).astype(np.float32)


def pruned(rng, shape) -> np.ndarray:
    """Return ordinary weights, one of ten of which is a zero."""
    return ordinary(rng, shape) * (rng.random(shape) > 0.1)


def not_arrays(good: np.ndarray) -> Iterator:
    """Yield what can never stand for the array ``good``: another type, dtype, mask or number of dimensions."""
    yield None
    yield "text"
    yield good.astype(object)
    yield good.astype(np.complex64)
    yield good.astype("datetime64[s]") if good.dtype.kind in "iu" else good.astype(np.float64)
    yield np.ma.masked_array(good, mask=np.zeros(good.shape, bool))
    yield good.astype(np.int32) if good.dtype.itemsize == 1 or good.dtype.kind == "f" else good.astype(np.float32)


def sizes(rng) -> Iterator[tuple[int, int, int]]:
    """Yield (m, k, n): each dimension swept in turn."""
    for length in LENGTHS:
        yield 3, length, 5
        yield length, 7, 3
        yield 3, 9, length


def other_dimensions(good: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array with one dimension less, and one with one more."""
    yield good[0]
    yield good[None]


def with_fields(format_, **fields):
    """Return a format with other fields, past its checks: what a binding that fills in memory can return."""
    changed = copy.copy(format_)
    for name, value in fields.items():
        object.__setattr__(changed, name, value)
    return changed
