"""Kernels of the integer products: packed weights, plain ones, and calls made ready, at the ends of their blocks."""

import gc

import numpy as np
import pytest
from implementations import NATIVE, each, need_native

from refcompress import reference
from refcompress.formats import Quantized, Shared
from refcompress.testing import guarded

native = need_native()

from refcompress.native import gemm, gemm_codes, gemm_s8, threads  # noqa: E402

RNG = np.random.default_rng(5)


def s8(*shape):
    return RNG.integers(-128, 128, shape).astype(np.int8)


def layer(n, bias=3000, shift=9):
    return (RNG.integers(-bias, bias + 1, n).astype(np.int32), RNG.integers(2**30, 2**31, n).astype(np.int32),
            np.full(n, shift, np.int32))


def affine(n, k, group, bits=8):
    low, groups = -(1 << bits - 1), -(-k // group)
    values = RNG.integers(low, -low, (n, k)).astype(np.int8)
    zero_point = RNG.integers(low, -low, (n, groups)).astype(np.int8)
    return Quantized(values, RNG.uniform(0.5, 2, (n, groups)).astype(np.float32), zero_point, group)


def symmetric(n, k):
    return Quantized(s8(n, k), RNG.uniform(0.5, 2, (n, 1)).astype(np.float32), np.zeros((n, 1), np.int8), None)


def calls(m, n, k):
    """Yield an operation's name, its weight's place and its arguments."""
    x, x_scale = s8(m, k), RNG.uniform(0.5, 2, m).astype(np.float32)
    yield "gemm_s8s8", 1, (x, s8(n, k))
    yield "gemm_u8s8", 1, (x.view(np.uint8), s8(n, k))
    yield "gemm_s8s8_requantized", 1, (x, s8(n, k), *layer(n))
    yield "gemm_s8s8_scaled", 2, (x, x_scale, affine(n, k, k), RNG.standard_normal(n).astype(np.float32))
    yield "gemm_s8s8_scaled", 2, (x, x_scale, affine(n, k, 6))
    yield "gemm_s8s8_scaled", 2, (x, x_scale, symmetric(n, k))
    yield "gemm_s8s8_scaled", 2, (x, x_scale, symmetric(n, k), np.full(n, -0.0, np.float32))
    yield "gemm_s8s4", 2, (x, x_scale, reference.quantize_pack(affine(n, k, 6, bits=4)))
    codes = RNG.integers(0, 16, (n, k)).astype(np.uint8)
    yield "gemm_s8lut4", 2, (x, x_scale, Shared(codes, RNG.standard_normal(16).astype(np.float32)))


@each("space", NATIVE)
@pytest.mark.parametrize("m", [1, 3, 9, 12, 13, 300])
def test_weights_packed_some_outputs_at_a_time_or_beforehand_give_the_result_of_the_reference(space, m, monkeypatch):
    monkeypatch.setattr(gemm_s8, "ROOM", 1)
    for op, place, args in calls(m, 118, 27):
        function, expected = getattr(space, op), getattr(reference, op)(*args)
        ready = list(args)
        ready[place] = native.prepare(args[place], op)
        for y in (function(*args), function(*ready), function.prepare(*ready)()):
            assert np.array_equal(y, expected), op


@each("space", NATIVE)
@pytest.mark.parametrize("k", [1, 31, 32, 33, 63, 255, 256, 257, 300, 384, 387, 4096, 4099, 32801])
def test_the_largest_products_are_exact_where_the_parts_of_a_sum_end(space, k):
    """AVX2 adds up 16 products of halves in int16: of 32 inputs, or in the lanes of 256. Few rows go on in pieces."""
    for m in (1, 2, 3, 8, 150) if k < 4099 else (1, 3):
        for x, w in ((-128, -128), (-128, 127), (127, -128), (127, 127), (119, 127), (120, 127), (None, None)):
            x = s8(m, k) if x is None else np.full((m, k), x, np.int8)
            w, u = s8(21, k) if w is None else np.full((21, k), w, np.int8), x.view(np.uint8) | 240
            for op, a in (("gemm_s8s8", x), ("gemm_u8s8", u)):
                sums = a.astype(np.float64) @ w.astype(np.float64).T  # exact: below 2**53
                for weight in (w, native.prepare(w, op)):
                    assert np.array_equal(getattr(space, op)(a, weight), sums), (op, m)


@each("space", NATIVE)
@pytest.mark.parametrize("rest", [0, 1, 2, 3])
def test_rows_longer_than_a_panel_end_anywhere(space, rest):
    x, w = s8(9, 5440 + rest), s8(50, 5440 + rest)
    x[0], w[0] = -128, -128
    sums = x.astype(np.int64) @ w.astype(np.int64).T
    assert np.array_equal(space.gemm_s8s8(x, native.prepare(w, "gemm_s8s8")), sums)
    u = x.view(np.uint8)
    assert np.array_equal(space.gemm_u8s8(u, native.prepare(w, "gemm_u8s8")), u.astype(np.int64) @ w.astype(np.int64).T)
    args = x, w, *layer(50, bias=10**6, shift=14)
    assert np.array_equal(space.gemm_s8s8_requantized(*args, zero_point=-3),
                          reference.gemm_s8s8_requantized(*args, zero_point=-3))


@each("space", NATIVE)
def test_a_quotient_next_to_a_half_is_rounded_as_the_exact_one(space):
    bias = np.concatenate([np.arange(-300, 300), [2**31 - 1 - 2**14, 2**14 + 1 - 2**31]]).astype(np.int32)
    w = np.zeros((len(bias), 1), np.int8)
    for multiplier in (2**30, 2**30 + 1, 2**31 - 1):
        for shift in (-1, 0, 1, 7, 22, 31):
            args = s8(5, 1), w, bias, np.full(len(bias), multiplier, np.int32), np.full(len(bias), shift, np.int32)
            assert np.array_equal(space.gemm_s8s8_requantized(*args), reference.gemm_s8s8_requantized(*args))


@pytest.mark.parametrize(("m", "n"), [(1000, 300), (300, 1000), (40, 40)])
def test_no_call_has_more_than_bounded_work_and_all_is_done_once(m, n):
    done, speed, k = np.zeros((m, n), int), 1e6, 64
    most = max(threads.CHUNK_SECONDS * gemm_s8.SPEED * speed, gemm_s8.ROWS * gemm_s8.OUTPUTS * k)

    def kernel(begin, end, first, stop, ldx, x):
        assert (end - begin) * (stop - first) * ldx <= most and first % 16 == 0
        done[begin:end, first:stop] += 1
        return 0

    gemm_s8.call_packed(kernel, speed, s8(m, k), (), (m, n))
    assert (done == 1).all()


@each("space", NATIVE)
def test_a_call_made_ready_reads_its_inputs_anew_and_keeps_what_it_points_at(space):
    ready = []
    for op, place, args in calls(5, 20, 12):
        x = args[0].copy()
        weight = native.prepare(args[place], op)
        ready.append((op, args, x, getattr(space, op).prepare(x, *args[1:place], weight, *args[place + 1 :])))
    del weight
    gc.collect()
    for op, args, x, again in ready:
        x[:] = x[::-1].copy()
        assert np.array_equal(again(), getattr(reference, op)(x, *args[1:])), op


def products_of_codes(m, n, k, group):
    """Yield products of codes, whose sums are the largest ones or any: 4 bits, a codebook, and one for each group."""
    groups = -(-k // group)
    scale, x_scale = RNG.uniform(0.5, 2, (n, groups)).astype(np.float32), RNG.uniform(0.5, 2, m).astype(np.float32)
    for x, code in ((np.full((m, k), -128, np.int8), 15), (np.full((m, k), 127, np.int8), 15), (s8(m, k), None)):
        codes = RNG.integers(0, 16, (n, k)).astype(np.uint8) if code is None else np.full((n, k), code, np.uint8)
        for zero_point in (np.full((n, groups), -8, np.int8), RNG.integers(-8, 8, (n, groups)).astype(np.int8)):
            q = Quantized((codes.view(np.int8) ^ 8) - 8, scale, zero_point, group)
            yield "gemm_s8s4", (x, x_scale, reference.quantize_pack(q))
        codebook = np.linspace(-1, 1, 16, dtype=np.float32)
        yield "gemm_s8lut4", (x, x_scale, Shared(codes, codebook))
        yield "gemm_s8lut4", (x, x_scale, Shared(codes, np.tile(codebook, (n, groups, 1)), group=group))


@each("space", NATIVE)
@pytest.mark.parametrize("group", [1, 9, 28, 31, 32, 33, 36, 40, 64, 72, 388])
def test_products_of_codes_are_exact_where_tiles_and_the_quads_of_a_sum_end(space, group):
    """AVX2 adds up eight quads in int16, in tiles of one to eight rows and of eight or sixteen outputs."""
    for m in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15):
        for op, args in products_of_codes(m, 25, 2 * group - group // 3, group):
            assert np.array_equal(getattr(space, op)(*args), getattr(native.at("portable"), op)(*args)), (op, m)


@pytest.mark.skipif(not guarded.available(), reason="needs mprotect")
@each("space", NATIVE)
@pytest.mark.parametrize("m, n, k", [(1, 15, 4099), (1, 50, 8192), (5, 33, 4099)])
def test_what_is_read_and_written_of_a_result_ends_with_it(space, m, n, k, monkeypatch):
    """Rows are longer than what is laid ready at a time: sums go on from what was written."""
    for module in (gemm, gemm_s8, gemm_codes):
        monkeypatch.setattr(module, "empty", lambda shape, dtype: guarded.ends_at_guard(np.empty(shape, dtype)))
    for op, place, args in calls(m, n, k):
        ready = list(args)
        ready[place] = native.prepare(args[place], op)
        expected = getattr(native.at("portable"), op)(*args)
        for y in (getattr(space, op)(*args), getattr(space, op)(*ready)):
            assert np.array_equal(y, expected), op
