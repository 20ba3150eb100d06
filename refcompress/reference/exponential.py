"""e^v in float64, the same bits on every machine: only +, -, * and a power of two.

    v = n ln 2 + r,  n an integer, |r| <= ln(2) / 2        e^v = 2^n e^r = 2^n (1 + q)

q is Taylor's polynomial of e^r - 1 of degree 12, by Horner's rule. What is left out is at most r^13 / 13! e^|r|, below
2^-51.8 of the result. With the roundings of r, of q and of 1 + q the relative error is below 2^-50. So an e^v that is
rounded to float32 is off by less than 0.5 + 2^-26 units in the last place.

ln 2 is split in two: n times the high part is exact, for it ends in 20 zeros and n has at most 11 bits.
"""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["exponential", "exponential_minus_1", "polynomial"]

LOG2_E = float.fromhex("0x1.71547652b82fep+0")
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
TAYLOR = [1 / math.factorial(i) for i in range(1, 13)]
LOWEST, HIGHEST = -708.0, 709.0  # 2^n is a normal number of float64; as float32 e^v is 0 and infinity beyond them


def exponential(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e^v for v clipped to -708 .. 709; NaN stays NaN."""
    n, q = _parts(v)
    return np.ldexp(1 + q, n)


def exponential_minus_1(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e^v - 1 for v clipped to -708 .. 709, without cancellation near 0: 2^n q + (2^n - 1)."""
    n, q = _parts(v)
    return np.ldexp(q, n) + (np.ldexp(1.0, n) - 1)


def polynomial(t: NDArray[np.float64], coefficients: list[float]) -> NDArray[np.float64]:
    """Return the sum of coefficients[i] t^i by Horner's rule: from the highest down, a product and then a sum."""
    p = np.full_like(t, coefficients[-1])
    for c in coefficients[-2::-1]:
        p = p * t + c
    return p


def _parts(v: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return n and q with e^v = 2^n (1 + q)."""
    v = np.clip(v, LOWEST, HIGHEST)
    n = np.rint(v * LOG2_E)
    r = (v - n * LN2_HIGH) - n * LN2_LOW
    return n.astype(np.int32), r * polynomial(r, TAYLOR)
