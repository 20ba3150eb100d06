"""The cases of the operations that select weights: ties everywhere, ragged ends, several layers at once."""

from collections.abc import Iterator

import numpy as np

from ..cases import Cases
from ..draws import array, composite, either, finite, lengths, no_nan, shapes, st, tame
from ..values import FINITE, LENGTHS, WITH_NAN, not_arrays, ordinary, whole

CASES: dict[str, Cases] = {}


# prune_magnitude

def prune_magnitude_sweep():
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


def prune_magnitude_refusals():
    w = np.float32([3, 1, 2])
    for bad in not_arrays(w):
        yield (bad,), {"keep": 1}
    yield (WITH_NAN,), {"keep": 1}
    yield ({"a": w, "b": WITH_NAN},), {"keep": 1}
    yield ({"a": w, "b": w.astype(np.float64)},), {"keep": 1}
    yield (w,), {}
    yield (w,), {"keep": 1, "sparsity": 0.5}
    for keep in (-1, 4, True, 1.0, "1", 2**64):
        yield (w,), {"keep": keep}
    for sparsity in (-0.1, 1.1, np.nan, np.inf, True, "0.5", 1j):
        yield (w,), {"sparsity": sparsity}


@composite
def prune_magnitude_strategy(draw):
    w = draw(array(np.float32, draw(shapes()), draw(either(no_nan()))))
    if draw(st.booleans()):
        return (w,), {"keep": draw(st.integers(0, w.size))}
    share = {"sparsity": draw(st.floats(0, 1))}
    if draw(st.booleans()):
        return ({"first": w, "second": draw(array(np.float32, draw(shapes()), tame()))},), share
    return (w,), share


CASES["prune_magnitude"] = Cases(prune_magnitude_sweep, prune_magnitude_refusals, prune_magnitude_strategy)


# prune_select

def prune_select_sweep():
    rng = np.random.default_rng(21)
    structures = ("block", "row", "column", "filter", "channel")
    for length in LENGTHS:
        yield (ordinary(rng, length),), {"keep": length // 2}
        yield (whole(rng, (3, length), 2),), {"structure": "nm", "n": 2, "m": 4}  # ties everywhere, and a ragged end
        yield (whole(rng, (length, 5), 3),), {"structure": "nm", "n": length % 4, "m": 3 + length % 5, "axis": 0}
        yield (whole(rng, (5, length), 3),), {"structure": "nm", "n": length // 3, "m": max(length, 1)}  # a group a row
        structure = structures[length % 5]
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


def prune_select_refusals():
    scores = np.float32([[3, 1, 2, 5], [1, 0, 7, 2]])
    for bad in (*not_real(scores), WITH_NAN, np.array([np.nan])):
        yield (bad,), {"keep": 1}
    yield ({"a": scores, "b": WITH_NAN},), {"keep": 1}
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
    hidden = scores.copy()  # a NaN that no comparison meets: all of a group stay, or none
    hidden[1, 2] = np.nan
    for kwargs in ({**nm, "n": 4, "m": 4}, {**nm, "n": 0, "m": 4}, {**nm, "n": 1, "m": 1}, {"keep": 8}, {"keep": 0},
                   {"keep": 2, "structure": "row"}, {"keep": 0, "structure": "row"}):
        yield (hidden,), kwargs


def not_real(good: np.ndarray) -> Iterator:
    """Return what is no array of float32 or float64."""
    return (bad for bad in not_arrays(good) if getattr(bad, "dtype", None) != np.float64)


@composite
def prune_select_strategy(draw):
    structure = draw(st.sampled_from(["element", "nm", "block", "row", "column", "filter", "channel"]))
    dtype, floats = draw(st.sampled_from([np.float32, np.float64])), draw(either(finite()))
    shape = draw(shapes() if structure in ("element", "nm") else st.tuples(lengths(), st.integers(0, 9)))
    scores = draw(array(dtype, shape, floats))
    if structure == "nm":
        m = draw(st.integers(1, 9))
        return (scores,), {"structure": structure, "n": draw(st.integers(0, m)), "m": m,
                           "axis": draw(st.none() | st.integers(-scores.ndim, scores.ndim - 1))}
    block = {"block": draw(st.tuples(*[st.integers(1, 5)] * 2))} if structure == "block" else {}
    both = {"first": scores, "second": scores[::-1].copy()} if draw(st.booleans()) else scores
    return (both,), {"structure": structure, "sparsity": draw(st.floats(0, 1)), **block}


CASES["prune_select"] = Cases(prune_select_sweep, prune_select_refusals, prune_select_strategy)


# prune_threshold

def prune_threshold_sweep():
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


def prune_threshold_refusals():
    w = np.float32([3, 1, 2])
    for bad in (*not_arrays(w), WITH_NAN, np.float32([1, np.inf])):
        yield (bad,), {"quality": 1.0}
    for quality in (None, -0.1, np.nan, np.inf, True, "1", 1j):
        yield (w,), {"quality": quality}


@composite
def prune_threshold_strategy(draw):
    return (draw(array(np.float32, draw(shapes()), draw(either(finite())))),), {"quality": draw(st.floats(0, 4))}


CASES["prune_threshold"] = Cases(prune_threshold_sweep, prune_threshold_refusals, prune_threshold_strategy)


# prune_project_l0

def prune_project_l0_sweep():
    rng = np.random.default_rng(30)
    for length in LENGTHS:
        yield (ordinary(rng, length),), {"keep": length // 2}
        yield (whole(rng, (3, length), 2),), {"keep": length}  # ties everywhere
    for keep in range(len(FINITE) + 1):
        yield (FINITE.copy(),), {"keep": keep}
    yield (np.float32(-3).reshape(()),), {"keep": 1}
    yield (np.float32([-0.0, 0.0, -0.0]),), {"keep": 2}
    yield (ordinary(rng, (129, 257)),), {"keep": 5000}


def prune_project_l0_refusals():
    w = np.float32([3, 1, 2])
    for bad in (*not_arrays(w), WITH_NAN, np.float32([1, np.inf]), {"a": w}):
        yield (bad,), {"keep": 1}
    for keep in (None, -1, 4, True, 1.0, "1", 2**64):
        yield (w,), {"keep": keep}


@composite
def prune_project_l0_strategy(draw):
    w = draw(array(np.float32, draw(shapes()), draw(either(finite()))))
    return (w,), {"keep": draw(st.integers(0, w.size))}


CASES["prune_project_l0"] = Cases(prune_project_l0_sweep, prune_project_l0_refusals, prune_project_l0_strategy)
