"""Exact k-means in one dimension: no partition is better, in rational numbers."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import BOTH, each, native, needs_native
from rounding import gamma

from refcompress import RefcompressError, share_kmeans, share_optimal
from refcompress.reference.share.optimal import best_means
from refcompress.reference.share.starts import distinct

SMALL = hnp.arrays(np.float32, st.integers(1, 9), elements=st.one_of(st.integers(-5, 5), st.floats(-1, 1, width=32)))


def means_in_c(x, omega, k):
    """What the reference's best_means returns, of values that are float32 numbers."""
    keys, weights, _ = native.share.sorted_keys(x.astype(np.float32), omega.astype(np.float32), False)
    return native.share.best_means(keys, weights, k)[0]


BEST_MEANS = {"reference": best_means} | ({"native": means_in_c} if native else {})
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
    # The stated bound on each cost, twice (of the path chosen and of the best), and the rounding of the means.
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
    # squared (a mean is a minimum: no first-order term) but for the double rounding of near ties. A value below 2**-126
    # is rounded by 2**-150, and may be another one by twice that.
    assert errors[0] <= errors[1] + 2.0**-46 * float(np.sum(w.astype(np.float64) ** 2)) + w.size * 2.0**-298
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


def squares(x, omega, c):
    return float(np.sum(omega * np.min((x[:, None] - c) ** 2, axis=1)))


