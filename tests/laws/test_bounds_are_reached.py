"""No bound is empty: what a right kernel may do comes within a factor of twenty of it, and more is refused.

Of a product it is one chain of float32 additions: 1 and then k - 1 terms of a little less than half of its last place.
Each addition to 1 is rounded away, and the chain is off by nearly (k - 1) 2**-24, where the bound is about k 2**-24.
"""

import dataclasses
from decimal import Decimal, localcontext

import numpy as np
import pytest

from refcompress import reference
from refcompress.agreement import Disagreement
from refcompress.agreement.divergence import loss
from refcompress.formats import LowRank, LowRankSparse, Plain, Quantized, Shared
from refcompress.ops import OPS
from refcompress.testing.sums import in_sequence

K = 200
X = np.full((1, K), 0.99 * 2.0**-24, np.float32)
X[0, 0] = 1
ONES = np.ones((1, K), np.float32)
S8 = Quantized(np.ones((1, K), np.int8), np.ones((1, 1), np.float32), np.zeros((1, 1), np.int8))
BF16 = Plain(np.full((1, K), 0x3F80, np.uint16), "bfloat16")
LOW = LowRank(np.ones((1, 1), np.float32), np.ones(1, np.float32), ONES)
NOTHING = reference.csr_from_dense(0 * ONES)

CALLS = {
    "gemm_f32f32": (X, ONES),
    "gemm_f32s8": (X, S8),
    "gemm_f32s4": (X, reference.quantize_pack(S8)),
    "gemm_f32mixed": (X, reference.allocate_mixed(ONES, np.arange(K) % 2 == 0, axis=1)),
    "gemm_f32f16": (X, Plain(np.full((1, K), 0x3C00, np.uint16), "float16")),
    "gemm_f32bf16": (X, BF16),
    "gemm_f32fp8": (X, Plain(reference.floats_encode(ONES, "fp8_e4m3"), "fp8_e4m3")),
    "gemm_f32mx": (X, reference.floats_mx_encode(ONES, "mxfp8_e4m3")),
    "gemm_f32nf4": (X, reference.floats_nf4_encode(ONES)),
    "gemm_f32nvfp4": (X, reference.floats_nvfp4_encode(ONES)),
    "gemm_bf16bf16": (reference.floats_encode(X, "bfloat16"), BF16),
    "csr_matmul": (reference.csr_from_dense(ONES), X.T.copy()),
    "sparse_matmul": (reference.sparse_bitmask_pack(ONES), X.T.copy()),
    "lowrank_matmul": (LOW, X.T.copy()),
    "lowrank_sparse_matmul": (LowRankSparse(LOW, NOTHING), X.T.copy()),
    "nn_depthwise_f32": (X.reshape(1, 1, 1, K), ONES.reshape(1, 1, 1, K)),
}


@pytest.mark.parametrize("op", CALLS)
def test_one_chain_reaches_a_twentieth_of_the_bound(op):
    args, rule = CALLS[op], OPS[op].rule
    expected = getattr(reference, op)(*args)
    terms = reference.floats_decode(args[0], "bfloat16") if args[0].dtype == np.uint16 else X
    got = in_sequence(terms.T).reshape(expected.shape)
    lost = expected.astype(np.float64) - got
    assert lost > 0
    rule(expected, got, args)
    with pytest.raises(Disagreement, match="allowed difference"):
        rule(expected, (expected - 20 * lost).astype(np.float32), args)


def _codebook(value) -> Shared:
    return Shared(np.zeros(8, np.uint8), np.float32([value]))


def test_a_mean_that_is_rounded_to_the_other_neighbour_costs_half_of_what_same_cost_allows():
    below, above = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
    w = np.repeat([below, above], [3, 5])
    rule, call = OPS["share_optimal"].rule, ((w,), {"clusters": 1})
    expected = reference.share_optimal(*call[0], **call[1])
    assert expected.codebook.tolist() == [above]
    rule(expected, _codebook(below), *call)
    with pytest.raises(Disagreement, match="allowed difference") as wrong:
        rule(expected, _codebook(np.nextafter(below, np.float32(0))), *call)
    allowed = float(str(wrong.value).rpartition(" ")[2])
    more = [float(np.sum((w.astype(np.float64) - float(value)) ** 2)) for value in (below, above)]
    assert more[0] - more[1] > allowed / 20


def _turned(found, w, angle):
    """Return factors of rank one whose vectors are turned, with certificates that hold."""
    u, s, vt = np.linalg.svd(w.astype(np.float64))
    left = np.cos(angle) * u[:, :1] + np.sin(angle) * u[:, 1:2]
    product = left @ (left.T @ w)
    length = np.linalg.norm(product)
    sign = np.sign(left[np.abs(left).argmax()])
    factors = LowRank((sign * left).astype(np.float32), np.float32([length]),
                      (sign * left.T @ w / length).astype(np.float32))
    return dataclasses.replace(found, factors=factors, frobenius=1.01 * s[1], spectral=1.01 * s[1])


