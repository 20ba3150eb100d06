"""Low rank from random products: within what it promises of the optimum, and its certificates never below the error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from implementations import BOTH, each, native, needs_native

from refcompress import (
    ArgumentTypeError,
    LowRank,
    RefcompressError,
    agreement,
    lowrank_matmul,
    lowrank_randomized,
    lowrank_svd,
    reference,
)
from refcompress.ops import OPS
from refcompress.testing.layouts import ODD

U, U64 = 2.0**-24, 2.0**-53


def spectrum(kind, m, k, seed):
    """Return an (m, k) float32 matrix with singular values of a kind."""
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.standard_normal((m, k), dtype=np.float32)
    n = min(m, k)
    s = {"slow": 1 / np.sqrt(1 + np.arange(n)), "fast": 0.8 ** np.arange(n), "flat": np.ones(n),
         "low rank": (np.arange(n) < 7) * 1.0}[kind]
    u, v = (np.linalg.qr(rng.standard_normal((size, n)))[0] for size in (m, k))
    return ((u * s) @ v.T).astype(np.float32)


EACH = each("space", BOTH)
KINDS = ("noise", "slow", "fast", "flat", "low rank")


def errors(w, f):
    """Return the Frobenius and the spectral error, measured in float64: at most what they are, but for its rounding."""
    rest = w.astype(np.float64) - (f.u.astype(np.float64) * f.s) @ f.vt.astype(np.float64)
    factors = np.linalg.norm(f.u.astype(np.float64) * f.s) * np.linalg.norm(f.vt)
    size = float(np.linalg.norm(w.astype(np.float64)) + factors)
    hidden = (w.size + f.rank + 4) * U64 * size  # the sum of w.size squares, and rank + 2 roundings of each element
    norms = float(np.linalg.norm(rest)), float(np.linalg.norm(rest, 2)) if rest.size else 0.0
    return tuple(max(0.0, norm - hidden) for norm in norms)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m, k, rank", [(300, 200, 20), (200, 300, 40), (64, 64, 64), (65, 33, 1), (17, 400, 16)])
@pytest.mark.parametrize("seed", range(3))
@EACH
def test_the_error_is_at_most_one_and_a_thousandth_of_the_optimum_and_never_above_the_certificates(
        space, kind, m, k, rank, seed):
    w = spectrum(kind, m, k, seed)
    found = space.lowrank_randomized(w, rank=rank, seed=seed)
    frobenius, spectral = errors(w, found.factors)
    sigma = np.linalg.svd(w.astype(np.float64), compute_uv=False)
    optimum, norm = float(np.linalg.norm(sigma[rank:])), float(np.linalg.norm(sigma))
    # Beside the tolerance, float32 products: (k + rank) roundings of each entry, as the docstring says.
    rounding = (k + rank) * U * norm
    assert found.factors.rank == rank and frobenius <= 1.001 * optimum + rounding
    f = found.factors
    # What measuring in float32 may hide; the reference measures in float64.
    hidden = (rank + 2) * U * float(np.linalg.norm(f.u * f.s)) * float(np.linalg.norm(f.vt))
    assert frobenius <= found.frobenius <= (frobenius + 2 * hidden) * (1 + 2 * U)  # measuring may be wrong either way
    assert spectral <= found.spectral <= found.frobenius


@EACH
def test_without_certificates_the_factors_are_the_same_and_nothing_is_claimed(space):
    w = spectrum("slow", 80, 60, 0)
    measured, bare = (space.lowrank_randomized(w, rank=7, certify=certify) for certify in (True, False))
    for name in ("u", "s", "vt"):
        assert np.array_equal(getattr(measured.factors, name), getattr(bare.factors, name))
    assert bare.frobenius == bare.spectral == np.inf and measured.frobenius < np.inf
    assert bare.products < measured.products  # the certificate's own are counted


@needs_native
@pytest.mark.parametrize("kind, rank", [("slow", 20), ("flat", 7), ("noise", 40)])
def test_instruction_sets_and_threads_change_no_bit_of_the_native_one(kind, rank):
    w, before = spectrum(kind, 300, 256, 2), native.threads.get()
    expected = native.at("portable").lowrank_randomized(w, rank=rank)
    try:
        for space in native.available():
            for count in (1, 2, 3):
                native.threads.set(count)
                agreement.exactly(expected, space.lowrank_randomized(w, rank=rank))
    finally:
        native.threads.set(before)


@EACH
def test_certificates_hold_over_a_thousand_small_matrices(space):
    rng = np.random.default_rng(0)
    for trial in range(1000):
        m, k = rng.integers(1, 25, 2)
        w = spectrum(KINDS[trial % 5], m, k, trial) * np.float32(10.0 ** rng.integers(-8, 8))
        found = space.lowrank_randomized(w, rank=int(rng.integers(0, min(m, k) + 1)), seed=trial)
        frobenius, spectral = errors(w, found.factors)
        assert frobenius <= found.frobenius and spectral <= found.spectral


@EACH
def test_the_form_is_that_of_lowrank_svd(space):
    w = spectrum("fast", 90, 70, 1)
    f = space.lowrank_randomized(w, rank=9).factors
    exact = lowrank_svd(w, rank=9)
    assert np.all(np.diff(f.s) <= 0) and np.all(f.u[np.abs(f.u).argmax(axis=0), range(9)] > 0)
    # Gaps here are a fifth of the values, so vectors are as good as the space, to some hundred roundings of float32.
    assert np.abs(f.s - exact.s).max() <= 160 * U * exact.s[0]
    assert np.abs(f.dense() - exact.dense()).max() <= 1000 * U * exact.s[0]


@EACH
@given(w=hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9),
                    elements=st.one_of(st.integers(-3, 3), st.floats(-1, 1, width=32))), data=st.data())
def test_any_matrix_keeps_its_shape_and_is_within_its_certificate(space, w, data):
    rank = data.draw(st.integers(0, min(w.shape)))
    found = space.lowrank_randomized(w, rank=rank, block=data.draw(st.sampled_from([None, 1, 2, 3])))
    assert found.factors.shape == w.shape and found.factors.rank == rank
    assert errors(w, found.factors)[0] <= found.frobenius


@EACH
def test_scales_at_both_ends_of_float32_change_nothing_but_the_scale(space):
    w = spectrum("slow", 40, 30, 0)
    plain = space.lowrank_randomized(w, rank=5)
    for power in (-100, 100):
        f = space.lowrank_randomized(np.ldexp(w, power), rank=5)
        assert np.array_equal(np.ldexp(f.factors.s, -power), plain.factors.s)
        assert np.array_equal(f.factors.u, plain.factors.u)
        # The native one allows for an s that becomes subnormal.
        assert 0 <= f.frobenius - np.ldexp(plain.frobenius, power) <= (5 * 2.0**-149 if power < 0 else 0)


@EACH
@pytest.mark.parametrize("block", [3, 7, 100])
def test_a_block_smaller_or_larger_than_the_rank_comes_near_the_optimum(space, block):
    for kind in ("slow", "flat", "low rank"):  # equal singular values: a Krylov space no larger than its block
        w = spectrum(kind, 60, 40, 4)
        found = space.lowrank_randomized(w, rank=9, block=block)
        sigma = np.linalg.svd(w.astype(np.float64), compute_uv=False)
        optimum, norm = float(np.linalg.norm(sigma[9:])), float(np.linalg.norm(sigma))
        assert errors(w, found.factors)[0] <= 1.001 * optimum + (2.0**-20 + 49 * U) * norm


def test_a_seed_gives_one_result_in_every_layout():
    w = spectrum("slow", 80, 60, 0)
    one, other = lowrank_randomized(w, rank=5, seed=3), lowrank_randomized(w, rank=5, seed=4)
    assert not np.array_equal(one.factors.u, other.factors.u)
    for a in (np.asfortranarray(w), w[::-1][::-1], np.repeat(w, 2, axis=1)[:, ::2]):
        assert np.array_equal(lowrank_randomized(np.ascontiguousarray(a), rank=5, seed=3).factors.u, one.factors.u)
        # Another memory order may take BLAS another way: the same to its rounding.
        assert abs(lowrank_randomized(a, rank=5, seed=3).frobenius - one.frobenius) <= 80 * U * one.frobenius
    assert ODD


@pytest.mark.parametrize("change, error, argument", [
    ({"w": np.float32([[1, np.nan]])}, RefcompressError, "w"), ({"w": np.float64([[1]])}, ArgumentTypeError, "w"),
    ({"w": np.float32([1])}, RefcompressError, "w"), ({"rank": 3}, RefcompressError, "rank"),
    ({"rank": -1}, RefcompressError, "rank"), ({"rank": True}, ArgumentTypeError, "rank"),
    ({"rank": 1.0}, ArgumentTypeError, "rank"), ({"tolerance": 0}, RefcompressError, "tolerance"),
    ({"tolerance": np.nan}, RefcompressError, "tolerance"), ({"failure": 0}, RefcompressError, "failure"),
    ({"failure": 1}, RefcompressError, "failure"), ({"block": 0}, RefcompressError, "block"),
    ({"certify": 1}, ArgumentTypeError, "certify"),
    ({"seed": -1}, RefcompressError, "seed"),
])
def test_refuses_by_name(change, error, argument):
    with pytest.raises(error) as caught:
        lowrank_randomized(**{"w": np.ones((2, 3), np.float32), "rank": 1} | change)
    assert caught.value.argument.partition("[")[0] == argument


# The product.

@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**32))
def test_the_product_is_that_of_the_matrix_within_its_bound(m, k, n, r, seed):
    rng = np.random.default_rng(seed)
    a = LowRank(*(rng.standard_normal(shape, dtype=np.float32) for shape in ((m, r), (r,), (r, k))))
    x = rng.standard_normal((k, n), dtype=np.float32)
    exact = (a.u.astype(np.float64) * a.s) @ (a.vt.astype(np.float64) @ x)
    # One rounding to float32, and float64's own: (k + r + 2) 2**-53 of the magnitudes.
    size = (np.abs(a.u).astype(np.float64) * np.abs(a.s)) @ (np.abs(a.vt).astype(np.float64) @ np.abs(x))
    assert np.all(np.abs(lowrank_matmul(a, x) - exact) <= U * np.abs(exact) + (k + r + 2) * 2.0**-52 * size)


@pytest.mark.parametrize("rule_breaker", [lambda a, x: lowrank_matmul(LowRank(a.u, a.s, a.vt[:, ::-1].copy()), x),
                                          lambda a, x: lowrank_matmul(a, x) * np.float32(1 + 2.0**-10)])
def test_the_bound_notices_a_wrong_product(rule_breaker):
    rng = np.random.default_rng(1)
    a = LowRank(*(rng.standard_normal(shape, dtype=np.float32) for shape in ((6, 3), (3,), (3, 5))))
    x = rng.standard_normal((5, 4), dtype=np.float32)
    OPS["lowrank_matmul"].rule(lowrank_matmul(a, x), lowrank_matmul(a, x), (a, x))
    with pytest.raises(agreement.Disagreement):
        OPS["lowrank_matmul"].rule(lowrank_matmul(a, x), rule_breaker(a, x), (a, x))


def test_bytes_take_the_largest_rank_that_fits_and_refuse_what_none_meets():
    w = spectrum("slow", 20, 11, 0)
    one = 4 * (20 + 11 + 1)
    for budget, rank in ((one, 1), (2 * one - 1, 1), (2 * one, 2), (10**9, 11)):
        f = lowrank_svd(w, nbytes=budget)
        assert f.rank == rank and f.u.nbytes + f.s.nbytes + f.vt.nbytes <= budget
    with pytest.raises(RefcompressError, match="nbytes"):
        lowrank_svd(w, nbytes=one - 1)
    assert reference.lowrank_svd(w, rank=0).rank == 0


@needs_native
@pytest.mark.parametrize("shortest", [1.0, 2.0**-5, 2.0**-9, 2.0**-11])
def test_rows_are_made_orthonormal_by_either_factorization(shortest):
    rng = np.random.default_rng(3)
    y = np.geomspace(1, shortest, 12)[:, None] * np.linalg.qr(rng.standard_normal((200, 12)))[0].T
    y = (np.linalg.qr(rng.standard_normal((12, 12)))[0] @ y).astype(np.float32)
    q = y
    for _ in range(2):
        _, q = native.lowrank.krylov._orthogonal(native.gemm_f32f32, q, 0.0)
    assert q.shape == (12, 200)
    # The last factor comes from sums of 200 float32 products and is applied by sums of 12; the products of unit rows
    # have a norm of at most 12. Rounding errors add up as their root (Higham and Mary 2019), three deviations allowed.
    assert np.linalg.norm(q.astype(np.float64) @ q.T - np.eye(12), 2) <= 3 * (2 * np.sqrt(12) + np.sqrt(200)) * 12 * U


@EACH
def test_values_that_repeat_or_lie_far_apart_are_all_found(space):
    # A Krylov space of repeated values ends early, and is begun anew; rows of values far apart nearly depend on each
    # other.
    rng = np.random.default_rng(0)
    for shape, values, rank in (
        ((70, 57), [1.14] + [1] * 56, 32), ((91, 60), [376] * 20 + [1] * 40, 30),
        ((93, 79), [16200] * 5 + [1] * 34 + [1e-3] * 40, 63), ((182, 117), [20.5] + [1] * 116, 113),
        ((66, 64), [66700] * 2 + [1] * 62, 46), ((50, 182), [2910] * 2 + [1] * 23 + [1e-3] * 25, 45),
    ):
        u, v = (np.linalg.qr(rng.standard_normal((n, len(values))))[0] for n in shape)
        w = (u * values @ v.T).astype(np.float32)
        expected = lowrank_randomized(w, rank=rank)
        OPS["lowrank_randomized"].rule(expected, space.lowrank_randomized(w, rank=rank), (w,), {"rank": rank})


@pytest.mark.parametrize("w", [np.zeros((3, 5)), np.outer(np.arange(40), np.arange(50)), np.eye(60)[:, :7]])
@pytest.mark.parametrize("space", BOTH)
def test_vectors_of_singular_values_that_are_zero_are_orthonormal_too(space, w):
    rank = min(w.shape)
    for block in (None, 3):
        f = space.lowrank_randomized(w.astype(np.float32), rank=rank, block=block).factors
        for gram in (f.u.T @ f.u, f.vt @ f.vt.T):
            assert np.abs(gram - np.eye(rank)).max() < 4 * sum(w.shape) * 2.0**-24
