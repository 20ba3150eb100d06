"""How far a matrix of low rank can be from the matrix it stands for: measured, and what rounding can have hidden."""

import math

import numpy as np

from .. import threads

ROWS = 64  # of w that are float64 at once


def squares(a: np.ndarray, each=map) -> float:
    """Return the sum of the squares in float64, of a few rows at a time."""
    def of(part):
        part = part.astype(np.float64).ravel()
        return float(part @ part)

    return sum(each(of, (a[start : start + ROWS] for start in range(0, len(a), ROWS))), 0.0)


def frobenius_bound(product, w, u, s, vt) -> float:
    """Return what ||w - u * s @ vt||_F is at most: measured some rows at a time, and what float32 can have hidden.

    With v = 2**-24, an element of the product is off by at most gamma_(rank + 1) sum |u s| |vt|, that of u * s among it
    (Higham, section 3.5), and 2**-150 for each of its 2 rank products that is subnormal; the difference by v of itself.
    The norm of the matrix of such sums is at most ||u s||_F ||vt||_F (Cauchy and Schwarz).
    """
    def of(start):
        part = slice(start, start + ROWS)
        rest = product(scaled[part], vt, transposed=True)
        return squares(np.subtract(w[part], rest, out=rest))

    scaled = u * s
    total = sum(threads.each(of, range(0, len(w), ROWS)), 0.0)
    rank = len(s)
    measured = math.sqrt(total) * (1 + 2.0**-24 * 1.01)  # the last for the sums of squares in float64
    product = math.sqrt(squares(scaled) * squares(vt))
    return measured + (rank + 2) * 2.0**-24 * product + 2 * rank * 2.0**-150 * math.sqrt(w.size)


def spectral_bound(w, total, u, s, vt, v) -> float:
    """Return 10 sqrt(2 / pi) times the longest (w - u * s @ vt) @ v, and what float64 can have hidden in it.

    The products of three have at most k + rank + 3 roundings on the way to an element, each of 2**-53 at most of the
    sum of absolute values (u * s is exact in float64), whose norm is at most (||w||_F + ||u s||_F ||vt||_F) ||v||.
    """
    def of(start):
        part = slice(start, start + ROWS)
        return np.sum((w[part].astype(np.float64) @ v - scaled[part] @ inner) ** 2, axis=0)

    v, scaled = v.astype(np.float64), u * s.astype(np.float64)
    inner = vt.astype(np.float64) @ v
    lengths = sum(threads.each(of, range(0, len(w), ROWS)), np.zeros(v.shape[1]))
    size = math.sqrt(total) + math.sqrt(float(np.sum(scaled**2)) * squares(vt))
    hidden = (w.shape[1] + len(s) + 4) * 2.0**-53 * size * np.sqrt(np.sum(v**2, axis=0))
    return 10 * math.sqrt(2 / math.pi) * float((np.sqrt(lengths) + hidden).max(initial=0))
