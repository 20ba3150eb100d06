"""Exact k-means in one dimension: no partition is better, in rational numbers."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import BOTH, each, native, needs_native

from refcompress import RefcompressError, share_kmeans, share_optimal
from refcompress.reference.share.optimal import best_means
from refcompress.reference.share.starts import distinct

SMALL = hnp.arrays(np.float32, st.integers(1, 9), elements=st.one_of(st.integers(-5, 5), st.floats(-1, 1, width=32)))

BEST_MEANS = {"reference": best_means} | ({"native": native.share.best_means} if native else {})
every_implementation = pytest.mark.parametrize("best_means", BEST_MEANS.values(), ids=BEST_MEANS)


def segment_cost(x, weights):
    total = sum(weights)
    if not total:
        return Fraction(0)
    mean = sum(w * v for w, v in zip(weights, x)) / total
    return sum(w * (v - mean) ** 2 for w, v in zip(weights, x))


def least(values, weights, k):
    """The least cost over all partitions into at most k segments of the sorted values."""
    pairs = sorted(zip(map(Fraction, values), map(Fraction, weights)))
    x, w = [p[0] for p in pairs], [p[1] for p in pairs]
    costs = []
    for cuts in combinations(range(1, len(x)), min(k, len(x)) - 1):
        ends = [0, *cuts, len(x)]
        costs.append(sum(segment_cost(x[a:b], w[a:b]) for a, b in zip(ends, ends[1:])))
    return min(costs)


@every_implementation
@given(w=SMALL, data=st.data())
def test_no_partition_costs_less(best_means, w, data):
    k = data.draw(st.integers(1, w.size))
    weights = data.draw(st.one_of(st.just(np.ones(w.size, np.float32)),
                                  hnp.arrays(np.float32, w.size, elements=st.integers(0, 4)).filter(np.any)))
    values, importance = w.astype(np.float64).tolist(), weights.astype(np.float64).tolist()
    order = np.argsort(w, kind="stable")
    c = best_means(*distinct(w[order].astype(np.float64), weights[order].astype(np.float64)), k)
    cost = sum(Fraction(m) * min((Fraction(v) - Fraction(float(center))) ** 2 for center in c)
               for v, m in zip(values, importance))
    size = sum(Fraction(m) * Fraction(v) ** 2 for v, m in zip(values, importance))
    # The stated bound on each cost, twice (of the segment chosen and of the best), and the rounding of the means.
    assert cost - least(values, importance, k) <= Fraction(4 * (w.size + 4), 2**52) * size


@given(hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-100, 100, width=32)), st.integers(1, 20),
       st.booleans())
def test_lloyds_result_is_never_better(w, k, pruned):
    k = max(min(k, w.size), 1 + pruned)
    if k > w.size:
        return
    best, lloyd = (share(w, clusters=k, pruned=pruned) for share in (share_optimal, share_kmeans))
    errors = [float(np.sum((w.astype(np.float64) - s.dense()) ** 2)) for s in (best, lloyd)]
    # Both codebooks are rounded to float32: each error moves by at most that of a value, 2**-24 of it, an element,
    # squared (a mean is a minimum: no first-order term) but for the double rounding of near ties.
    assert errors[0] <= errors[1] + 2.0**-46 * float(np.sum(w.astype(np.float64) ** 2)) + 1e-40
    assert len(best.codebook) <= k and best.pruned >= pruned


@given(hnp.arrays(np.float32, st.integers(2, 60), elements=st.integers(-50, 50)))
def test_more_clusters_never_cost_more_and_enough_of_them_cost_nothing(w):
    costs = [float(np.sum((w.astype(np.float64) - share_optimal(w, clusters=k).dense()) ** 2))
             for k in range(1, w.size + 1)]
    slack = 2.0**-46 * float(np.sum(w.astype(np.float64) ** 2))
    assert all(b <= a + slack for a, b in zip(costs, costs[1:])) and costs[-1] == 0


@given(hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-8, 8, width=32)), st.integers(1, 6),
       st.integers(-20, 20))
def test_order_does_not_matter_and_powers_of_two_pass_through(w, k, power):
    k = min(k, w.size)
    book = share_optimal(w, clusters=k).codebook
    assert np.array_equal(share_optimal(w[::-1].copy(), clusters=k).codebook, book)
    if not np.any((np.abs(w) < 2.0**-60) & (w != 0)):
        assert np.array_equal(share_optimal(np.ldexp(w, power), clusters=k).codebook, np.ldexp(book, power))


@needs_native
@pytest.mark.parametrize("n, k", [(65, 7), (130, 16), (257, 3), (1500, 40)])
@pytest.mark.parametrize("weighted", [False, True])
def test_halving_the_distance_between_solved_places_finds_what_the_recurrence_finds(n, k, weighted):
    rng = np.random.default_rng(n)
    x, omega = distinct(np.sort(rng.standard_normal(n)), rng.integers(1, 9, n).astype(np.float64) if weighted else None)
    costs = [float(np.sum(omega * np.min((x[:, None] - means(x, omega, k)) ** 2, axis=1)))
             for means in BEST_MEANS.values()]
    # The stated bound on the cost of each of the k segments, in both.
    assert abs(costs[0] - costs[1]) <= 2 * k * (n + 4) * 2.0**-52 * float(omega @ x**2)


@needs_native
@pytest.mark.parametrize("n", [2, 3, 9, 16, 33])
def test_of_equally_good_segments_those_that_begin_first_are_chosen_in_c_too(n):
    x = np.arange(n, dtype=np.float64)
    for k in range(1, n):
        assert np.array_equal(native.share.best_means(x, np.ones(n), k), best_means(x, np.ones(n), k))


@needs_native
def test_the_levels_may_be_solved_one_call_each(monkeypatch):
    x = np.sort(np.random.default_rng(5).standard_normal(300))
    means = native.share.best_means(x, np.ones(300), 12)
    monkeypatch.setattr(native.share.threads, "CHUNK_SECONDS", 0)
    assert np.array_equal(native.share.best_means(x, np.ones(300), 12), means)


@each("impl", BOTH)
@pytest.mark.parametrize("seed", range(3))
def test_each_value_is_the_mean_of_its_weights_and_each_weight_has_the_nearest(impl, seed):
    rng = np.random.default_rng(seed)
    w, weights = rng.standard_normal((40, 30)).astype(np.float32), rng.random((40, 30), np.float32)
    shared = impl.share_optimal(w, clusters=7, weights=weights)
    for code, value in enumerate(shared.codebook):
        members = shared.codes == code
        mean = np.average(w[members].astype(np.float64), weights=weights[members])
        assert abs(value - mean) <= 2.0**-24 * abs(mean) + 1e-12
    distance = np.abs(w[..., None].astype(np.float64) - shared.codebook)
    assert np.array_equal(shared.codes, distance.argmin(axis=-1))


def test_refuses_what_share_kmeans_refuses():
    for kwargs in ({}, {"bits": 0}, {"clusters": 4}, {"bits": 2, "clusters": 2}, {"clusters": 1, "pruned": True},
                   {"bits": 1, "weights": np.float32([-1, 1, 1])}):
        with pytest.raises(RefcompressError):
            share_optimal(np.float32([1, 2, 3]), **kwargs)
    with pytest.raises(RefcompressError, match="w\\[1\\]"):
        share_optimal(np.float32([1, np.nan]), bits=1)
    assert share_optimal(np.zeros(0, np.float32), bits=2).codebook.size == 0
