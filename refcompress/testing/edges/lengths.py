"""Long lengths: one dimension in turn beside powers of two, the others small; data whose every bit counts."""

from collections.abc import Callable, Iterator

import numpy as np

from ..cases import Call, Calls

LONG = tuple(2**i + d for i in range(7, 15) for d in (-1, 0, 1))
BEYOND = 65_537  # one more than 16 bits count
MANY = (255, 256, 257, 1023, 1025, 4095, 4097, 16_385, 32_768)  # channels, groups, blocks, ranks, symbols


def in_turn(*small: int, lengths: tuple[int, ...] = LONG, most: int = BEYOND) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield (number, sizes) of which one size is long; the shorter of the long ones come first.

    The numbers choose between kinds of data. They march in step neither with the dimensions nor with the places beside
    a power of two.
    """
    for at, length in enumerate((*lengths, *((BEYOND,) if most >= BEYOND else ()))):
        for i in range(len(small)):
            if length <= most:
                yield at + at // 3 + i, (*small[:i], length, *small[i + 1 :])


def at_lengths(make: Callable[..., Call | None], *small: int, seed: int = 0, lengths: tuple[int, ...] = LONG,
               most: int = BEYOND, kinds: int = 1) -> Callable[[], Calls]:
    """Return what yields ``make(rng, number, *sizes)`` at each long length of each dimension, of several kinds."""
    def calls() -> Calls:
        rng = np.random.default_rng(seed)
        for number, sizes in in_turn(*small, lengths=lengths, most=most):
            for kind in range(kinds):
                call = make(rng, number + kind, *sizes)
                if call is not None:
                    yield call
    return calls


def all_bits(rng, shape, bits: int = 24) -> np.ndarray:
    """Return odd integers of so many bits, of either sign, as float32: each bit of a significand counts."""
    a = rng.integers(2 ** (bits - 1), 2**bits, shape) | 1
    return (a * rng.choice([-1, 1], shape)).astype(np.float32)


def one_in_each_row(rng, m: int, k: int, bits: int = 24) -> np.ndarray:
    """Return rows of zeros but for one number each; that of the last row stands at its end."""
    x = np.zeros((m, k), np.float32)
    if m and k:
        places = rng.integers(0, k, m)
        places[-1] = k - 1
        x[np.arange(m), places] = all_bits(rng, m, bits)
    return x


def half_zero(rng, a: np.ndarray) -> np.ndarray:
    """Return ``a`` with zeros of either sign in half of its places."""
    return np.where(rng.random(a.shape) < 0.5, np.copysign(0, a), a).astype(a.dtype)


def with_one(rng, a: np.ndarray, value: float) -> np.ndarray:
    """Return ``a`` with one element replaced."""
    a = a.copy()
    a.flat[rng.integers(a.size)] = value
    return a
