"""Weight sharing: k-means in one dimension, to the last bit as it is stated beside its code."""

import math
from bisect import bisect_right
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import each, native, with_kernels_of

from refcompress import ArgumentTypeError, RefcompressError, reference, share_kmeans
from refcompress.reference.share.starts import INITS, initial_centroids
from refcompress.testing.layouts import ODD

# Numbers from both ends of float32 side by side: sums in which small ones vanish, midpoints that float64 rounds.
EXTREME = st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 1e-38, 1e-30, 1.0, 1.0000001, -1.0, 1e30, 3.4e38, -3.4e38])
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
LENGTHS = st.sampled_from([1, 2, 3, 5, 8, 17, 40])
VALUES = st.one_of(
    hnp.arrays(np.float32, LENGTHS, elements=EXTREME),
    hnp.arrays(np.float32, LENGTHS, elements=FINITE),
    hnp.arrays(np.float32, LENGTHS, elements=st.integers(-9, 9)),
)
INIT = st.sampled_from(INITS)

NATIVE = with_kernels_of("share_kmeans")
every_implementation = each("impl", [reference, *NATIVE])


@st.composite
def cases(draw):
    """w and the options of a call that is not refused."""
    w = draw(VALUES)
    pruned = draw(st.booleans())
    assume(w.size > pruned)
    weights = draw(st.none() | hnp.arrays(np.float32, w.shape, elements=st.sampled_from([0.0, 1e-45, 0.5, 1.0, 3e38])))
    assume(weights is None or weights.any())
    init = draw(INIT)
    return w, {"clusters": draw(st.integers(1 + pruned, w.size)), "init": init, "weights": weights, "pruned": pruned,
               "seed": draw(st.integers(0, 9)) if init == "random" else None,
               "iterations": draw(st.sampled_from([0, 1, 2, 100]))}


def lloyd_in_python(w, clusters, init, weights, pruned, seed, iterations):
    """The arithmetic that is stated beside lloyd, in Python's own floats, one number at a time: the fitted values."""
    omega = [1.0] * w.size if weights is None else weights.tolist()
    pairs = sorted((pair for pair in zip(w.tolist(), omega) if pair[0] or not pruned), key=lambda pair: pair[0])
    x, omega = [value for value, _ in pairs], [weight for _, weight in pairs]
    given_weights = None if weights is None else np.array(omega)
    c = initial_centroids(np.array(x), given_weights, min(clusters - pruned, len(x)), init, seed or 0).tolist()
    S, lost, W = [0.0], [0.0], [0.0]
    for value, weight in zip(x, omega):
        S.append(S[-1] + weight * value)
        lost.append(lost[-1] + float(Fraction(S[-2]) + Fraction(weight * value) - Fraction(S[-1])))
        W.append(W[-1] + weight)
    before = None
    for _ in range(iterations):
        run = [0, *(bisect_right(x, 0.5 * (low + high)) for low, high in zip(c, c[1:])), len(x)]
        if run == before:
            break
        for j in range(len(c)):
            a, b = run[j], run[j + 1]
            if W[b] > W[a]:
                mean = ((S[b] - S[a]) + (lost[b] - lost[a])) / (W[b] - W[a])
                c[j] = min(max(mean, x[a]), x[b - 1])
        before = run
    book = sorted({float(np.float32(value)) for value in c})
    used = sorted({nearest(book, value) for value in x})
    return [book[j] for j in used]


def nearest(book, value):
    """The index of the nearest, by exact arithmetic; of two equally near the lower."""
    return min(range(len(book)), key=lambda j: (abs(Fraction(book[j]) - Fraction(value)), book[j]))


@every_implementation
@given(case=cases())
def test_the_codebook_is_that_of_the_stated_arithmetic_bit_for_bit(impl, case):
    w, options = case
    fitted = lloyd_in_python(w, **options)
    expected = [0.0] + [value for value in fitted if value] if options["pruned"] else fitted
    assert impl.share_kmeans(w, **options).codebook.tolist() == expected


@every_implementation
@pytest.mark.parametrize("seed", range(5))
def test_the_stated_arithmetic_holds_for_a_thousand_weighted_values(impl, seed):
    rng = np.random.default_rng(seed)
    w = rng.integers(-40, 40, 1000).astype(np.float32)
    options = {"clusters": 5, "init": "linear", "weights": (10 ** rng.uniform(-12, 12, 1000)).astype(np.float32),
               "pruned": False, "seed": None, "iterations": 100}
    got, expected = impl.share_kmeans(w, **options).codebook, lloyd_in_python(w, **options)
    assert got.tolist() == expected


