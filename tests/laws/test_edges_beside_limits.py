"""Kernels that are right but beside a limit: of a width, a block, a line, of what is normal, of what is refused."""

import threading

import numpy as np
import pytest

from refcompress import agreement, formats, reference
from refcompress.errors import CorruptError, RefcompressError
from refcompress.formats import CSR, LowRank, LowRankSparse
from refcompress.ops import OPS
from refcompress.reference.allocate.bits import Allocation
from refcompress.reference.gemm.products import in_int32
from refcompress.reference.hessian import inverse_factor
from refcompress.reference.lowrank.truncated import signed, svd
from refcompress.reference.quantize.layer import LayerFit
from refcompress.testing.edges import EDGES
from refcompress.testing.sampling import refusals
from refcompress.testing.state_threads import threads_at_once
from refcompress.testing.two_wrong import two_wrong

F = np.float32


def zero_point_times_sum_in_float32(x, w, *, x_zero_point=0):
    less = (w.sum(axis=1, dtype=np.int64).astype(F) * F(x_zero_point)).astype(np.int64)
    return in_int32(x.astype(np.int64) @ w.T.astype(np.int64) - less)


def without_stored_zeros(a, x):
    s = a.sparse
    if not isinstance(s, CSR):
        return reference.lowrank_sparse_matmul(a, x)
    stays = s.values != 0
    indptr = np.append(0, np.cumsum(stays))[s.indptr]
    return reference.lowrank_sparse_matmul(
        LowRankSparse(a.low, CSR(s.shape, indptr, s.indices[stays], s.values[stays], s.canonical)), x)


def subnormals_are_zero(sums, count):
    y = sums / count
    return np.where(np.abs(y) < 2.0**-1022, np.copysign(0.0, y), y)


def sum_of_a_float32_share(w, *, sparsity=None, keep=None):
    if sparsity is None or isinstance(w, dict):
        return reference.prune_magnitude(w, sparsity=sparsity, keep=keep)
    return reference.prune_magnitude(w, keep=w.size - int(np.rint(sparsity * np.float32(w.size))))


def eigenvalues_of_float32(w, hessian, *, rank):
    g = reference.lowrank_whitened(w, hessian, rank=rank)
    if not hessian.any() or not g.rank:
        return g
    values, vectors = np.linalg.eigh(hessian.astype(F))
    wide = w.astype(np.float64)
    p = svd(wide @ (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float64))[0][:, :rank]
    u, s, vt = svd(p.T @ wide)
    u, s, vt = (a.astype(F) for a in (p @ u, s, vt))
    u, vt = signed(u, vt)
    return LowRank(u, s, vt)


def in_the_limit_before_it_is_rounded(bias, scale_x, scale_w, *, inputs=0):
    y = reference.quantize_bias_s32(bias, scale_x, scale_w, inputs=inputs)
    unit = np.float64(F(scale_x)) * np.asarray(scale_w, F).astype(np.float64)
    if (np.abs(bias / unit) > 2**31 - 1 - inputs * 2**14).any():
        raise RefcompressError("bias", "must fit")
    return y


