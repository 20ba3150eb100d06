"""What the sweeps and the refusals are made of: lengths, hostile values, and arrays of a seed."""

import numpy as np

LENGTHS = range(68)
MIDDLE = ((130, 67, 129), (3, 4099, 5), (5, 300, 128), (257, 31, 7))  # (m, k, n)

# Signed zeros, subnormals, the smallest normal, neighbours of 1, the largest; without and with what is not finite.
FINITE = np.float32([0.0, -0.0, 1e-45, -1e-45, 1.1e-38, 2.0**-126, 1, -1, 1 + 2.0**-23, 1 - 2.0**-24, 0.5, -2.5, 3e38,
                     -3e38])
HOSTILE = np.concatenate([FINITE, np.float32([np.inf, -np.inf, np.nan])])


def whole(rng, shape, high: int = 8, dtype=np.float32) -> np.ndarray:
    """Return integers in [-high, high] without 0 (in [1, high] for an unsigned type)."""
    sign = 1 if np.dtype(dtype).kind == "u" else rng.choice([-1, 1], shape)
    return (rng.integers(1, high + 1, shape) * sign).astype(dtype)


def ordinary(rng, shape) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def not_arrays(good: np.ndarray):
    """Yield what can never stand for the array ``good``: another type, dtype, mask or number of dimensions."""
    yield None
    yield "text"
    yield good.astype(object)
    yield good.astype(np.complex64)
    yield good.astype("datetime64[s]") if good.dtype.kind in "iu" else good.astype(np.float64)
    yield np.ma.masked_array(good, mask=np.zeros(good.shape, bool))
    yield good.astype(np.int32) if good.dtype.itemsize == 1 or good.dtype.kind == "f" else good.astype(np.float32)


def sizes(rng):
    """Yield (m, k, n): each dimension swept in turn."""
    for length in LENGTHS:
        yield 3, length, 5
        yield length, 7, 3
        yield 3, 9, length


def other_dimensions(good: np.ndarray):
    yield good[0]
    yield good[None]