@every_implementation
@given(case=cases())
def test_each_weight_has_the_nearest_fitted_value_and_ties_the_lower(impl, case):
    w, options = case
    fitted = lloyd_in_python(w, **options)
    for got, value in zip(impl.share_kmeans(w, **options).dense().tolist(), w.tolist()):
        assert got == (0 if options["pruned"] and value == 0 else fitted[nearest(fitted, value)])


@each("impl", NATIVE)
@pytest.mark.parametrize("options", [{"bits": 1}, {"bits": 5, "pruned": True}, {"clusters": 257, "init": "density"},
                                     {"bits": 9, "pruned": True, "init": "random"}, {"bits": 16, "iterations": 3}])
def test_a_large_array_has_the_same_bits_in_c_for_any_number_of_threads(impl, options):
    rng = np.random.default_rng(6)
    w = (rng.normal(size=(300, 333)) * (rng.random((300, 333)) < 0.3)).astype(np.float32)
    expected, count = share_kmeans(w, **options), native.threads.get()
    try:
        for threads in (1, 2, 3):
            native.threads.set(threads)
            got = impl.share_kmeans(w, **options)
            assert np.array_equal(got.codes, expected.codes) and got.codes.dtype == expected.codes.dtype
            assert np.array_equal(got.codebook, expected.codebook)
    finally:
        native.threads.set(count)


@given(cases())
def test_every_value_is_used_once_and_none_is_minus_zero(case):
    w, options = case
    shared = share_kmeans(w, **options)
    book = shared.codebook
    assert shared.codes.shape == w.shape and shared.codes.dtype == np.uint8 and len(book) <= options["clusters"]
    assert not np.any(np.signbit(book) & (book == 0))
    rest = book[1:] if options["pruned"] else book
    assert np.all(rest[:-1] < rest[1:])
    used = set(shared.codes.tolist())
    assert used | ({0} if options["pruned"] else set()) == set(range(len(book)))
    if options["pruned"]:
        assert book.view(np.uint32)[0] == 0 and not np.any(rest == 0)
        assert np.all(shared.codes[w == 0] == 0)


@given(cases())
def test_few_distinct_values_are_kept_and_sharing_twice_changes_nothing(case):
    w, options = case
    once = share_kmeans(w, **options)
    again = share_kmeans(once.dense(), **options)
    assert np.array_equal(again.codes, once.codes) and np.array_equal(again.codebook, once.codebook)
    distinct = len(np.unique(w)) + (options["pruned"] and not np.any(w == 0))
    if distinct <= options["clusters"]:
        assert np.array_equal(once.dense(), w)


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_weights_does_not_matter(case, random):
    w, options = case
    assume(options["weights"] is None)
    order = np.array(random.sample(range(w.size), w.size))
    shared, moved = share_kmeans(w, **options), share_kmeans(w[order], **options)
    assert np.array_equal(moved.codebook, shared.codebook) and np.array_equal(moved.codes, shared.codes[order])


@given(hnp.arrays(np.float32, LENGTHS, elements=st.integers(-99, 99)), st.data())
def test_a_weight_of_n_counts_as_n_equal_values(w, data):
    counts = data.draw(hnp.arrays(np.int64, w.shape, elements=st.integers(1, 5)))
    clusters = data.draw(st.integers(1, w.size))
    init = data.draw(INIT)
    weighted = share_kmeans(w, clusters=clusters, weights=counts.astype(np.float32), init=init)
    repeated = share_kmeans(np.repeat(w, counts), clusters=clusters, init=init)
    assert np.array_equal(weighted.codebook, repeated.codebook)
    assert np.array_equal(np.repeat(weighted.codes, counts), repeated.codes)


@given(hnp.arrays(np.float32, LENGTHS, elements=st.integers(-99, 99)), INIT, st.integers(-40, 60), st.data())
def test_powers_of_two_pass_through(w, init, exponent, data):
    clusters = data.draw(st.integers(1, w.size))
    shared = share_kmeans(w, clusters=clusters, init=init)
    scaled = share_kmeans(np.ldexp(w, exponent), clusters=clusters, init=init)
    assert np.array_equal(scaled.codebook, np.ldexp(shared.codebook, exponent))
    assert np.array_equal(scaled.codes, shared.codes)


