"""Numbers on which another order, a narrower sum or a reciprocal rounds to the other side."""

from collections.abc import Callable

import numpy as np

from ..cases import Calls
from ..values import ordinary

_F = np.float32


def _bias_ties():
    """bias = (n + 1/2) unit exactly, where the unit is a product of odd numbers: its reciprocal is inexact."""
    rng = np.random.default_rng(1)
    for i in range(30):
        a, b = (int(rng.integers(3, 2 ** (2 + i % 3)) | 1) for _ in range(2))
        n = rng.integers(-100_000 if i % 2 else -1000, 100_000 if i % 2 else 1000, 400)
        twice = (2 * n + 1) * a * b
        bias = (twice / 2).astype(_F)
        bias = bias[bias.astype(np.float64) == twice / 2]
        for j in (0, -9):
            yield (np.ldexp(bias, j).astype(_F), float(np.ldexp(a, j)), _F(b)), {}
            yield (np.ldexp(bias, j).astype(_F), _F(a), np.full(len(bias), np.ldexp(b, j), _F)), {}


def _bias_beside_ties():
    """bias / unit = n + 1/2 + r / 2 unit for a small r: float64 takes it for a tie, and two divisions do not.

    (2 n + 1) unit + r must be a multiple of 2**32, so that the bias has 24 bits; n is up to 2**31.
    """
    for a in (3, 11, 45, 1021, 2039, 4091):
        scales, biases = [], []
        for i in range(40):
            b = (2**24 // a - 2 - 2 * i) | 1
            for r in (1, -1, 3, -3):
                twice = -r * pow(a * b, -1, 2**32) % 2**32
                scales.append(b)
                biases.append((-1) ** i * ((twice * a * b + r) >> 32) * 2.0**31)
        yield (_F(biases), float(a), _F(scales)), {}
        yield (_F(biases[:4]), float(scales[0]), _F([a])), {}


def _sums_beside_ties():
    """Of all pairs of int8 those whose sum of two products is a tie, and the next ones to it."""
    every = np.arange(-128, 128)
    a, b = np.repeat(every, 256), np.tile(every, 256)
    for first, second in ((2**21 + 1, 2**21 - 1), (2**21 + 3, 2**20 + 7), (3 * 2**20 + 1, 2**19 + 5)):
        rest = np.abs((a * first + b * second) % 2**22 - 2**21)
        chosen = np.argsort(rest, kind="stable")[:96]
        pair = a[chosen].astype(np.int8), b[chosen].astype(np.int8)
        for j in (0, -9):
            yield (*pair, float(np.ldexp(first, j - 22)), float(np.ldexp(second, j - 22)), float(np.ldexp(1, j))), {}


def _obd_ties():
    """h w^2 / 2 next to a tie of float32: w = 3 and others, with h in float64."""
    rng = np.random.default_rng(2)
    for w in (3.0, 5.0, 1 / 3, 7.0):
        near = rng.integers(2**23, 2**24, 200) + 0.5  # in units of the last place of float32
        square = float(_F(w)) ** 2
        for toward in (-np.inf, 0.0, np.inf):
            h = near * 2 / square
            h = h if toward == 0 else np.nextafter(h, toward)
            yield (np.full(200, w, _F), h), {}


def _deviations():
    """A quality that makes the threshold a weight, or the float64 beside it."""
    rng = np.random.default_rng(3)
    for i in range(60):
        w = ordinary(rng, 3 + i) + _F(i % 3)
        deviation = float(np.std(w.astype(np.float64)))
        quality = abs(float(w[0])) / deviation
        for some in (quality, np.nextafter(quality, 0), np.nextafter(quality, 9)):
            yield (w,), {"quality": float(some)}


def _binary_sums():
    """A column of magnitudes whose sum depends on its order: one large, one less, the rest small."""
    for rows in (300, 1024, 1025, 2048):
        w = np.full((rows, 3), 2.0**7, _F)
        w[0], w[rows // 2] = 2.0**60, 2.0**36
        w[:, 1] = w[::-1, 1].copy()
        w[:, 2] = 2.0**7
        yield (w,), {"axis": 1}
        yield (np.ascontiguousarray(w.T),), {"axis": 0}
        yield (w[:, 0].copy(),), {}


def _equal_diagonals():
    """Inputs in descending order, where many are equal: the first stays first."""
    rng = np.random.default_rng(4)
    for k in (3, 8, 17, 33):
        w = ordinary(rng, (3, k))
        shared = np.full((k, k), 0.5) + np.eye(k)
        uneven = rng.standard_normal((k, k)) * 0.1
        uneven = uneven @ uneven.T
        np.fill_diagonal(uneven, np.diag(uneven).max() + 1)
        for h in (shared, uneven):
            for bits in (3, 8):
                yield (w, h), {"order": "descending", "bits": bits}


def _far_outliers():
    """Many values and one mild outlier: 8 and 16 bits choose other thresholds."""
    for n in (1000, 30_000):
        rng = np.random.default_rng(n)
        for far in (5.0, 8.0, 20.0):
            x = ordinary(rng, n)
            x[n // 2] = far
            for bits in (4, 8, 16):
                yield (x,), {"bits": bits, "steps": 30}


def _scalars_of_float32(**more) -> Callable[[], Calls]:
    def calls() -> Calls:
        rng = np.random.default_rng(5)
        for scale in (_F(0.1), _F(1 / 3), _F(1e-3), np.float64(0.1), 0.1):
            x = (float(_F(scale)) * (rng.integers(-100, 100, 300) + 0.5)).astype(_F)
            yield (np.concatenate([x, np.nextafter(x, _F(9e9)), np.nextafter(x, _F(-9e9))]),), {**more, "scale": scale}
    return calls


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "quantize_bias_s32": (_bias_ties, _bias_beside_ties),
    "nn_add_s8": (_sums_beside_ties,),
    "prune_score_obd": (_obd_ties,),
    "prune_threshold": (_deviations,),
    "quantize_binary": (_binary_sums,),
    "quantize_gptq": (_equal_diagonals,),
    "quantize_range_mse": (_far_outliers,),
    "quantize_s8": (_scalars_of_float32(),),
    "quantize_s16": (_scalars_of_float32(),),
}