@pytest.mark.parametrize("share, refused", [(0.9, False), (1.2, True)])
def test_near_best_takes_a_subspace_that_loses_nearly_as_much_as_the_tolerance_and_none_that_loses_more(share, refused):
    w, tolerance = np.float32([[2, 0, 0], [0, 1, 0], [0, 0, 0]]), 1e-3
    found = reference.lowrank_randomized(w, rank=1, seed=0, tolerance=tolerance)
    # The error is the root of 1 + 3 sin(angle)**2, and the least one is 1.
    got = _turned(found, w, np.arcsin(np.sqrt(((1 + share * tolerance) ** 2 - 1) / 3)))
    rule, call = OPS["lowrank_randomized"].rule, ((w,), {"rank": 1, "seed": 0, "tolerance": tolerance})
    if not refused:
        rule(found, got, *call)
        return
    with pytest.raises(Disagreement, match="allowed difference"):
        rule(found, got, *call)


def test_factors_that_are_rounded_once_reach_a_twentieth_of_what_near_outputs_allows():
    """The matrix has rank one, so that rounding is all that is lost; 50 matrices, of which one loses nearly the most.
    """
    rule, reached = OPS["lowrank_whitened"].rule, 0
    for w in np.random.default_rng(0).standard_normal((50, 1, 3)).astype(np.float32):
        call = (w, np.eye(3)), {"rank": 1}
        expected = reference.lowrank_whitened(*call[0], **call[1])
        error = np.linalg.norm(w - (expected.u.astype(np.float64) * expected.s) @ expected.vt) / np.linalg.norm(w)
        longer = dataclasses.replace(expected, s=expected.s * np.float32(1 + 20 * error))
        rule(expected, expected, *call)
        try:
            rule(expected, longer, *call)
        except Disagreement:
            reached += 1
    assert reached > 0


def test_one_chain_of_logarithms_reaches_a_twentieth_of_what_least_divergence_allows():
    """2,048 bins hold 1,297 elements each, and one element lies beyond them: every addition of a logarithm rounds in
    the same direction as the one before it."""
    bins, levels, c = 2048, 128, 1297
    k, n, total, occupied = bins * c, bins * c + 1, 16 * c, 16
    counts = np.full(bins + 1, c, np.float64)
    counts[-1] = 1
    last = np.full(bins, c, np.float64)
    last[-1] = c + 1
    log = [np.full(bins, float(count)) for count in (total, n, occupied, k)]
    total_, n_, occupied_, k_ = (np.add.accumulate(last / n * np.log(a))[-1] for a in log)
    got = np.add.accumulate(last / n * np.log(last))[-1] - total_ - n_ + occupied_ + k_
    with localcontext() as exact:
        exact.prec = 40
        rest = Decimal(occupied * k).ln() - Decimal(total * n).ln()
        true = (c * (bins - 1) * (Decimal(c).ln() + rest) + (c + 1) * (Decimal(c + 1).ln() + rest)) / n
        ours, allowed = loss(counts, bins, levels)
        assert abs(Decimal(float(got)) - true) > Decimal(2 * allowed) / 20
        assert abs(Decimal(float(got)) - true) < Decimal(allowed)
        assert abs(Decimal(ours) - true) < Decimal(allowed) / 1000


def test_factors_that_are_rounded_once_reach_a_twentieth_of_what_same_product_allows():
    """50 matrices of two rows, with all of their rank, so that rounding is all that is lost."""
    rule, reached = OPS["lowrank_svd"].rule, {"result.s": 0, "result.u": 0, "result.vt": 0, "product": 0}
    for w in np.random.default_rng(0).standard_normal((50, 2, 3)).astype(np.float32):
        expected = reference.lowrank_svd(w, rank=2)
        u, s, vt = (a.astype(np.float64) for a in (expected.u, expected.s, expected.vt))
        off = {"s": np.abs(s / np.linalg.svd(w.astype(np.float64), compute_uv=False) - 1).max(),
               "u": np.abs(u.T @ u - np.eye(2)).max() / 2, "vt": np.abs(vt @ vt.T - np.eye(2)).max() / 2}
        for name, error in off.items():  # twenty times as far off: a vector's inner product is so by its square
            factor = getattr(expected, name)
            longer = (factor.astype(np.float64) * (1 + 20 * error)).astype(np.float32)
            try:
                rule(expected, dataclasses.replace(expected, **{name: longer}), (w,), {"rank": 2})
            except Disagreement as wrong:
                reached[f"result.{name}"] += str(wrong).startswith(f"result.{name}")
        turned = dataclasses.replace(expected, vt=expected.vt * np.float32([[1], [-1]]))
        with pytest.raises(Disagreement, match="the product is off") as wrong:
            rule(expected, turned, (w,), {"rank": 2})
        allowed = float(str(wrong.value).rpartition(" ")[2])
        reached["product"] += np.linalg.norm(w - (u * s) @ vt) > allowed / 20
    assert all(reached.values()), reached
