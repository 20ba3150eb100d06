"""Low rank: the nearest matrix of a rank, and the smallest rank that serves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress import ArgumentTypeError, LimitError, RefcompressError, lowrank_svd
from refcompress.agreement import same_product
from refcompress.testing.layouts import ODD

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12)
MATRICES = st.one_of(
    hnp.arrays(np.float32, SHAPES, elements=st.floats(-1, 1, width=32)),
    hnp.arrays(np.float32, SHAPES, elements=st.integers(-2, 2)),  # rank-deficient, with repeated singular values
)
UNIT = 2.0**-24
# What LAPACK's singular values in float64 are off by, of ||w||, for at most 12 rows and columns: as in agreement.
LAPACK = 64 * 12 * 12 * 2.0**-53
# What rounding to float32 adds (docstring): four roundings relative to ||w||, and one of 2**-150 for each factor and
# element that underflows.
ROUNDED = 4 * UNIT + LAPACK
# 12 triples at most: 2**-150 for each of 12 elements of u and v beside a singular value of 24 at most, and for that.
TINY = 12 * (2 * 12**0.5 * 24 + 1) * 2.0**-150


def norm(a):
    return float(np.sqrt(np.sum(np.asarray(a, np.float64) ** 2)))


def singular_values(w):
    """By another way than the decomposition: the eigenvalues of the smaller Gram matrix (roots of them)."""
    a = w.astype(np.float64)
    gram = a @ a.T if a.shape[0] <= a.shape[1] else a.T @ a
    return np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)) if gram.size else np.empty(0)


@given(MATRICES, st.data())
def test_no_matrix_of_that_rank_is_nearer(w, data):
    rank = data.draw(st.integers(0, min(w.shape)))
    f = lowrank_svd(w, rank=rank)
    assert f.shape == w.shape and f.rank == rank
    # Eckart & Young: the distance is the root of the sum of the squares of the singular values left out. Eigenvalues of
    # Gram matrices are off by LAPACK ||w||**2 each, 12 at most; and |a - b| <= sqrt(|a**2 - b**2|).
    left_out = norm(singular_values(w)[rank:])
    assert abs(norm(f.dense().astype(np.float64) - w) - left_out) <= (ROUNDED + np.sqrt(12 * LAPACK)) * norm(w) + TINY
    random = np.random.default_rng(0)
    other = random.normal(size=(w.shape[0], rank)) @ random.normal(size=(rank, w.shape[1]))
    assert norm(other - w) >= norm(f.dense().astype(np.float64) - w) - ROUNDED * norm(w)


@given(MATRICES)
def test_full_rank_gives_the_matrix_back(w):
    f = lowrank_svd(w, rank=min(w.shape))
    assert norm(f.dense().astype(np.float64) - w) <= ROUNDED * norm(w) + TINY


@given(MATRICES, st.data())
def test_factors_are_orthonormal_descending_and_signed(w, data):
    f = lowrank_svd(w, rank=data.draw(st.integers(0, min(w.shape))))
    for basis in (f.u.T, f.vt):
        product = basis.astype(np.float64) @ basis.T.astype(np.float64)
        assert np.all(np.abs(product - np.eye(f.rank)) <= 2.1 * UNIT)  # each factor rounded once, Cauchy-Schwarz
    assert np.all(f.s[:-1] >= f.s[1:]) and np.all(f.s >= 0)
    for column in f.u.T:
        assert column[np.argmax(np.abs(column))] > 0


@given(MATRICES, st.floats(0, 1, exclude_min=True))
def test_energy_takes_the_smallest_rank_that_serves(w, energy):
    f = lowrank_svd(w, energy=energy)
    squares = np.linalg.svd(w.astype(np.float64), compute_uv=False) ** 2 if w.size else np.empty(0)
    # Each of 12 values is off by LAPACK of the largest, here and there, and its square by twice that of the total.
    total, some = squares.sum(), 12 * 2 * 2 * LAPACK
    assert squares[: f.rank].sum() >= energy * total * (1 - some)
    assert f.rank == 0 or squares[: f.rank - 1].sum() <= energy * total * (1 + some)


@given(MATRICES, st.floats(0, 1, exclude_max=True))
def test_error_takes_the_smallest_rank_that_serves(w, error):
    f = lowrank_svd(w, error=error)
    total = norm(w)
    assert norm(f.dense().astype(np.float64) - w) <= (error + ROUNDED + LAPACK) * total + TINY
    if f.rank:
        fewer = lowrank_svd(w, rank=f.rank - 1)
        assert norm(fewer.dense().astype(np.float64) - w) >= (error - ROUNDED - LAPACK) * total - TINY


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (3, 4), (1, 1)])
@pytest.mark.parametrize("how", [{"rank": 0}, {"energy": 1}, {"energy": 0.5}, {"error": 0}, {"error": 0.5}])
def test_rank_zero_empty_and_zero_matrices_have_empty_factors(shape, how):
    f = lowrank_svd(np.zeros(shape, np.float32), **how)
    assert f.rank == 0 and f.u.shape == (shape[0], 0) and f.vt.shape == (0, shape[1])
    assert f.shape == shape and not f.dense().any()


def test_a_zero_matrix_has_factors_of_any_rank():
    f = lowrank_svd(np.zeros((3, 4), np.float32), rank=2)
    assert f.s.tolist() == [0, 0] and not f.dense().any()


@pytest.mark.parametrize("scale", [1e-45, 1e-38, 1e30, 7e37])
def test_extreme_scales_pass(scale):
    w = np.outer([1, 2, 1], [1, 0, 1, 1]).astype(np.float32) * np.float32(scale)
    f = lowrank_svd(w, error=1e-6)
    # Below 2**-126 the singular value is rounded to a multiple of 2**-149, and 1/2 of that times a unit entry may show.
    assert f.rank == 1 and np.allclose(f.dense(), w, rtol=4 * UNIT, atol=2.0**-149)


def test_a_singular_value_beyond_float32_is_refused_and_only_if_it_is_needed():
    w = np.full((3, 3), 3e38, np.float32)
    with pytest.raises(LimitError) as caught:
        lowrank_svd(w, rank=1)
    assert caught.value.argument == "w"
    assert lowrank_svd(w, rank=0).rank == 0


@pytest.mark.parametrize("failures", [1, 2])
def test_the_transpose_is_tried_where_lapack_does_not_converge(monkeypatch, failures):
    w = np.random.default_rng(4).normal(size=(5, 3)).astype(np.float32)
    expected, svd, calls = lowrank_svd(w, rank=3), np.linalg.svd, []

    def failing(a, **options):
        calls.append(a.shape)
        if len(calls) <= failures:
            raise np.linalg.LinAlgError("SVD did not converge")
        return svd(a, **options)

    monkeypatch.setattr(np.linalg, "svd", failing)
    if failures == 2:
        with pytest.raises(RefcompressError) as caught:
            lowrank_svd(w, rank=3)
        assert type(caught.value) is RefcompressError and caught.value.argument == "w"
    else:
        f = lowrank_svd(w, rank=3)
        monkeypatch.undo()
        same_product(expected, f, (w,), {"rank": 3})
    assert calls == [(5, 3), (3, 5)]


@pytest.mark.parametrize("layout", ODD, ids=lambda f: f.__name__)
def test_every_layout_gives_the_same_bits_and_is_left_alone(layout):
    w = np.random.default_rng(5).normal(size=(9, 17)).astype(np.float32)
    expected, odd = lowrank_svd(w, rank=4), layout(w)
    got = lowrank_svd(odd, rank=4)
    assert all(np.array_equal(getattr(got, name), getattr(expected, name)) for name in ("u", "s", "vt"))
    assert np.array_equal(odd, w)


W = np.float32([[1, 2, 3], [4, 5, 6]])
NAN, INF = W.copy(), W.copy()
NAN[1, 0], INF[0, 2] = np.nan, np.inf
REFUSED = [
    ({}, RefcompressError, "rank or energy or error or nbytes"),
    ({"rank": 1, "energy": 0.5}, RefcompressError, "rank or energy or error or nbytes"),
    ({"rank": -1}, RefcompressError, "rank"),
    ({"rank": 3}, RefcompressError, "rank"),
    ({"rank": True}, ArgumentTypeError, "rank"),
    ({"rank": 1.0}, ArgumentTypeError, "rank"),
    ({"energy": 0}, RefcompressError, "energy"),
    ({"energy": 1.1}, RefcompressError, "energy"),
    ({"energy": float("nan")}, RefcompressError, "energy"),
    ({"energy": "all"}, ArgumentTypeError, "energy"),
    ({"error": -0.1}, RefcompressError, "error"),
    ({"error": 1}, RefcompressError, "error"),
    ({"error": True}, ArgumentTypeError, "error"),
    ({"w": NAN, "rank": 1}, RefcompressError, "w[1, 0]"),
    ({"w": INF, "rank": 1}, RefcompressError, "w[0, 2]"),
    ({"w": W[0], "rank": 1}, RefcompressError, "w"),
    ({"w": W[None], "rank": 1}, RefcompressError, "w"),
    ({"w": W.astype(np.float64), "rank": 1}, ArgumentTypeError, "w"),
    ({"w": W.tolist(), "rank": 1}, ArgumentTypeError, "w"),
    ({"w": np.ma.masked_array(W), "rank": 1}, ArgumentTypeError, "w"),
]


@pytest.mark.parametrize("options, error, argument", REFUSED)
def test_refuses_by_name(options, error, argument):
    with pytest.raises(RefcompressError) as caught:
        lowrank_svd(**{"w": W, **options})
    assert type(caught.value) is error and caught.value.argument == argument
