"""Edges of pruning: every structure at its ends, ties everywhere at long lengths, counts beyond 2**53."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ..cases import Call, Calls
from ..hessians import hessian
from ..values import ordinary, whole
from .lengths import BEYOND, LONG, MANY, all_bits, at_lengths

_F = np.float32


def _magnitude(rng, i, m, k) -> Call:
    w = whole(rng, (m, k), 3) if i % 2 else ordinary(rng, (m, k))  # ties everywhere in every second one
    size = m * k
    return (w,), ({"keep": size // 2}, {"sparsity": 0.9}, {"keep": 1}, {"keep": size - 1}, {"sparsity": 0.5})[i % 5]


def _magnitude_options():
    rng = np.random.default_rng(1)
    for shape in ((7,), (3, 5), (2, 3, 4), (2, 3, 2, 2)):
        size = int(np.prod(shape))
        for w in (ordinary(rng, shape), whole(rng, shape, 2), np.zeros(shape, _F)):
            for how in ({"keep": 0}, {"keep": size}, {"keep": 1}, {"sparsity": 0.0}, {"sparsity": 1.0},
                        {"sparsity": 0.5}, {"sparsity": 1.5 / size}, {"sparsity": 0.5 / size},
                        {"sparsity": 2.5 / size}):
                yield (w,), how
    for share in (0.1, 0.3, 0.7, 0.9):  # whose float32 and float64 lie on two sides of a tie (PRUNE-1.2)
        for size in (5, 15, 25, 35, 45, 65, 75):
            for number in (_F(share), np.float16(share), np.float64(share), share):
                yield (whole(rng, size, 99),), {"sparsity": number}
    yield ({},), {"keep": 0}
    near = np.nextafter(np.ones(40, _F), _F(2))  # neighbours of 1, which bfloat16 and tf32 take for equal
    near[::3] = 1
    yield (near,), {"keep": 20}
    yield (all_bits(rng, 500),), {"keep": 250}
    yield (np.ldexp(whole(rng, 60), -149).astype(_F),), {"keep": 30}
    for count in (40, 300):  # a dict of many layers
        yield ({str(n): whole(rng, 1 + n % 3, 5) for n in range(count)},), {"keep": count}


def _select_options():
    rng = np.random.default_rng(2)
    for scores in (ordinary(rng, (6, 8)), whole(rng, (6, 8), 2), np.zeros((6, 8)), whole(rng, (6, 8), 3, np.float64)):
        for structure, most in (("element", 48), ("row", 6), ("column", 8), ("filter", 6), ("channel", 8)):
            for how in ({"keep": 0}, {"keep": 1}, {"keep": most - 1}, {"keep": most}, {"sparsity": 0.0},
                        {"sparsity": 1.0}, {"sparsity": 0.5}, {"sparsity": 1.5 / most}):
                yield (scores,), {"structure": structure, **how}
        for block in ((1, 1), (6, 8), (7, 9), (1, 8), (6, 1), (4, 3)):
            yield (scores,), {"structure": "block", "block": block, "sparsity": 0.5}
        for axis in (0, 1, -1, -2, None):
            for n, m in ((0, 1), (1, 1), (1, 2), (2, 4), (4, 4), (3, 6), (4, 8), (5, 8), (6, 12), (7, 64)):
                yield (scores,), {"structure": "nm", "n": n, "m": m, **({} if axis is None else {"axis": axis})}
    for shape in ((2, 3, 4), (2, 3, 4, 5)):
        scores = ordinary(rng, shape)
        for structure in ("filter", "channel"):
            yield (scores,), {"structure": structure, "sparsity": 0.4}
        yield (scores,), {"structure": "block", "block": (2, 3), "sparsity": 0.4}
        for axis in range(-len(shape), len(shape)):
            yield (scores,), {"structure": "nm", "n": 1, "m": 2, "axis": axis}


def _in_order(values: np.ndarray) -> float:
    """Return the sum in float64, one after the other from +0.0."""
    total = 0.0
    for value in values.reshape(-1).tolist():
        total += value
    return total


def cancelling(rng, shape) -> np.ndarray:
    """Return numbers of which large ones cancel: in another order, in pieces, or exactly, their sum is another one."""
    size = int(np.prod(shape))
    a = rng.integers(1, 9, size).astype(np.float64)
    places = rng.permutation(size)[: 2 * max(1, size // 6)].reshape(2, -1)
    large = 2.0 ** rng.integers(53, 56, places.shape[1])
    a[places[0]], a[places[1]] = large, -large
    return a.reshape(shape)


# Shapes of two units each, and the options that choose these.
UNITS: tuple[tuple[tuple[int, ...], dict], ...] = (
    ((2, 24), {"structure": "row"}), ((2, 300), {"structure": "row"}), ((24, 2), {"structure": "column"}),
    ((300, 2), {"structure": "column"}), ((2, 24), {"structure": "filter"}), ((2, 3, 9), {"structure": "filter"}),
    ((2, 3, 3, 4), {"structure": "filter"}), ((20, 2), {"structure": "channel"}),
    ((3, 2, 9), {"structure": "channel"}), ((3, 2, 3, 4), {"structure": "channel"}),
    ((4, 12), {"structure": "block", "block": (4, 6)}), ((8, 7), {"structure": "block", "block": (4, 7)}),
    ((4, 2, 6), {"structure": "block", "block": (4, 6)}))


def _second_unit(shape: tuple[int, ...], how: dict) -> np.ndarray:
    """Return where the second of two units lies."""
    second = np.zeros(shape, bool)
    axis = {"row": 0, "filter": 0, "column": 1, "channel": 1}.get(how["structure"])
    if axis is None:
        high, wide = how["block"]
        matrix = second.reshape(shape[0], -1)
        matrix[(high if shape[0] > high else 0) :, (0 if shape[0] > high else wide) :] = True
    else:
        np.moveaxis(second, axis, 0)[1] = True
    return second


def _select_sums_in_order():
    """Of two units one has numbers that cancel, and one their sum alone: equal, so that the first one stays."""
    rng = np.random.default_rng(7)
    for shape, how in UNITS:
        for _ in range(6):
            second = _second_unit(shape, how)
            for unit in (second, ~second):
                scores = np.zeros(shape)
                scores[unit] = cancelling(rng, np.count_nonzero(unit))
                other = np.flatnonzero(~unit)
                scores.flat[other[len(other) // 2]] = _in_order(scores[unit])
                for dtype in (np.float64, _F):
                    yield (scores.astype(dtype),), {**how, "keep": 1}


def _subnormal_quotients():
    sums = np.float64([1e-300, -1e-300, 2.0**-1022, -(2.0**-1023), 5e-324, 3 * 5e-324, 1, 0.0, -0.0])
    for count in (1, 2, 3, 1000, 2**40, 2**53):
        yield (sums, count), {}


def _select(rng, i, m, k) -> Call:
    scores = whole(rng, (m, k), 5) if i % 2 else ordinary(rng, (m, k))
    kinds: tuple[dict, ...] = (
        {"keep": m * k // 2}, {"structure": "nm", "n": 2, "m": 4}, {"structure": "row", "sparsity": 0.5},
        {"structure": "column", "sparsity": 0.5}, {"structure": "block", "block": (1, 4), "sparsity": 0.5},
        {"structure": "nm", "n": k // 2, "m": k}, {"structure": "nm", "n": 1, "m": 2, "axis": 0},
        {"structure": "filter", "sparsity": 0.3}, {"structure": "channel", "sparsity": 0.3},
        {"structure": "block", "block": (2, 1), "sparsity": 0.5})
    return (scores,), kinds[i % len(kinds)]


def _threshold(rng, i, m, k) -> Call:
    w = whole(rng, (m, k), 4) if i % 2 else ordinary(rng, (m, k)) + _F(100)  # a mean far from zero
    return (w,), {"quality": (1.0, 0.5, 2.0)[i % 3]}


def _threshold_edges():
    for n in (1, 2, 4, 8, 64, 1024):
        for sign in (1, -1):  # the deviation is exactly what half of them have
            yield (np.repeat(_F([sign, -sign]), n),), {"quality": 1.0}
        yield (np.zeros(n, _F),), {"quality": 1.0}
    yield (_F([1e-45] * 5 + [-1e-45] * 5),), {"quality": 1.0}
    yield (_F([3e38, -3e38]),), {"quality": 1.0}


def _threshold_in_order():
    """A quality that makes the threshold a weight's magnitude, or the next number: sums in another order miss it."""
    rng = np.random.default_rng(8)
    for i, n in enumerate((9, 12, 17, 24, 33, 50, 64, 100, 130, 257, 300, 1025)):
        for _ in range(5):
            w = ordinary(rng, n) + _F(i % 3)
            wide = w.astype(np.float64)
            deviation = np.sqrt(_in_order((wide - _in_order(wide) / n) ** 2) / n)
            quality = abs(wide[0]) / deviation
            for some in (quality, np.nextafter(quality, 0), np.nextafter(quality, 99)):
                yield (w,), {"quality": float(some)}