@given(hnp.arrays(np.float32, LENGTHS, elements=st.integers(-999, 999)), INIT, st.data())
def test_steps_never_increase_the_cost(w, init, data):
    clusters, steps = data.draw(st.integers(1, w.size)), data.draw(st.integers(0, 5))

    def cost(iterations):
        shared = share_kmeans(w, clusters=clusters, init=init, iterations=iterations)
        return np.sum((shared.dense().astype(np.float64) - w) ** 2)

    # Against exact arithmetic a centroid (below 1000) moves by at most 2**-15 when rounded to float32, so a distance
    # (below 2000) squared by less than 2 * 2000 * 2**-15 + 2**-30 < 2**-3; both sides of the comparison round.
    assert cost(steps + 1) <= cost(steps) + 2 * w.size / 8


def test_two_bits_of_a_known_array():
    w = np.float32([[-1.0, -0.9, 0.1], [0.0, 2.0, 1.1]])  # linear: -1, 0, 1, 2
    shared = share_kmeans(w, bits=2, init="linear")
    assert shared.codebook.tolist() == [np.float32(v) for v in (-0.95, 0.05, 1.1, 2.0)]
    assert shared.codes.tolist() == [[0, 0, 1], [1, 3, 2]]


@pytest.mark.parametrize("init, expected", [("linear", [0, 45, 90]), ("density", [2, 6, 44])])
def test_inits_of_a_known_array(init, expected):
    w = np.float32([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 44, 90])  # the quantiles 1/6, 1/2, 5/6 of 12 are numbers 2, 6, 10
    assert share_kmeans(w, clusters=3, init=init, iterations=0).codebook.tolist() == expected


def test_the_random_init_is_values_of_the_array_and_its_seed_is_stable_across_versions_of_numpy():
    w = np.arange(100, dtype=np.float32)
    books = [share_kmeans(w, clusters=4, init="random", seed=s, iterations=0).codebook for s in (0, 0, 1)]
    assert np.array_equal(books[0], books[1]) and not np.array_equal(books[0], books[2])
    words = np.random.PCG64(0).random_raw(100).tolist()
    assert books[0].tolist() == sorted(sorted(range(100), key=words.__getitem__)[:4]) == [3, 11, 20, 92]


def test_a_midpoint_that_float64_rounds_up_goes_to_the_nearer_value():
    # 1e-30 below the midpoint of -1e-30 and 2, which is 1 in float64: 1 is nearer to 2.
    w = np.float32([-1e-30, 1, 2] + [2] * 9)
    shared = share_kmeans(w, clusters=2, init="linear", iterations=0)
    assert shared.codebook.tolist() == [np.float32(-1e-30), 2] and shared.codes.tolist()[:3] == [0, 1, 1]
    mirrored = share_kmeans(-w, clusters=2, init="linear", iterations=0)
    assert mirrored.codes.tolist()[:3] == [1, 0, 0]


def test_a_value_whose_only_member_lies_at_its_upper_end_is_kept():
    shared = share_kmeans(np.float32([0, 1, 6, 8]), clusters=3, init="linear", iterations=0)  # linear: 0, 4, 8
    assert shared.codebook.tolist() == [0, 4, 8] and shared.codes.tolist() == [0, 0, 1, 2]


def test_a_value_at_a_midpoint_belongs_to_the_lower_run():
    assert share_kmeans(np.float32([0, 2, 4]), clusters=2, init="linear").codebook.tolist() == [1, 4]


def test_a_mean_that_underflows_is_plus_zero():
    shared = share_kmeans(np.float32([-1e-45, 0]), clusters=1)
    assert shared.codebook.view(np.uint32).tolist() == [0]


def test_an_empty_cluster_is_dropped_and_the_next_takes_its_code():
    shared = share_kmeans(np.float32([0, 1, 2, 90]), clusters=3, init="linear")  # linear: 0, 45, 90
    assert shared.codebook.tolist() == [1, 90] and shared.codes.tolist() == [0, 0, 0, 1]


@every_implementation
def test_steps_end_when_no_run_changes_however_many_are_allowed(impl):
    w = np.random.default_rng(8).normal(size=100).astype(np.float32)
    shared = impl.share_kmeans(w, clusters=5, iterations=2**63 - 1)
    assert np.array_equal(shared.codebook, share_kmeans(w, clusters=5, iterations=1000).codebook)


@every_implementation
def test_a_fitted_zero_is_code_zero(impl):
    shared = impl.share_kmeans(np.float32([-1, 1, 0]), clusters=2, pruned=True)
    assert shared.codebook.tolist() == [0] and not shared.codes.any()
    # Fitted: -5, and the mean of -1 and 1.
    shared = impl.share_kmeans(np.float32([-5, -1, 0, 1]), clusters=3, pruned=True)
    assert shared.codebook.tolist() == [0, -5] and shared.codes.tolist() == [1, 0, 0, 0]