@needs_native
@pytest.mark.parametrize("n, k", [(65, 7), (130, 16), (257, 3), (700, 40), (300, 299)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_path_by_penalties_costs_what_the_recurrence_finds(n, k, weighted):
    rng = np.random.default_rng(n)
    x, omega = distinct(np.sort(rng.standard_normal(n).astype(np.float32)).astype(np.float64),
                        rng.integers(1, 9, n).astype(np.float64) if weighted else None)
    costs = [squares(x, omega, means(x, omega, k)) for means in BEST_MEANS.values()]
    # The stated bound on the cost of each of the k segments, in both.
    assert abs(costs[0] - costs[1]) <= 2 * k * (n + 4) * 2.0**-52 * float(omega @ x**2)


@needs_native
@pytest.mark.parametrize("n", [2, 3, 9, 16, 33, 64])
def test_each_number_of_segments_is_found_where_most_are_on_no_corner(n):
    """Equal steps: a penalty changes the number of segments by many at once, and those between are joined from two."""
    x = np.arange(n, dtype=np.float64)
    for k in range(1, n):
        found = means_in_c(x, np.ones(n), k)
        size, longer = divmod(n, k)
        assert len(found) == k
        assert squares(x, np.ones(n), found) == sum(m * (m * m - 1) / 12 for m in [size + 1] * longer
                                                    + [size] * (k - longer))


@needs_native
@given(x=hnp.arrays(np.float32, st.integers(3, 60), elements=st.integers(-99, 99), unique=True), data=st.data())
def test_two_cheapest_paths_make_one_of_each_number_of_links_between(x, data):
    paths = native.share.paths
    points = points_of(np.sort(x))
    walk = paths.Walk(points)
    fewer, more = (walk.cheapest(penalty) for penalty in sorted(data.draw(st.tuples(*[st.floats(0, 900)] * 2)))[::-1])
    rounding = 4 * walk.rounding(len(x), walk.best(1, 0.0).cost)  # of the costs
    for k in range(fewer.links + 1, more.links):
        places = paths.joined(fewer.places, more.places, k)
        assert len(places) == k + 1 and (places[0], places[-1]) == (0, len(x)) and (np.diff(places) > 0).all()
        # The other path of the exchange costs at least what a cheapest path of its penalty and as many links would.
        cost = walk.path(places, 0.0).cost
        assert cost <= fewer.cost - more.penalty * (k - fewer.links) + rounding
        assert cost <= more.cost + fewer.penalty * (more.links - k) + rounding


def points_of(x):
    keys, *_ = native.share.sorted_keys(x.astype(np.float32), None, False)
    return native.share.running_sums(keys, None)[0]


@needs_native
@pytest.mark.parametrize("penalty", [0.0, 1e-6, 0.01, 1.0, 50.0])
@pytest.mark.parametrize("name", ["normal", "two", "steps", "heavy"])
def test_a_walk_finds_the_cheapest_path_of_all(name, penalty):
    rng = np.random.default_rng(7)
    x = {"normal": rng.standard_normal(150), "two": np.append(rng.normal(-5, 0.1, 75), rng.normal(5, 1, 75)),
         "steps": np.arange(150) // 2, "heavy": rng.standard_t(1, 150)}[name]
    points = points_of(x)
    n = len(points) - 1
    least, q, s, w = np.zeros(n + 1), *points[:, :3].T
    for i in range(1, n + 1):
        least[i] = np.min(least[:i] + np.maximum(q[i] - q[:i] - (s[i] - s[:i]) ** 2 / (w[i] - w[:i]), 0)) + penalty
    path = native.share.paths.Walk(points).cheapest(penalty)
    rounding = native.share.paths.Walk(points).rounding(path.links, least[n])
    assert abs(points[n, 3] - least[n]) <= 2 * rounding
    assert abs(path.cost + path.links * penalty - least[n]) <= 2 * rounding


@needs_native
def test_a_walk_may_be_made_in_steps(monkeypatch):
    x = np.random.default_rng(5).standard_normal(300)
    means = means_in_c(x, np.ones(300), 12)
    monkeypatch.setattr(native.share.threads, "CHUNK_SECONDS", 0)
    monkeypatch.setattr(native.share, "SORTED_AT_A_TIME", 7)
    assert np.array_equal(means_in_c(x, np.ones(300), 12), means)


@needs_native
@pytest.mark.parametrize("clusters", [1, 2, 5, 64])
def test_many_values_are_clustered_by_penalties_that_few_places_tell(monkeypatch, clusters):
    w = np.random.default_rng(4).standard_t(3, 4000).astype(np.float32)
    best = native.share_optimal(w, clusters=clusters)
    monkeypatch.setattr(native.share.paths, "COARSE", 16)  # places: three strides, of which the coarsest says little
    assert np.array_equal(native.share_optimal(w, clusters=clusters).codebook, best.codebook)


@needs_native
def test_gains_that_rounding_loses_end_the_search_without_a_penalty():
    """The light values differ by less than the rounding of the heavy ones: only a penalty of 0 has more segments."""
    steps = np.float32(2.0**-23)
    w = np.float32([*(np.float32(-1) + np.arange(5, dtype=np.float32) * steps), 3, 3, 3 + 2 * steps])
    weights = np.float32([1e-30] * 5 + [1e30] * 3)
    for clusters in range(2, 8):
        shared = native.share_optimal(w, clusters=clusters, weights=weights)
        assert len(shared.codebook) <= clusters and np.array_equal(shared.dense()[5:], w[5:]), clusters


@each("impl", BOTH)
@pytest.mark.parametrize("seed", range(3))
def test_each_value_is_the_mean_of_its_weights_and_each_weight_has_the_nearest(impl, seed):
    rng = np.random.default_rng(seed)
    w, weights = rng.standard_normal((40, 30)).astype(np.float32), rng.random((40, 30), np.float32)
    shared = impl.share_optimal(w, clusters=7, weights=weights)
    for code, value in enumerate(shared.codebook):
        members = shared.codes == code
        mean = np.average(w[members].astype(np.float64), weights=weights[members])
        # Two sums of n products (and of n weights), one after the other or in pairs, and a quotient; then float32.
        size = np.average(np.abs(w[members].astype(np.float64)), weights=weights[members])
        allowed = gamma(4 * np.count_nonzero(members)) * size
        assert abs(value - mean) <= 2.0**-24 * (abs(mean) + allowed) + allowed
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


@needs_native
@given(hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-100, 100, width=32)), st.integers(1, 9),
       st.booleans())
def test_the_values_have_the_same_bits_in_both_implementations_where_the_segments_are_the_same(w, k, pruned):
    k = max(min(k, w.size), 1 + pruned)
    if k > w.size:
        return
    one, other = (share(w, clusters=k, pruned=pruned) for share in (share_optimal, native.share_optimal))
    if np.array_equal(one.codes, other.codes):
        assert np.array_equal(one.codebook, other.codebook)
