"""The sweeps of the prune family."""

import numpy as np

from ..values import FINITE, LENGTHS, ordinary, whole


def prune_magnitude():
    rng = np.random.default_rng(1)
    for n in LENGTHS:
        yield (ordinary(rng, n),), {"keep": n // 2}
        yield (whole(rng, n, 2),), {"sparsity": 0.5}  # ties everywhere
        yield (rng.choice(np.append(FINITE, np.float32(np.inf)), (n, 3)),), {"keep": n}
    for share in (0, -0.0, 0.3, 0.5, 0.99, 1, 1e-300):
        yield (whole(rng, (3, 5, 7), 3),), {"sparsity": share}
    yield (np.float32(3).reshape(()),), {"keep": 1}
    for keep in range(9):
        parts = {"b": np.float32([1, -1, 0]), "a": np.float32([[-1, 2], [0, 1]]), "none": np.zeros(0, np.float32),
                 "c": np.float32(1).reshape(())}
        yield (parts,), {"keep": keep}
    yield (whole(rng, (129, 257), 50),), {"sparsity": 0.9}


def prune_select():
    rng = np.random.default_rng(21)
    shapes = ("block", "row", "column", "filter", "channel")
    for length in LENGTHS:
        yield (ordinary(rng, length),), {"keep": length // 2}
        yield (whole(rng, (3, length), 2),), {"structure": "nm", "n": 2, "m": 4}  # ties everywhere, and a ragged end
        yield (whole(rng, (length, 5), 3),), {"structure": "nm", "n": length % 4, "m": 3 + length % 5, "axis": 0}
        structure = shapes[length % 5]
        block = {"block": (1 + length % 3, 1 + length % 7)} if structure == "block" else {}
        yield (whole(rng, (length, 9), 2),), {"structure": structure, "sparsity": 0.5, **block}
        yield (ordinary(rng, (7, length)),), {"structure": "block", "block": (2, 4), "sparsity": 0.3}
    nearly = np.float64([[1, 2.0**-60, -1, 2.0**-53], [2.0**-53, 1, 2.0**-53, -1]])  # the order of the sum decides
    for structure in ("row", "column"):
        for keep in range(1, 4 if structure == "column" else 2):
            yield (nearly,), {"structure": structure, "keep": keep}
    big = np.float32([[3e38, 3e38, -np.inf], [3e38, 3e38, 3e38], [np.inf, 1, -1]])  # a float32 sum would be infinite
    for keep in range(4):
        yield (big,), {"structure": "row", "keep": keep}
        yield ({"b": big, "a": big.astype(np.float64) + 1},), {"keep": 3 * keep}
    for structure in ("filter", "channel", "block"):
        conv = whole(rng, (6, 4, 3, 3), 4)
        block = {"block": (4, 9)} if structure == "block" else {}
        yield (conv,), {"structure": structure, "sparsity": 0.4, **block}
        yield ({"conv": conv, "fc": whole(rng, (5, 7), 9)},), {"structure": structure, "sparsity": 0.4, **block}
    yield ({"x": whole(rng, 7), "y": whole(rng, (2, 3, 5))},), {"structure": "nm", "n": 1, "m": 4}
    yield (np.float32(-3).reshape(()),), {"sparsity": 1}
    yield ({},), {"sparsity": 0.5}
    yield (np.zeros((0, 5)),), {"structure": "nm", "n": 2, "m": 4}
    yield (ordinary(rng, (129, 257)),), {"structure": "nm", "n": 5, "m": 16}


def prune_threshold():
    rng = np.random.default_rng(22)
    for length in LENGTHS:
        yield (whole(rng, length, 4),), {"quality": 1.0}
        yield (ordinary(rng, (3, length)),), {"quality": length / 20}
    for quality in (0, 1, 2.0, 1e-300, 1e300):
        yield (FINITE,), {"quality": quality}
        yield (np.float32([1, -1, 3, -3, -0.0]),), {"quality": quality}
        yield (np.full(7, 0.1, np.float32),), {"quality": quality}
    yield (np.float32([1, 1, -1, -1]),), {"quality": 1}  # the threshold is 1
    yield (np.float32(2).reshape(()),), {"quality": 1}
    yield (ordinary(rng, 70_001),), {"quality": 0.7}


def _pairs(rng, signed: bool = True):
    """Yield weights and a statistic of the same shape, of either precision."""
    for length in LENGTHS:
        for shape in ((length,), (3, length)):
            second = ordinary(rng, shape).astype(np.float64) * 0.1
            if length % 2:
                second = second.astype(np.float32)
            yield ordinary(rng, shape), second if signed else np.abs(second)
    edges = np.repeat(FINITE[:, None], len(FINITE), axis=1)
    yield edges, edges.T.copy() if signed else np.abs(edges.T)
    yield np.float32([1e-45, 3e38]), np.float64([1e-320, 1e300])
    yield np.float32(3).reshape(()), np.float64(0.5).reshape(())
    yield ordinary(rng, (300, 257)), np.abs(rng.standard_normal((300, 257)))


def prune_score_wanda():
    for w, s in _pairs(np.random.default_rng(23), signed=False):
        if w.ndim == 2:
            yield (w, s[0].copy()), {}


def prune_score_taylor():
    for pair in _pairs(np.random.default_rng(24)):
        yield pair, {}


def prune_score_movement():
    for pair in _pairs(np.random.default_rng(25)):
        yield pair, {}


def prune_score_obd():
    for pair in _pairs(np.random.default_rng(26)):
        yield pair, {}


def prune_score_fisher():
    for pair in _pairs(np.random.default_rng(27), signed=False):
        yield pair, {}


def prune_score_apoz():
    rng = np.random.default_rng(28)
    for length in LENGTHS:
        yield (rng.integers(0, 1001, length), 1000), {}
        yield (rng.integers(0, 8, length).astype(np.float64), 7), {}
    yield (np.int64([0, 2**53 - 1, 2**53]), 2**53), {}


def prune_score_activation():
    rng = np.random.default_rng(29)
    for length in LENGTHS:
        yield (rng.standard_normal(length) * 100, length + 1), {}
        yield (ordinary(rng, length), 3), {}
    yield (np.float64([1e308, -1e308, 5e-324, -0.0]), 2), {}


SWEEPS = {f.__name__: f for f in (
    prune_magnitude, prune_select, prune_threshold, prune_score_wanda, prune_score_taylor, prune_score_movement,
    prune_score_apoz, prune_score_activation, prune_score_obd, prune_score_fisher)}
