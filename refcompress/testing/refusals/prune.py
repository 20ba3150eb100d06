"""What the operations of the prune family must refuse."""

import numpy as np

from ..values import not_arrays

_NAN = np.float32([1, np.nan, 2])


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


REFUSALS = {
    "prune_magnitude": _magnitude, "prune_select": _select, "prune_threshold": _threshold,
    "prune_score_wanda": _score(False, _LIKE_INPUTS), "prune_score_taylor": _score(True, _LIKE_W),
    "prune_score_movement": _score(True, _LIKE_W), "prune_score_obd": _score(True, _LIKE_W),
    "prune_score_fisher": _score(False, _LIKE_W),
    "prune_score_apoz": _units(np.int64([0, 4, 1]), [np.int64([0, 5]), np.int64([-1]), np.float64([0.5]),
                                                     np.float64([np.nan])]),
    "prune_score_activation": _units(np.float64([0, 4, 1]), [np.float64([1, np.nan]), np.float64([np.inf])]),
}
