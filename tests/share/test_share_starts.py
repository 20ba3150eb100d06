"""Where k-means begins: the default wastes no clusters, importance counts in each start, each is as it is stated."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import BOTH, native, needs_native

from refcompress import share_kmeans
from refcompress.reference.share.starts import INITS, initial_centroids

N = 4000


def distributions():
    rng = np.random.default_rng(0)
    normal = rng.standard_normal(N)
    return {
        "normal": normal, "laplace": rng.laplace(size=N), "uniform": rng.random(N), "student": rng.standard_t(3, N),
        "cauchy": rng.standard_cauchy(N),
        "two": np.concatenate([rng.normal(-5, 0.1, N // 2), rng.normal(5, 1, N // 2)]),
        "lognormal": np.exp(2 * rng.standard_normal(N)), "outliers": np.append(normal, [50, 80, -60, 100, 300]),
        "one outlier": np.append(normal, 1e6), "pruned": normal[np.abs(normal) > 1],
    }


def cost(w, shared, weights=None):
    d = (w.astype(np.float64) - shared.dense()) ** 2
    return float(np.sum(d if weights is None else weights * d))


@pytest.mark.parametrize("name", distributions())
@pytest.mark.parametrize("clusters, most", [(4, 1.2), (16, 1.2), (64, 1.2)])
def test_the_default_is_near_the_optimum_and_uses_every_cluster(name, clusters, most):
    """Measured at this seed: at most 1.12, 1.18 and 1.15 times the optimum, where "linear" has up to 1,891 times it."""
    w = distributions()[name].astype(np.float32)
    shared = share_kmeans(w, clusters=clusters)
    assert len(shared.codebook) == clusters
    assert cost(w, shared) <= most * cost(w, BOTH[-1].share_optimal(w, clusters=clusters))


def test_outliers_cost_the_linear_start_its_clusters_and_not_the_default():
    w = distributions()["outliers"].astype(np.float32)
    assert len(share_kmeans(w, bits=4, init="linear").codebook) < 16
    assert cost(w, share_kmeans(w, bits=4)) < cost(w, share_kmeans(w, bits=4, init="linear")) / 5


def cut_in_python(values, omega, k):
    """The stated rule in exact arithmetic: k - 1 times, of all cuts the one that lowers the squared error most."""
    def error(a, b):
        total = sum(omega[a:b])
        mean = sum(w * x for w, x in zip(omega[a:b], values[a:b])) / total
        return sum(w * (x - mean) ** 2 for w, x in zip(omega[a:b], values[a:b])), mean

    runs = [(0, len(values))]
    while len(runs) < k:
        cuts = [(error(a, b)[0] - error(a, c)[0] - error(c, b)[0], a, c, b) for a, b in runs for c in range(a + 1, b)]
        gain, a, c, b = max(cuts, key=lambda cut: (cut[0], -cut[1], -cut[2]))
        runs[runs.index((a, b))] = a, c
        runs.append((c, b))
    return sorted(error(a, b)[1] for a, b in runs)


@given(st.data())
def test_cut_makes_the_best_cut_each_time(data):
    x = sorted(data.draw(st.lists(st.integers(-99, 99), min_size=2, max_size=9, unique=True)))
    omega = data.draw(st.lists(st.integers(1, 9), min_size=len(x), max_size=len(x)))
    k = data.draw(st.integers(1, len(x) - 1))
    expected = cut_in_python([Fraction(v) for v in x], [Fraction(v) for v in omega], k)
    got = initial_centroids(np.array(x, np.float64), np.array(omega, np.float64), k, "cut", 0)

    def left(c):  # the squared error of the cut that has these centroids, exactly; other cuts may gain the same
        nearest = np.abs(np.array(x)[:, None] - np.array([float(v) for v in c])).argmin(axis=1)
        total = Fraction(0)
        for code in set(nearest.tolist()):
            members = [(Fraction(v), m) for v, m, n in zip(x, omega, nearest) if n == code]
            mean = sum(m * v for v, m in members) / sum(m for _, m in members)
            total += sum(m * (v - mean) ** 2 for v, m in members)
        return total

    assert len(got) == k
    if k == 2:  # later cuts depend on which of equal ones came first
        assert left(got) == left(expected)


def test_cuts_of_a_known_array():
    w = np.float32([0, 1, 2, 3, 10, 11, 100])  # 100 alone, then 10 and 11, then 0 and 1 from 2 and 3
    for clusters, expected in ((2, [4.5, 100]), (3, [1.5, 10.5, 100]), (4, [0.5, 2.5, 10.5, 100])):
        assert share_kmeans(w, clusters=clusters, iterations=0).codebook.tolist() == expected


def test_of_equal_gains_the_first_run_is_cut_first():
    assert share_kmeans(np.float32([0, 1, 100, 101]), clusters=3, iterations=0).codebook.tolist() == [0, 1, 100.5]


@pytest.mark.parametrize("init", INITS)
def test_values_without_importance_take_no_cluster(init):
    x, h = np.float32([1, 1, 5, 5, 100, 100]), np.float32([1e8] * 4 + [1e-8] * 2)
    for seed in range(20) if init == "random" else (None,):
        for impl in BOTH:
            shared = impl.share_kmeans(x, clusters=2, weights=h, init=init, seed=seed)
            # What the two at 100 weigh moves the mean of the fives by 2e-14, which is rounded away. Their cost stays.
            assert shared.codebook.tolist() == [1, 5]
            assert cost(x, shared, h.astype(np.float64)) == 2 * float(h[-1]) * 95**2


@pytest.mark.parametrize("init", INITS)
def test_importance_moves_every_start(init):
    rng = np.random.default_rng(3)
    w = rng.standard_normal(N).astype(np.float32)
    h = np.where(w > 1, np.float32(1), np.float32(1e-9))
    plain, weighted = (share_kmeans(w, clusters=4, weights=weights, init=init, iterations=0) for weights in (None, h))
    assert (weighted.codebook > 0.9).sum() >= 3 > (plain.codebook > 0.9).sum()


@given(hnp.arrays(np.float32, st.integers(2, 40), elements=st.integers(-99, 99)), st.sampled_from(INITS), st.data())
def test_equal_weights_start_as_none(w, init, data):
    clusters = data.draw(st.integers(1, w.size))
    weights = np.full(w.shape, 2.0**data.draw(st.integers(-9, 9)), np.float32)
    plain = share_kmeans(w, clusters=clusters, init=init, iterations=0)
    assert share_kmeans(w, clusters=clusters, init=init, iterations=0, weights=weights) == plain


def test_the_linear_start_is_from_min_to_max_without_weights_however_far_off_they_lie():
    w = np.append(np.zeros(100_000), [1, -1]).astype(np.float32)
    w += np.float32(1e-6) * np.arange(100_002, dtype=np.float32)
    c = initial_centroids(np.sort(w).astype(np.float64), None, 3, "linear", 0)
    assert c[0] == w.min() and c[-1] == w.max()


def test_the_seed_changes_the_random_start():
    w = np.random.default_rng(1).standard_normal(N).astype(np.float32)
    assert len({share_kmeans(w, bits=3, init="random", seed=s, iterations=0) for s in range(5)}) == 5
    assert share_kmeans(w, bits=3, init="random") == share_kmeans(w, bits=3, init="random", seed=0)


@needs_native
@pytest.mark.parametrize("init", INITS)
@given(w=hnp.arrays(np.float32, st.integers(2, 60),
                    elements=st.floats(width=32, allow_nan=False, allow_infinity=False)), data=st.data())
def test_both_implementations_start_from_the_same_bits(init, w, data):
    weighted = hnp.arrays(np.float32, w.shape, elements=st.sampled_from([0.0, 1e-45, 0.5, 1.0, 3e38]))
    weights = data.draw(st.none() | weighted)
    if weights is not None:
        weights[0] = 1
    options = {"clusters": data.draw(st.integers(1, w.size)), "init": init, "weights": weights, "iterations": 0}
    assert native.share_kmeans(w, **options) == share_kmeans(w, **options)


@needs_native
@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("name", distributions())
def test_cuts_that_c_passes_over_are_not_the_best(name, offset):
    """C looks at the ends of blocks of 64 first; near 10,000 the rounding of a sum is as large as what it tells."""
    w = (distributions()[name] + offset).astype(np.float32)
    weights = np.random.default_rng(1).random(w.size, np.float32)
    for options in ({}, {"weights": weights}, {"weights": np.where(weights < 0.5, weights, np.float32(0))}):
        assert native.share_kmeans(w, clusters=50, iterations=0, **options) == \
            share_kmeans(w, clusters=50, iterations=0, **options)


@needs_native
def test_small_values_are_cut_beside_huge_ones():
    w = np.append(np.random.default_rng(2).standard_normal(1000), [1e30, -1e30]).astype(np.float32)
    shared = native.share_kmeans(w, clusters=8)
    assert shared == share_kmeans(w, clusters=8)
    assert np.sum(np.abs(shared.codebook) < 10) == 6 and cost(w[:1000], share_kmeans(w[:1000], clusters=6)) == \
        pytest.approx(np.sum((w[:1000].astype(np.float64) - shared.dense().ravel()[:1000]) ** 2), rel=0.2)