def _project(rng, i, m, k) -> Call:
    args, how = _magnitude(rng, i, m, k)
    return args, {"keep": how.get("keep", m * k // 3)}


def _scores(signed: bool, rng, i, m, k) -> Call:
    """Numbers of all bits: a product in float32 is another one."""
    w = np.ldexp(all_bits(rng, (m, k)), rng.integers(-40, 10, (m, k))).astype(_F)
    second = rng.standard_normal((m, k)) if i % 2 else all_bits(rng, (m, k))
    return (w, second if signed else np.abs(second)), {}


def _small_scores(signed: bool, by_input: bool, rng, i, m, k) -> Call:
    """Subnormal weights or statistics, of which the product is normal, or subnormal, or beside what becomes zero."""
    low, high = ((-149, 0), (-149, 20), (-149, 140), (-140, 3), (-80, -66), (-149, -2))[i % 6]
    if i % 4 == 3 and high < 100:
        low, high = high, low
    w, second = (np.ldexp(whole(rng, (m, k), 15).astype(np.float64), exponent) for exponent in (low, high))
    w, second = w.astype(_F), second if signed else np.abs(second)
    return (w, second[0].copy() if by_input else second), {}


def _wanda(rng, i, m, k) -> Call:
    (w, second), how = _scores(False, rng, i, m, k)
    return (w, second[0].copy()), how


def _apoz(rng, i, n) -> Call:
    count = (2**53, 2**53 - 1, 1000, 3)[i % 4]
    zeros = rng.integers(0, count + 1, n)
    return (zeros if i % 2 else zeros.astype(np.float64), count), {}


def _apoz_edges():
    for count in (1, 2, 3, 10, 2**31, 2**32 + 1, 2**53 - 1, 2**53):
        zeros = np.unique([0, 1, count // 3, count // 2, count - 1, count]).astype(np.int64)
        yield (zeros, count), {}
        yield (zeros.astype(np.float64), count), {}


def _activation(rng, i, n) -> Call:
    return (rng.standard_normal(n) * 10.0 ** rng.integers(-300, 300), (1, 3, 7, 2**31 + 1, 2**53)[i % 5]), {}


def _layers(op: str, **fixed) -> Callable[[], Calls]:
    def calls() -> Calls:
        rng = np.random.default_rng(3)
        w, h = ordinary(rng, (3, 12)), hessian(rng, 12)
        for sparsity in (0.0, 1.0, 0.5, 1.5 / 36, 0.999):
            for damping in (0.0, 1e-300, 0.01, 1.0, 1e6):
                yield (w, h), {"sparsity": sparsity, "damping": damping}
        for weights in (np.zeros_like(w), np.full_like(w, -0.0), whole(rng, (3, 12), 1), np.ldexp(w, -140).astype(_F)):
            yield (weights, h), {"sparsity": 0.5}
            yield (weights, np.eye(12)), {"sparsity": 0.5}
        for rows in [n for n in (*LONG, BEYOND) if n <= fixed["rows"]]:
            yield (ordinary(rng, (rows, 3)), hessian(rng, 3)), {"sparsity": 0.4}
        for k in [n for n in LONG if n <= fixed["columns"]]:
            yield (ordinary(rng, (2, k)), hessian(rng, k)), {"sparsity": 0.5}
    return calls


def _obs_options():
    rng = np.random.default_rng(4)
    w, h = ordinary(rng, (3, 12)), hessian(rng, 12)
    for keep in (0, 1, 18, 35, 36):
        yield (w, h), {"keep": keep}


def _sparsegpt_options():
    rng = np.random.default_rng(5)
    w, h = ordinary(rng, (3, 12)), hessian(rng, 12)
    for block in (1, 2, 4, 11, 12, 13, 2**40):
        for how in ({"sparsity": 0.5}, {"n": 2, "m": 4}, {"n": 1, "m": 2}, {"n": 0, "m": 1}, {"n": 12, "m": 12},
                    {"n": 3, "m": 12}, {"n": 3, "m": 13}, {"n": 4, "m": 8}):
            yield (w, h), {**how, "block": block}


def _small(signed: bool, by_input: bool = False) -> Callable[[], Calls]:
    lengths = (1, 4, 8, 15, 16, 17, 32, 33, 64, 130, 1025)
    return at_lengths(partial(_small_scores, signed, by_input), 3, 5, lengths=lengths)


_MANY_ROWS = at_lengths(lambda rng, i, m: ((whole(rng, (m, 2), 4),), {"structure": "row", "sparsity": 0.5}), 3,
                        lengths=MANY)

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "prune_magnitude": (_magnitude_options, at_lengths(_magnitude, 2, 3)),
    "prune_select": (_select_sums_in_order, _select_options, _MANY_ROWS, at_lengths(_select, 3, 6)),
    "prune_threshold": (_threshold_edges, _threshold_in_order, at_lengths(_threshold, 2, 3)),
    "prune_project_l0": (at_lengths(_project, 2, 3),),
    "prune_score_wanda": (_small(False, True), at_lengths(_wanda, 3, 5)),
    "prune_score_taylor": (_small(True), at_lengths(partial(_scores, True), 3, 5)),
    "prune_score_movement": (_small(True), at_lengths(partial(_scores, True), 3, 5)),
    "prune_score_obd": (_small(True), at_lengths(partial(_scores, True), 3, 5)),
    "prune_score_fisher": (_small(False), at_lengths(partial(_scores, False), 3, 5)),
    "prune_score_apoz": (_apoz_edges, at_lengths(_apoz, 5)),
    "prune_score_activation": (_subnormal_quotients, at_lengths(_activation, 5)),
    "prune_obs": (_obs_options, _layers("prune_obs", rows=1025, columns=129)),
    "prune_sparsegpt": (_sparsegpt_options, _layers("prune_sparsegpt", rows=16_385, columns=257)),
}