@every_implementation
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 2, 2)])
@pytest.mark.parametrize("pruned", [False, True])
def test_an_empty_array_has_an_empty_codebook(impl, shape, pruned):
    shared = impl.share_kmeans(np.empty(shape, np.float32), bits=4, pruned=pruned)
    assert shared.shape == shape and shared.codebook.tolist() == [0.0] * pruned


def test_bits_is_a_budget_and_many_values_need_uint16():
    w = np.arange(300, dtype=np.float32).reshape(2, 150)
    assert len(share_kmeans(w, bits=16).codebook) == 300
    assert share_kmeans(w, bits=16).codes.dtype == np.uint16
    assert share_kmeans(w, bits=8).codes.dtype == np.uint8
    assert share_kmeans(w[0], bits=16, pruned=True).codes.dtype == np.uint8
    assert share_kmeans(np.float32(7), bits=1).codebook.tolist() == [7]


@every_implementation
@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
def test_every_layout_gives_the_same_bits_and_is_left_alone(impl, layout):
    rng = np.random.default_rng(2)
    w = rng.normal(size=(9, 17)).astype(np.float32)
    weights = rng.random((9, 17), dtype=np.float32)
    expected, odd = share_kmeans(w, bits=3, weights=weights), layout(w)
    got = impl.share_kmeans(odd, bits=3, weights=layout(weights))
    assert np.array_equal(got.codes, expected.codes) and np.array_equal(got.codebook, expected.codebook)
    assert np.array_equal(odd, w)


W = np.float32([[1, 2, 3], [4, 5, 6]])
BAD = W.copy()
BAD[1, 2] = np.inf
REFUSED = [
    ({}, RefcompressError, "bits or clusters"),
    ({"bits": 2, "clusters": 4}, RefcompressError, "bits or clusters"),
    ({"bits": 0}, RefcompressError, "bits"),
    ({"bits": 17}, RefcompressError, "bits"),
    ({"bits": 2.0}, ArgumentTypeError, "bits"),
    ({"bits": True}, ArgumentTypeError, "bits"),
    ({"clusters": 0}, RefcompressError, "clusters"),
    ({"clusters": -1}, RefcompressError, "clusters"),
    ({"clusters": 7}, RefcompressError, "clusters"),
    ({"clusters": 2**70}, RefcompressError, "clusters"),
    ({"clusters": 65537, "w": np.zeros(65537, np.float32)}, RefcompressError, "clusters"),
    ({"clusters": 1, "pruned": True}, RefcompressError, "clusters"),
    ({"bits": 2, "pruned": 1}, ArgumentTypeError, "pruned"),
    ({"bits": 2, "init": "best"}, RefcompressError, "init"),
    ({"bits": 2, "init": None}, ArgumentTypeError, "init"),
    ({"bits": 2, "init": "random", "seed": -1}, RefcompressError, "seed"),
    ({"bits": 2, "init": "random", "seed": 1.0}, ArgumentTypeError, "seed"),
    *(({"bits": 2, "init": init, "seed": 0}, RefcompressError, "seed") for init in INITS if init != "random"),
    ({"bits": 2, "seed": 1}, RefcompressError, "seed"),
    ({"bits": 2, "iterations": -1}, RefcompressError, "iterations"),
    ({"bits": 2, "iterations": math.inf}, ArgumentTypeError, "iterations"),
    ({"bits": 2, "weights": W[0]}, RefcompressError, "weights"),
    ({"bits": 2, "weights": W * 0}, RefcompressError, "weights"),
    ({"bits": 2, "weights": -W}, RefcompressError, "weights[0, 0]"),
    ({"bits": 2, "weights": BAD}, RefcompressError, "weights[1, 2]"),
    ({"bits": 2, "weights": W.astype(int)}, ArgumentTypeError, "weights"),
    ({"bits": 2, "w": BAD}, RefcompressError, "w[1, 2]"),
    ({"bits": 2, "w": -BAD}, RefcompressError, "w[1, 2]"),
    ({"bits": 2, "w": np.where(W == 3, np.float32(np.nan), W)}, RefcompressError, "w[0, 2]"),
    ({"bits": 2, "w": W.astype(np.float64)}, ArgumentTypeError, "w"),
    ({"bits": 2, "w": W.tolist()}, ArgumentTypeError, "w"),
    ({"bits": 2, "w": np.ma.masked_array(W)}, ArgumentTypeError, "w"),
]


@every_implementation
@pytest.mark.parametrize("options, error, argument", REFUSED)
def test_refuses_by_name(impl, options, error, argument):
    options = {"w": W, **options}
    with pytest.raises(RefcompressError) as caught:
        impl.share_kmeans(**options)
    assert type(caught.value) is error and caught.value.argument == argument
