"""The rules of agreement: what each accepts is right, and each refuses the nearest wrong thing."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import native, needs_native

from refcompress import reference
from refcompress.agreement import (
    Disagreement,
    NoBound,
    dot_bound,
    exactly,
    near_best,
    same_cost,
    same_product,
    terms,
)
from refcompress.formats import CSR, LowRank, Quantized, Shared
from refcompress.ops import OPS
from refcompress.reference.gemm.contract import f32s8_sums
from refcompress.testing.values import with_fields

F = np.float32
NONE = np.zeros(0, np.int32)
csr_rule, scaled_rule, lowrank_rule = (OPS[op].rule for op in ("csr_matmul", "gemm_f32s8", "lowrank_matmul"))


@pytest.mark.parametrize("expected, got, where", [
    (F([0.0]), F([-0.0]), r"result\[0\]"),
    (F([[1, 2], [3, np.nan]]), F([[1, 2], [3, 4]]), r"result\[1, 1\]: got 4.0, expected nan"),
    (F([1]), np.float64([1]), "got dtype float64"),
    (F([1]), F([1]).astype(">f4"), "got dtype >f4"),
    (F([1]), F([[1]]), "got shape"),
    (F([1]), [1.0], "got a list, expected an array"),
    ({"a": F([1]), "b": F([2])}, {"b": F([2]), "c": F([1])}, "got the keys"),
    (F([1]), np.ma.masked_array(F([1])), "got a MaskedArray"),
    (F([[1]]), F([[1]]).view(type("Other", (np.ndarray,), {})), "got a Other"),
    (F([1]), np.float32(1), "got a float32"),
    ({"a": F([1])}, {"a": F([2])}, r"result\['a'\]\[0\]"),
    (Shared(np.uint8([0]), F([1])), Shared(np.uint8([0]), F([2])), r"result.codebook\[0\]"),
    (Quantized(np.int8([1]), F([1]), np.int8([0])), Quantized(np.int8([1]), F([1]), np.int8([0]), 1), "result.group"),
    (CSR((0, 1), [0], NONE, F([])), CSR((0, 1), [0], NONE, F([]), canonical=False), "result.canonical"),
    (1, True, "got a bool"),
    (0.0, -0.0, "result"),
])
def test_exactly_refuses_any_other_bit_and_says_where(expected, got, where):
    exactly(expected, expected)
    with pytest.raises(Disagreement, match=where):
        exactly(expected, got)


def test_exactly_takes_any_nan_for_any_other():
    quiet = np.uint32([0x7FC00000, 0xFFC00001, 0x7FC12345]).view(np.float32)
    exactly(quiet, np.full(3, np.nan, np.float32))
    exactly(float("nan"), float("nan"))


def _row(values) -> CSR:
    values = F(values)
    return CSR((1, len(values)), np.array([0, len(values)]), np.arange(len(values)), values)


FLOATS = st.one_of(st.floats(-1e6, 1e6, width=32), st.floats(-(2.0**-100), 2.0**-100, width=32),
                   st.integers(-9, 9).map(float))


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_no_order_of_summation_leaves_the_bound(pairs, random):
    """Products and sums rounded to float32 one by one, summed as a random tree."""
    a, x = F([p[0] for p in pairs]), F([p[1] for p in pairs])
    with np.errstate(under="ignore"):
        totals = list(a * x)
        while len(totals) > 1:
            random.shuffle(totals)
            totals.append(totals.pop() + totals.pop())
    args = (_row(a), x[:, None])
    csr_rule(reference.csr_matmul(*args), F([totals]), args)


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=12))
def test_the_bound_contains_the_exact_result_and_little_else(pairs):
    a, x = F([p[0] for p in pairs]), F([p[1] for p in pairs])
    exact = sum(Fraction(float(p)) * Fraction(float(q)) for p, q in zip(a, x))
    size = sum(abs(Fraction(float(p)) * Fraction(float(q))) for p, q in zip(a, x))
    args = (_row(a), x[:, None])
    expected = reference.csr_matmul(*args)
    csr_rule(expected, F([[float(exact)]]), args)
    # Three times the textbook's bound is outside.
    outside = float(exact + 3 * (len(pairs) + 1) * (size * Fraction(2) ** -24 + Fraction(2) ** -149))
    with pytest.raises(Disagreement, match="allowed difference"):
        csr_rule(expected, F([[outside]]), args)


def test_a_lost_term_shows_on_exact_data_where_the_textbook_bound_would_let_it_pass():
    k = 11_008
    a, x = _row(np.ones(k)), np.ones((k, 1), np.float32)
    assert k * 2.0**-24 * k > 1
    csr_rule(F([[k]]), F([[k]]), (a, x))
    with pytest.raises(Disagreement, match="allowed difference 0 "):
        csr_rule(F([[k]]), F([[k - 1]]), (a, x))


def test_subnormal_products_may_be_lost_one_by_one_and_no_more():
    a, x = _row([2.0**-75] * 4), np.full((4, 1), 2.0**-75, np.float32)  # each product is 2**-150: half a subnormal
    args = (a, x)
    expected = reference.csr_matmul(*args)
    assert expected[0, 0] == 2.0**-148
    csr_rule(expected, F([[0]]), args)
    with pytest.raises(Disagreement):
        csr_rule(expected, F([[2.0**-146]]), args)


@pytest.mark.parametrize("special, right", [([np.inf, 1], np.inf), ([-np.inf, 1], -np.inf), ([np.inf, -np.inf], np.nan),
                                            ([np.nan, 1], np.nan)])
def test_special_values_decide_the_class(special, right):
    args = (_row(special), np.ones((2, 1), np.float32))
    expected = reference.csr_matmul(*args)
    for got in (np.inf, -np.inf, np.nan, 0.0, 3e38):
        if got == right or np.isnan(got) and np.isnan(right):
            csr_rule(expected, F([[got]]), args)
        else:
            with pytest.raises(Disagreement):
                csr_rule(expected, F([[got]]), args)


def test_a_nan_or_infinity_out_of_nothing_is_refused():
    args = (_row([1, 2]), np.ones((2, 1), np.float32))
    for got in (np.inf, -np.inf, np.nan):
        with pytest.raises(Disagreement):
            csr_rule(F([[3]]), F([[got]]), args)


def test_where_a_partial_sum_may_overflow_there_is_no_bound_and_the_others_are_judged():
    a, x = _row([3e38, 3e38, -3e38]), np.ones((3, 2), np.float32)
    x[:, 1] = 0.25
    with np.errstate(over="ignore"):
        expected = reference.csr_matmul(a, x)
    for got in (F([3e38, 0.75e38]), F([np.inf, 0.75e38])):  # in one order and in the other
        with pytest.raises(NoBound, match=r"result\[0, 0\]: .*\(1 of 2 elements\)"):
            csr_rule(expected, got[None], (a, x))
    with pytest.raises(Disagreement, match=r"result\[0, 1\]"):
        csr_rule(expected, F([[np.inf, 1e38]]), (a, x))


def test_where_k_times_u_reaches_1_there_is_no_bound(monkeypatch):
    monkeypatch.setattr(dot_bound, "U", 1 / 8)
    x = F([[1 / 3]] * 9)
    with pytest.raises(NoBound):
        csr_rule(F([[3]]), F([[3]]), (_row([1 / 3] * 9), x))
    csr_rule(F([[9]]), F([[9]]), (_row([1.0] * 9), np.ones((9, 1), np.float32)))  # exact data need no bound


@given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 2**32))
def test_the_contract_order_of_gemm_f32s8_stays_in_the_bound(k, form, seed):
    from refcompress.testing.quantize.integers import quantized

    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((2, k)).astype(np.float32), quantized(rng, 3, k, form)
    scale = (w.scale * (1 + rng.random(w.scale.shape))).astype(np.float32)
    w = Quantized(w.values, scale, w.zero_point, w.group)
    scaled_rule(reference.gemm_f32s8(x, w), f32s8_sums(x, w), (x, w))


def test_the_bound_of_gemm_f32s8_grows_with_the_length():
    """A chain that begins with 1 loses each of 40 terms just below half its last place: 40 roundings, all one way."""
    x = np.zeros((1, 641), np.float32)
    x[0, 0], x[0, 16::16] = 1, 2.0**-24 * 0.99
    w = Quantized(np.ones((1, 641), np.int8), F([[1]]), np.int8([[0]]))
    got = f32s8_sums(x, w)
    assert got[0, 0] == 1 < reference.gemm_f32s8(x, w)[0, 0]
    scaled_rule(reference.gemm_f32s8(x, w), got, (x, w))


MATRIX = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)


def _factors(change, rank=3):
    low = reference.lowrank_svd(MATRIX, rank=rank)
    u, s, vt = (a.copy() for a in (low.u, low.s, low.vt))
    return LowRank(*change(u, s, vt))


def test_same_product_takes_another_way_to_the_same_decomposition():
    u, s, vt = np.linalg.svd(MATRIX.T.astype(np.float64), full_matrices=False)
    u, vt = vt[:3].T, u[:, :3].T
    sign = np.sign(u[np.argmax(np.abs(u), axis=0), range(3)])
    got = LowRank((u * sign).astype(np.float32), s[:3].astype(np.float32), (vt * sign[:, None]).astype(np.float32))
    same_product(reference.lowrank_svd(MATRIX, rank=3), got, (MATRIX,))


@pytest.mark.parametrize("change, message", [
    (lambda u, s, vt: (-u, s, -vt), "must be positive"),
    (lambda u, s, vt: (u[:, :2], s[:2], vt[:2]), "rank"),
    (lambda u, s, vt: (u, s * F(1 + 2e-6), vt), r"result.s\[0\]"),
    (lambda u, s, vt: (u * s, np.ones_like(s), vt), r"result.s\[0\]"),
    (lambda u, s, vt: (u * F(1 + 1e-6), s, vt), r"result.u.T @ result.u\[0, 0\]"),
    (lambda u, s, vt: (u, s, vt * F(1 + 1e-6)), r"result.vt @ result.vt.T\[0, 0\]"),
    (lambda u, s, vt: (u[:, [1, 0, 2]], s, vt[[1, 0, 2]]), "the product is off by"),
    (lambda u, s, vt: (u[:, ::-1], s[::-1], vt[::-1]), r"result.s\[0\]"),
])
def test_same_product_refuses_what_is_nearly_right(change, message):
    same_product(_factors(lambda *factors: factors), _factors(lambda *factors: factors), (MATRIX,))
    with pytest.raises(Disagreement, match=message):
        same_product(_factors(lambda *factors: factors), _factors(change), (MATRIX,))


def test_near_best_takes_another_seed_and_refuses_what_falls_short_of_the_promise():
    rng = np.random.default_rng(0)
    w = (rng.standard_normal((60, 50)) * 0.8 ** np.arange(50)).astype(F)
    expected = reference.lowrank_randomized(w, rank=5)
    near_best(expected, reference.lowrank_randomized(w, rank=5, seed=1), (w,), {"rank": 5})
    near_best(expected, reference.lowrank_randomized(w, rank=5, certify=False), (w,), {"rank": 5})
    near_best(expected, replace(expected, factors=reference.lowrank_svd(w, rank=5)), (w,), {"rank": 5})
    f = expected.factors
    # The last singular value is a tenth too small; the tail beside it is three times that.
    smaller = LowRank(f.u, (f.s * [1, 1, 1, 1, 0.9]).astype(F), f.vt)
    for wrong, message in ((replace(expected, factors=smaller), "off by"),
                           (replace(expected, frobenius=0.999 * expected.frobenius), "frobenius"),
                           (replace(expected, spectral=0.01 * expected.spectral), "spectral"),
                           (replace(expected, factors=LowRank(-f.u, f.s, -f.vt)), "positive"),
                           (replace(expected, factors=LowRank(f.u[:, ::-1], f.s[::-1], f.vt[::-1])), "not increasing"),
                           (replace(expected, factors=LowRank(f.u[:, :4], f.s[:4], f.vt[:4])), "rank 4"),
                           (f, "got a LowRank")):
        with pytest.raises(Disagreement, match=message):
            near_best(expected, wrong, (w,), {"rank": 5})


@pytest.mark.parametrize("lengths, message", [
    ([2, 2, 2, 2], "cost of 22 bits"),
    ([1, 2, 3, 4], "the sum of 2"),
    ([1, 2, 3, 0], r"result\[3\]"),
    ([1, 1, 1, 1], "the sum of 2"),
])
def test_same_cost_refuses_worse_and_impossible_lengths(lengths, message):
    counts = np.int64([5, 3, 2, 1])
    same_cost(np.uint8([1, 2, 3, 3]), np.uint8([1, 2, 3, 3]), (counts,))
    with pytest.raises(Disagreement, match=message):
        same_cost(np.uint8([1, 2, 3, 3]), np.uint8(lengths), (counts,))
    with pytest.raises(Disagreement, match="the limit is 2"):
        same_cost(np.uint8([2, 2, 2, 2]), np.uint8([1, 2, 3, 3]), (counts,), {"limit": 2})


@needs_native
def test_same_cost_allows_what_the_rounding_of_sums_hides_and_no_more():
    """Values and importances over seventy powers of ten. Of the first six one optimum is dearer than the other by more
    than its own cost is rounded by."""
    for seed in (175, 403, 1075, 1426, 1451, 2383, *range(20)):
        rng = np.random.default_rng(seed)
        w = (rng.standard_normal(24) * 10.0 ** rng.uniform(-20, 37, 24)).astype(F)
        kwargs = {"clusters": 2 + seed % 12, "pruned": seed % 2 == 1}
        kwargs["weights"] = (10.0 ** rng.uniform(-37, 37, 24)).astype(F)
        one, other = reference.share_optimal(w, **kwargs), native.share_optimal(w, **kwargs)
        same_cost(one, other, (w,), kwargs)
        same_cost(other, one, (w,), kwargs)
    w = np.arange(64, dtype=F)
    best = reference.share_optimal(w, clusters=5)
    other = Shared(best.codes, best.codebook * F(1 + 1e-4))
    with pytest.raises(Disagreement, match="a distortion of"):
        same_cost(best, other, (w,), {"clusters": 5})


def test_same_cost_takes_a_better_clustering_and_refuses_a_worse_one():
    w = F([0, 0, 0, 0, 10, 10.5])
    codes = np.uint8([0, 0, 0, 0, 1, 1])
    worse, better = Shared(codes, F([0, 10])), Shared(codes, F([0, 10.25]))
    same_cost(worse, better, (w,), {"clusters": 2})
    with pytest.raises(Disagreement, match="distortion"):
        same_cost(better, worse, (w,), {"clusters": 2})
    with pytest.raises(Disagreement, match="at most 2"):
        same_cost(better, Shared(np.uint8([0, 0, 0, 0, 1, 2]), F([0, 10, 10.5])), (w,), {"clusters": 2})
    with pytest.raises(Disagreement, match="where w is 0"):
        moved = Shared(np.uint8([1, 0, 0, 0, 2, 2]), F([0, 1e-30, 10.25]))
        same_cost(better, moved, (w,), {"clusters": 3, "pruned": True})


@pytest.mark.parametrize("w, codes, book, kwargs, message", [
    ([1, 2, 2], [0, 1, 1], [1, 2], {"clusters": 3, "pruned": True}, "expected 0.0 first"),
    ([1, 2, 2], [0, 1, 1], [-0.0, 1, 2], {"clusters": 3, "pruned": True}, "no -0.0"),
    ([1, 1, 2], [0, 0, 1], [1, 2, 2.5], {"clusters": 3}, r"codebook\[2\]: got 2.5, expected a value that"),
    ([0, 2, 1], [0, 1, 1], [0, 2], {"clusters": 2}, r"nearest value.*\[2\]: got 2.0, expected 0.0"),  # of two the lower
    ([0, 4, 1], [0, 1, 0], [0, 3], {"clusters": 3}, "no more distinct values than clusters"),
    ([0, 4, 0], [1, 0, 1], [4, 0], {"clusters": 2}, "ascending"),
])
def test_same_cost_asks_for_the_form_of_shared_values_whatever_they_cost(w, codes, book, kwargs, message):
    right = reference.share_optimal(F(w), **kwargs)
    same_cost(right, right, (F(w),), kwargs)
    with pytest.raises(Disagreement, match=message):
        same_cost(right, Shared(np.uint8(codes), F(book)), (F(w),), kwargs)


def test_same_cost_takes_code_0_for_a_fitted_value_that_is_zero():
    w = F([-1e-45, 1e-45, 0, 5])
    found = reference.share_optimal(w, clusters=3, pruned=True)
    same_cost(found, found, (w,), {"clusters": 3, "pruned": True})


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("rank", [0, 1])
def test_what_is_not_finite_in_x_is_special_only_where_it_is_multiplied(bad, rank):
    a = LowRank(np.ones((2, rank), F), np.ones(rank, F), np.ones((rank, 3), F))
    x = np.full((3, 2), bad, F)
    y = reference.lowrank_matmul(a, x)
    lowrank_rule(y, y, (a, x))
    with pytest.raises(Disagreement):
        lowrank_rule(y, y + F(1) if rank == 0 else np.zeros_like(y), (a, x))



def test_what_a_contract_leaves_open_is_accepted():
    exactly({"a": F([1]), "b": F([2])}, {"b": F([2]), "a": F([1])})  # a dict in another order
    exactly(F(1).reshape(()), F(1))  # a NumPy scalar for an array of no dimensions


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_rules_take_options_that_are_numpy_scalars(kind):
    counts = np.int64([1, 1, 2, 4])
    same_cost(reference.huffman_lengths(counts), reference.huffman_lengths(counts), (counts,), {"limit": kind(11)})
    w = np.arange(40, dtype=np.float32)
    same_cost(reference.share_optimal(w, bits=3), reference.share_optimal(w, bits=3), (w,), {"bits": kind(3)})


def test_one_number_among_zeros_is_rounded_once():
    """However long the row is: the product with a number of fewer bits is then another one."""
    x, w = np.zeros((1, 5000), np.float32), np.zeros((1, 5000), np.float32)
    x[0, 4999], w[0, 4999] = 1 + 2.0**-23, 1 + 2.0**-12
    expected = reference.gemm_f32f32(x, w)
    rule = OPS["gemm_f32f32"].rule
    rule(expected, expected, (x, w), {})
    with pytest.raises(Disagreement):
        rule(expected, reference.gemm_f32f32(x, np.round(w, 3)), (x, w), {})
    with pytest.raises(Disagreement):
        rule(expected, np.nextafter(np.nextafter(np.nextafter(expected, F(2)), F(2)), F(2)), (x, w), {})


def test_weights_scaled_after_the_sum_agree_where_the_sum_does():
    q = reference.quantize_s8(np.float32(np.random.default_rng(1).standard_normal((3, 8))), bits=4, axis=0)
    w, x = reference.quantize_pack(q), np.float32(np.random.default_rng(2).standard_normal((2, 8)))
    afterwards = (x.astype(np.float32) @ q.values.astype(np.float32).T) * q.scale.T
    OPS["gemm_f32s4"].rule(reference.gemm_f32s4(x, w), afterwards, (x, w), {})


def test_factors_that_are_not_orthonormal_disagree():
    w = np.float32(np.random.default_rng(3).standard_normal((6, 8)))
    found = reference.lowrank_randomized(w, rank=3)
    f = found.factors
    longer = with_fields(f, u=f.u * np.float32(2), s=f.s / np.float32(2))  # the product is the same
    with pytest.raises(Disagreement, match="u.T @ u"):
        OPS["lowrank_randomized"].rule(found, with_fields(found, factors=longer), (w,), {"rank": 3})


@pytest.mark.parametrize("at_once", [1, 7, 50])
def test_the_terms_of_sparse_rows_do_not_depend_on_how_many_are_taken_at_once(at_once, monkeypatch):
    rng = np.random.default_rng(4)
    w = np.float32(rng.standard_normal((9, 6))) * (rng.random((9, 6)) < 0.4)
    w[3], w[8], x = 0, 0, np.float32(rng.standard_normal((6, 5)))  # rows without entries, the last one too
    w[5, 2] = np.inf
    a = reference.csr_from_dense(w)
    whole = terms.csr_terms(a, x)
    finite = np.where(np.isfinite(w), np.abs(w), 0).astype(np.float64)
    exact = finite @ np.abs(x)
    assert (whole.magnitude >= exact).all() and (whole.magnitude <= exact * (1 + 2.0**-48)).all()
    assert whole.special.tolist() == (np.arange(9) == 5)[:, None].repeat(5, axis=1).tolist()
    monkeypatch.setattr(terms, "AT_ONCE", at_once)
    exactly(vars(whole), vars(terms.csr_terms(a, x)))
