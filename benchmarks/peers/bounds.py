"""What makes a peer's product right whose arithmetic is not ours: bounds from what it rounds, none that merely worked.

Each returns a check for Peer. The product itself is taken in float64, of the operation's own arguments. A sum of k
products in float32, in any order, is off by at most k 2**-24 / (1 - k 2**-24) of the sum of their absolute values.
"""

from collections.abc import Callable

import numpy as np

from .weights import dense


def operands(args) -> tuple[np.ndarray, np.ndarray]:
    """Return x and w of a product's arguments, (x, w) or (x, its scales, w), in float64."""
    x, w = args[0], args[2] if isinstance(args[1], np.ndarray) and args[1].ndim == 1 else args[1]
    x = wide(x) if w is args[1] else wide(x) * args[1].astype(np.float64)[:, None]
    return x, wide(w)


def wide(a) -> np.ndarray:
    """Return an array or a format in float64."""
    return dense(a).astype(np.float64)


def within(bound: Callable) -> Callable:
    """Return a check against the product in float64; ``bound(x, w)`` is how far each element may be off."""
    def check(expected, got, args, kwargs):
        x, w = operands(args)
        exact, allowed = x @ w.T, bound(x, w)
        if len(args) > 3:  # a bias
            exact += args[3]
        assert got.shape == exact.shape, f"its shape is {got.shape}"
        off = np.abs(got - exact) / np.maximum(allowed + 2.0**-23 * np.abs(exact), 2.0**-149)
        assert not off.size or off.max() <= 1, f"off by {off.max():.2f} of what its rounding explains"
    return check


def sums(x, w) -> np.ndarray:
    """Return the error of sums in float32."""
    k = x.shape[1]
    return k * 2.0**-24 / (1 - k * 2.0**-24) * (np.abs(x) @ np.abs(w).T)


def rounded(bits: int, operands: int) -> Callable:
    """Return the bound of a product whose operands (one of them, or both) were rounded to so many bits."""
    return lambda x, w: operands * 2.0**-bits * (1 + 2.0**-bits) * (np.abs(x) @ np.abs(w).T) + 2 * sums(x, w)


def quantized(x, w) -> np.ndarray:
    """Return the bound of a product whose x was brought to integers: of a row, or a part of it, -127 to 127 or 256
    levels around its range, by a scale that may be a float16 (2**-11 of it)."""
    half = np.abs(x).max(axis=1, keepdims=True) / 127 / 2
    return half * np.abs(w).sum(axis=1) * (1 + 2.0**-10) + 2.0**-11 * (np.abs(x) @ np.abs(w).T) + 2 * sums(x, w)


def quantized_together(x, w) -> np.ndarray:
    """Return the bound of a product whose x was brought to 256 levels, by one scale for all rows."""
    low, high = min(x.min(initial=0), 0), max(x.max(initial=0), 0)
    # Half a step, and half of one by which the zero point moves the grid.
    return np.full((len(x), 1), (high - low) / 255) * np.abs(w).sum(axis=1) * (1 + 2.0**-10) + 2 * sums(x, w)


def one_apart(expected, got, args, kwargs):
    """Raise AssertionError unless uint8 around 128 are the int8 of gemm_s8s8_requantized, or beside them: others round
    the quotient in float32, ours is exact and rounded once."""
    off = np.abs(got.astype(np.int16) - 128 - expected).max(initial=0)
    assert off <= 1, f"off by {off}"