def blocks_begin_in_each_line(q):
    y = reference.floats_nf4_decode(q)
    if q.codes.ndim < 3 or q.scales.ndim != 2 or not q.codes.size:
        return y
    place = np.arange(q.codes[0].size)
    right, line = q.scales[:, place // q.block], q.scales[:, place % q.codes.shape[-1] // q.block]
    return (y.reshape(len(y), -1) / right * line).reshape(y.shape)  # small integers as scales: only a line's own differ


def not_a_number_behind_a_masked_block(x):
    y = reference.nn_softmax(x)
    return np.where((x[..., :32] == -np.inf).all(axis=-1, keepdims=True), F(np.nan), y) if x.shape[-1] > 32 else y


def without_dominated_choices(cost, size, budget):
    cost, size = np.asarray(cost, np.float64), np.asarray(size)
    kept = []
    for c, s in zip(cost, size):
        order = np.lexsort((np.arange(len(c)), c, s))
        stays = [j for n, j in enumerate(order) if not n or c[j] < c[order[:n]].min()]
        kept.append(sorted(stays) + [max(stays)] * (len(c) - len(stays)))
    places = np.array(kept, np.int64).reshape(cost.shape)
    a = reference.allocate_exact(np.take_along_axis(cost, places, 1), np.take_along_axis(size, places, 1), budget)
    return Allocation(np.array([p[j] for p, j in zip(places, a.choice)], np.int64), a.cost, a.size, a.bound)


def weightless_clusters_take_their_first_value(w, **kwargs):
    """Lloyd's mean of what weighs nothing is 0 / 0."""
    weights = kwargs.get("weights")
    if weights is None or (np.asarray(weights) > 0).all() or w.ndim != 1 or (np.diff(w) < 0).any():
        return reference.share_kmeans(w, **kwargs)
    s = reference.share_kmeans(w, **kwargs)
    book = s.codebook.copy()
    for c in range(len(book)):
        own = s.codes == c
        if own.any() and not np.asarray(weights)[own].any():
            book[c] = w[own].min()
    return formats.Shared(s.codes, book, s.group)


def last_of_a_block_moves_its_block_alone(w, hessian, *, bits=4, damping=0.01, **others):
    k = w.shape[1]
    if others or k <= 128:
        return reference.quantize_gptq(w, hessian, bits=bits, damping=damping, **others)
    near = reference.quantize_s8(w, bits=bits, axis=0)
    u, now, s, values = inverse_factor(hessian, damping), w.T.astype(np.float64), near.scale[:, 0], near.values.copy()
    highest = 2 ** (bits - 1) - 1
    for i in range(k):
        values[:, i] = np.clip(np.rint(now[i].astype(F) / s), -highest, highest)
        e = (now[i] - s.astype(np.float64) * values[:, i]) / u[i, i]
        last = k if i % 128 < 127 else i + 1
        now[i + 1 : last] -= np.outer(u[i, i + 1 : last], e)
    return LayerFit.of(w, hessian, formats.Quantized(values, near.scale, near.zero_point, near.group), near)


@pytest.mark.parametrize("op, wrong", [
    ("gemm_s8s8", zero_point_times_sum_in_float32),
    ("lowrank_sparse_matmul", without_stored_zeros),
    ("lowrank_whitened", eigenvalues_of_float32),
    ("prune_score_activation", subnormals_are_zero),
    ("prune_magnitude", sum_of_a_float32_share),
    ("quantize_bias_s32", in_the_limit_before_it_is_rounded),
    ("floats_nf4_decode", blocks_begin_in_each_line),
    ("nn_softmax", not_a_number_behind_a_masked_block),
    ("allocate_exact", without_dominated_choices),
    ("share_kmeans", weightless_clusters_take_their_first_value),
    ("quantize_gptq", last_of_a_block_moves_its_block_alone),
], ids=lambda value: getattr(value, "__name__", value))
def test_the_edges_find_the_kernel(op, wrong):
    def differs(args, kwargs):
        with np.errstate(all="ignore"):
            expected = getattr(reference, op)(*args, **kwargs)
            try:
                OPS[op].rule(expected, wrong(*args, **kwargs), args, kwargs)
            except (agreement.Disagreement, RefcompressError):
                return True
        return False

    assert any(differs(*call) for calls in EDGES[op] for call in calls())


def test_the_refusals_have_codes_whose_sum_wraps_at_two_to_the_sixteenth():
    given = [args[0] for args, _ in refusals("huffman_code")]
    lengths = [a[a > 0].astype(int) for a in given if isinstance(a, np.ndarray) and a.dtype == np.uint8 and a.ndim == 1]
    sums = [int((1 << 15 - some).sum()) for some in lengths if some.size and some.max() <= 15]
    assert any(total > 2**16 and total % 2**16 == 2**15 for total in sums)


def test_the_refusals_have_whole_streams_of_symbols_that_the_type_has_not():
    found = {kwargs.get("strict") for (data, type_, count), kwargs in refusals("planes_decode")
             if type_ == "fp4_e2m1" and isinstance(data, np.ndarray) and data.dtype == np.uint8}
    assert found >= {True, False}
    with pytest.raises(CorruptError, match="data"):
        reference.planes_decode(reference.planes_encode(np.uint8([8, 200, 3]), "uint8"), "fp4_e2m1", 3, strict=False)


def test_of_two_wrong_integers_the_second_is_once_the_larger_one():
    (q,), _ = next(iter(two_wrong("quantize_pack")))
    at = [tuple(place) for place in np.argwhere(np.abs(q.values.astype(int)) > 8)]
    assert len(at) == 2 and abs(int(q.values[at[0]])) < abs(int(q.values[at[1]]))


def test_threads_that_write_what_depends_on_their_input_to_one_place_are_found_by_two_long_calls():
    places, turn = {}, threading.Event()

    def shares_a_place(x, name):
        place = places.setdefault(x.shape, np.empty_like(x))
        np.copyto(place, x)
        turn.wait(0.005)  # another thread writes its own meanwhile
        return reference.nn_activation(place.copy(), name)

    x = np.random.default_rng(0).standard_normal((2, 2**12), dtype=F)
    with pytest.raises(agreement.Disagreement, match="at once"):
        threads_at_once("nn_activation", shares_a_place, lambda: iter([((x, "silu"), {})]))
