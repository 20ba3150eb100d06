"""The family ``prune``: what its operations are swept over, and what they must refuse. One generator an operation each."""

import numpy as np

from .values import FINITE, LENGTHS, not_arrays, ordinary, whole

_NAN = np.float32([1, np.nan, 2])


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


def _magnitude():
    w = np.float32([3, 1, 2])
    for bad in not_arrays(w):
        yield (bad,), {"keep": 1}
    yield (_NAN,), {"keep": 1}
    yield ({"a": w, "b": _NAN},), {"keep": 1}
    yield ({"a": w, "b": w.astype(np.float64)},), {"keep": 1}
    yield (w,), {}
    yield (w,), {"keep": 1, "sparsity": 0.5}
    for keep in (-1, 4, True, 1.0, "1", 2**64):
        yield (w,), {"keep": keep}
    for sparsity in (-0.1, 1.1, np.nan, np.inf, True, "0.5", 1j):
        yield (w,), {"sparsity": sparsity}


def _select():
    scores = np.float32([[3, 1, 2, 5], [1, 0, 7, 2]])
    for bad in (*_not_real(scores), _NAN, np.array([np.nan])):
        yield (bad,), {"keep": 1}
    yield ({"a": scores, "b": _NAN},), {"keep": 1}
    infinite = np.float32([[np.inf, -np.inf], [1, 1]])
    for bad in (infinite, {"a": scores[:, :2].copy(), "b": infinite}):
        yield (bad,), {"keep": 1, "structure": "row"}
    nm, block = {"structure": "nm"}, {"structure": "block", "keep": 1}
    for kwargs in (
        {}, {"keep": 1, "sparsity": 0.5}, {"keep": 9}, {"keep": -1}, {"keep": 1.0}, {"sparsity": 1.5},
        {"sparsity": np.nan}, {"keep": 1, "structure": "other"}, {"keep": 1, "structure": None}, {"keep": 1, "n": 2},
        {"keep": 1, "m": 4}, {"keep": 1, "axis": 0}, {"keep": 1, "block": (1, 1)}, {"keep": 3, "structure": "row"},
        {"keep": 5, "structure": "column"}, nm, {**nm, "n": 2}, {**nm, "m": 4}, {**nm, "n": 5, "m": 4},
        {**nm, "n": -1, "m": 4}, {**nm, "n": 0, "m": 0}, {**nm, "n": 1.0, "m": 4}, {**nm, "n": True, "m": 4},
        {**nm, "n": 2, "m": 4, "sparsity": 0.5}, {**nm, "n": 2, "m": 4, "keep": 3}, {**nm, "n": 2, "m": 4, "axis": 2},
        {**nm, "n": 2, "m": 4, "axis": 0.0}, {**nm, "n": 2, "m": 4, "block": (1, 4)}, block, {**block, "block": (0, 2)},
        {**block, "block": (2,)}, {**block, "block": 4}, {**block, "block": (2, -1)}, {**block, "block": (2.0, 2)},
        {**block, "block": (1, 1), "n": 2},
    ):
        yield (scores,), kwargs
    for structure in ("row", "column", "filter", "channel", "block"):
        size = {"block": (1, 1)} if structure == "block" else {}
        yield (scores[0],), {"keep": 1, "structure": structure, **size}
        yield ({"a": scores, "b": scores[0]},), {"keep": 1, "structure": structure, **size}
    for structure in ("row", "column"):
        yield (scores[None],), {"keep": 1, "structure": structure}
    yield (np.float32(1).reshape(()),), {**nm, "n": 1, "m": 2}


def _threshold():
    w = np.float32([3, 1, 2])
    for bad in (*not_arrays(w), _NAN, np.float32([1, np.inf])):
        yield (bad,), {"quality": 1.0}
    for quality in (None, -0.1, np.nan, np.inf, True, "1", 1j):
        yield (w,), {"quality": quality}


def _not_real(good: np.ndarray):
    """What is no array of either precision."""
    return (bad for bad in not_arrays(good) if getattr(bad, "dtype", None) != np.float64)


def _score(signed: bool, statistic: np.ndarray):
    def refused():
        w = np.float32([[3, 1, 2], [0, -1, 5]])
        for bad in (*not_arrays(w), np.float32([[1, np.nan, 1]] * 2), np.float32([[1, 1, -np.inf]] * 2)):
            yield (bad, statistic), {}
        for bad in (*_not_real(statistic), statistic[:1], statistic[None], statistic * np.inf, statistic * np.nan):
            yield (w, bad), {}
        if not signed:
            yield (w, -statistic), {}

    return refused


def _units(first: np.ndarray, bad_elements):
    def refused():
        for bad in (None, "text", first.astype(object), first.astype(np.int32), np.ma.masked_array(first), first[None],
                    *bad_elements):
            yield (bad, 4), {}
        for count in (0, -1, 2.0, True, None, 2**60):
            yield (first, count), {}

    return refused


_LIKE_W, _LIKE_INPUTS = np.full((2, 3), 0.5), np.full(3, 0.5)

SWEEPS = {f.__name__: f for f in (
    prune_magnitude, prune_select, prune_threshold, prune_score_wanda, prune_score_taylor, prune_score_movement,
    prune_score_apoz, prune_score_activation, prune_score_obd, prune_score_fisher)}
REFUSALS = {
    "prune_magnitude": _magnitude, "prune_select": _select, "prune_threshold": _threshold,
    "prune_score_wanda": _score(False, _LIKE_INPUTS), "prune_score_taylor": _score(True, _LIKE_W),
    "prune_score_movement": _score(True, _LIKE_W), "prune_score_obd": _score(True, _LIKE_W),
    "prune_score_fisher": _score(False, _LIKE_W),
    "prune_score_apoz": _units(np.int64([0, 4, 1]), [np.int64([0, 5]), np.int64([-1]), np.float64([0.5]),
                                                     np.float64([np.nan])]),
    "prune_score_activation": _units(np.float64([0, 4, 1]), [np.float64([1, np.nan]), np.float64([np.inf])]),
}
