"""Kernels of products and sums with less arithmetic than the rule allows: dropped bits, skipped terms, flushed results.

Most are right on short operands and small numbers.
"""

from collections.abc import Callable

import numpy as np

from ... import reference
from ...formats import CSR
from ...reference.allocate import Allocation
from ..values import with_fields
from .kernels import Kernel, for_each
from .zero_points import with_zero_point

_F = np.float32
_SMALLEST = _F(2.0**-126)


def _cut(a: np.ndarray, bits: int) -> np.ndarray:
    """Return float32 with the lowest ``bits`` of the fraction rounded off, to nearest."""
    patterns = np.ascontiguousarray(a, _F).view(np.uint32)
    half, mask = np.uint32(1 << bits - 1), np.uint32(0xFFFFFFFF << bits & 0xFFFFFFFF)
    rounded = ((patterns + (half - np.uint32(1)) + (patterns >> np.uint32(bits) & np.uint32(1))) & mask).view(_F)
    return np.where(np.isfinite(a), rounded, a)


def _of_few_bits(bits: int, least: int) -> Callable[[str], Callable]:
    """Return the maker of products whose inputs lose ``bits`` bits where there are ``least`` inputs or more."""
    def maker(op: str) -> Callable:
        def product(x, *rest, **kwargs):
            cut = _cut(x, bits) if x.shape[1] >= least else x
            return getattr(reference, op)(cut, *rest, **kwargs)
        return product
    return maker


def _columns_of_few_bits(bits: int, least: int) -> Callable[[str], Callable]:
    def maker(op: str) -> Callable:
        def product(a, x):
            return getattr(reference, op)(a, _cut(x, bits) if len(x) >= least else x)
        return product
    return maker


def _two_bfloat16(op: str) -> Callable:
    """Splits each float32 into two bfloat16: 16 bits of 24."""
    def product(x, *rest, **kwargs):
        high = _cut(x, 16)
        with np.errstate(all="ignore"):
            x = np.where(np.isfinite(x), high + _cut(x - high, 16), x).astype(_F)
        return getattr(reference, op)(x, *rest, **kwargs)
    return product


def _three_products(x, w, transposed=False):
    """Both operands as two bfloat16, and the product of both lower parts left out."""
    with np.errstate(all="ignore"):
        if not (np.isfinite(x).all() and np.isfinite(w).all()):
            return reference.gemm_f32f32(x, w, transposed=transposed)
        b = (w if transposed else w.T).astype(_F)
        parts = [(_cut(a, 16), _cut(a.astype(_F) - _cut(a, 16), 16)) for a in (x, b)]
        (xh, xl), (wh, wl) = [[part.astype(np.float64) for part in pair] for pair in parts]
        return (xh @ wh + xh @ wl + xl @ wh).astype(_F)


def _zeros_in_blocks_skipped(x, w, transposed=False):
    """Passes over inputs where eight in a row are zero, in rows of 32 and more."""
    y = reference.gemm_f32f32(x, w, transposed=transposed)
    k = x.shape[1]
    if k < 32:
        return y
    b = (w if transposed else w.T).astype(np.float64)
    for i, row in enumerate(np.asarray(x, np.float64)):
        dead = np.repeat(np.add.reduceat(row != 0, np.arange(0, k, 8)) == 0, 8)[:k]
        if dead.any() and not np.isfinite(b[dead]).all():
            with np.errstate(all="ignore"):
                y[i] = (row[~dead] @ b[~dead]).astype(_F)
    return y


def _zero_inputs_skipped(op: str) -> Callable:
    """Gathers the inputs that are not zero, where half of them are: a ReLU's output is sparse."""
    def product(x, w, **kwargs):
        y = getattr(reference, op)(x, w, **kwargs)
        a = w.dense() if hasattr(w, "dense") else w.T if kwargs.get("transposed") else w
        for i, row in enumerate(x):
            used = row != 0
            if 2 * np.count_nonzero(used) <= len(row) and len(row) >= 32:
                with np.errstate(all="ignore"):
                    y[i] = (a[:, used].astype(np.float64) @ row[used].astype(np.float64)).astype(_F)
        return y
    return product


def _results_flushed(op: str) -> Callable:
    def kernel(*args, **kwargs):
        y = getattr(reference, op)(*args, **kwargs)
        return np.where(np.abs(y) < _SMALLEST, np.copysign(_F(0), y), y)
    return kernel


def _operands_flushed(op: str) -> Callable:
    def kernel(x, *rest, **kwargs):
        return getattr(reference, op)(np.where(np.abs(x) < _SMALLEST, np.copysign(_F(0), x), x), *rest, **kwargs)
    return kernel


def _flushed(at: int) -> Callable[[str], Callable]:
    """Return the maker of kernels that take subnormal numbers of one operand for zeros of their sign."""
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            if len(args) > at and args[at] is not None:
                a = args[at]
                flushed = np.where(np.abs(a) < np.finfo(np.float32).tiny, np.copysign(0, a), a).astype(a.dtype)
                args = (*args[:at], flushed, *args[at + 1 :])
            return getattr(reference, op)(*args, **kwargs)
        return kernel
    return maker


def _columns_flushed(op: str) -> Callable:
    def kernel(a, x):
        return getattr(reference, op)(a, np.where(np.abs(x) < _SMALLEST, np.copysign(_F(0), x), x))
    return kernel


def _sums_of(dtype, least: int) -> Callable[[str], Callable]:
    """Return the maker of integer products whose sums of ``least`` terms and more are kept in another type."""
    def maker(op: str) -> Callable:
        @with_zero_point
        def product(x, w):
            y = getattr(reference, op)(x, w)
            return y if x.shape[1] < least else y.astype(dtype).astype(np.int32)
        return product
    return maker


@with_zero_point
def _in_24_bits(x, w):
    y = reference.gemm_s8s8(x, w)
    return np.clip(y, -(1 << 23), (1 << 23) - 1).astype(np.int32)


@with_zero_point
def _saturated(x, w):
    """Adds up blocks of 64 terms in 20 bits, which saturate."""
    x, w = x.astype(np.int64), w.astype(np.int64)
    y = np.zeros((len(x), len(w)), np.int64)
    for first in range(0, x.shape[1], 64):
        y += np.clip(x[:, first : first + 64] @ w[:, first : first + 64].T, -(1 << 19), (1 << 19) - 1)
    return y.astype(np.int32)


def _counts_in_float64(counts, **kwargs):
    return reference.huffman_lengths(counts.astype(np.float64).astype(counts.dtype), **kwargs)


def _counts_of_32_bits(counts, **kwargs):
    return reference.huffman_lengths(np.where(counts > 0, np.maximum(counts & 0xFFFFFFFF, 1), 0).astype(counts.dtype),
                                     **kwargs)


def _sizes_in_float64(cost, size, budget):
    rounded = size.astype(np.float64).astype(np.int64)
    least = int(rounded.min(axis=1).sum()) if len(rounded) else 0
    found = reference.allocate_exact(cost, rounded, max(budget, least))
    taken = int(np.take_along_axis(size, found.choice[:, None], 1).sum()) if len(size) else 0
    return Allocation(found.choice, found.cost, taken, found.bound)


def _share_in_float32(zeros, count):
    return (zeros.astype(np.float32) / np.float32(count)).astype(np.float64)


def _sums_in_float32(sums, count):
    return reference.prune_score_activation(sums.astype(np.float32).astype(np.float64), count)


def _half_sums(a, x):
    """The values of a row, gathered, go through float16 where a row has 32 of them or more."""
    if not isinstance(a.data, np.ndarray):
        return reference.csr_matmul(a, x)
    long = np.repeat(np.diff(a.indptr) >= 32, np.diff(a.indptr))
    with np.errstate(all="ignore"):
        half = a.values.astype(np.float16).astype(_F)
    return reference.csr_matmul(CSR(a.shape, a.indptr, a.indices, np.where(long & np.isfinite(half), half, a.values),
                                    canonical=False), x)


def _norms_of_short_rows(x, weight=None, bias=None, *, epsilon=1e-5):
    """The mean and the variance of rows of 64 and more by float32."""
    if x.shape[-1] < 64:
        return reference.nn_layer_norm(x, weight, bias, epsilon=epsilon)
    with np.errstate(all="ignore"):
        mean = x.mean(axis=-1, keepdims=True, dtype=_F)
        y = (x - mean) / np.sqrt(np.square(x - mean).mean(axis=-1, keepdims=True, dtype=_F) + _F(epsilon))
        y = y if weight is None else y * weight
        return (y if bias is None else y + bias).astype(_F)


def _singular_values_in_float32(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    lengths = np.sqrt(np.square(np.asarray(w, np.float32) @ low.vt.T).sum(axis=0, dtype=np.float32))
    return with_fields(low, s=np.sort(lengths)[::-1].copy())


def _wrapped_bias(values, scale_x, scale_w):
    return reference.dequantize_bias_s32(values & np.int32(0x3FFFFFFF), scale_x, scale_w)


KERNELS: list[Kernel] = [
    *for_each("bits", "10 bits of x from 32 inputs on",
              "Matrix units take float32 operands as TF32, with 10 bits of the fraction. Short rows go another way.",
              _of_few_bits(13, 32), "gemm_f32f32", "gemm_f32s8", "gemm_f32bf16", "gemm_f32s4"),
    *for_each("bits", "bfloat16 inputs from 64 inputs on",
              "A fast mode of a library takes float32 operands as bfloat16, when there are enough of them.",
              _of_few_bits(16, 64), "gemm_f32f32", "gemm_f32mx", "gemm_f32lut4"),
    *for_each("bits", "16 bits of x",
              "Each float32 is split into two bfloat16; three would be needed for all of its bits.",
              _two_bfloat16, "gemm_f32f32", "gemm_f32f16", "gemm_f32nf4", "gemm_f32fp8"),
    *for_each("bits", "10 bits of x from 32 rows on",
              "Matrix units take float32 operands as TF32, with 10 bits of the fraction.",
              _columns_of_few_bits(13, 32), "csr_matmul", "sparse_matmul", "lowrank_matmul", "lowrank_sparse_matmul"),
    Kernel("gemm_f32f32", "three products of two bfloat16 each", "bits",
           "Both operands are split in two, and the product of both lower parts is left out.", _three_products),
    Kernel("csr_matmul", "float16 values in rows of 32 and more", "bits",
           "A block of values is packed into half precision when there are enough.", _half_sums),
    *for_each("bits", "sums of 300 terms and more in float32",
              "A vector unit for floats is wider than that for integers. Sums above 2**24 are not all float32.",
              _sums_of(np.float32, 300), "gemm_s8s8", "gemm_u8s8"),
    Kernel("gemm_s8s8", "sums that saturate at 24 bits", "bits",
           "Accumulators of signal processors have 24 bits.", _in_24_bits),
    Kernel("gemm_s8s8", "blocks that saturate at 20 bits", "bits",
           "Sums of a block are kept in fewer bits, which are enough for most weights.", _saturated),
    *for_each("values", "zero inputs skipped where half are zero",
              "The output of a ReLU is half zeros, and a product that skips them is faster. It loses 0 times infinity.",
              _zero_inputs_skipped, "gemm_f32f16", "gemm_f32bf16", "gemm_f32fp8"),
    Kernel("gemm_f32f32", "blocks of eight zeros skipped", "values",
           "A block of inputs that are all zero is skipped. It loses 0 times infinity.", _zeros_in_blocks_skipped),
    *for_each("values", "subnormal results flushed",
              "The processor was set to flush results. Normal operands may have a subnormal product.",
              _results_flushed, "gemm_f32f32", "lowrank_matmul", "gemm_f32mx", "nn_depthwise_f32",
              "sparse_matmul", "nn_average_pool", "floats_nvfp4_decode", "prune_score_taylor", "gemm_s8s8_scaled"),
    *for_each("values", "subnormal inputs taken for zero",
              "The processor was set to take subnormal operands for zero.",
              _operands_flushed, "gemm_f32f32", "gemm_f32s8", "gemm_f32nf4", "nn_average_pool", "quantize_s8",
              "prune_score_movement"),
    *for_each("values", "subnormal weights taken for zeros of their sign",
              "Weights are read by a processor that takes subnormal operands for zero; the gradients are normal.",
              _flushed(0), "prune_score_movement", "prune_score_taylor", "prune_score_obd", "prune_score_fisher",
              "prune_score_wanda", "quantize_bias_s32"),
    *for_each("values", "subnormal biases taken for zero", "A bias is added by a processor that flushes operands.",
              _flushed(3), "gemm_s8s8_scaled", "sparse_s8s8"),
    *for_each("values", "subnormal columns taken for zero",
              "The processor was set to take subnormal operands for zero.",
              _columns_flushed, "csr_matmul", "sparse_matmul", "lowrank_matmul"),
    Kernel("huffman_lengths", "counts in float64", "bits",
           "A heap of floats. Counts above 2**53 that differ are equal there.", _counts_in_float64),
    Kernel("huffman_lengths", "counts of 32 bits", "bits",
           "Counters of 32 bits wrap round in streams of some gigabytes.", _counts_of_32_bits),
    Kernel("allocate_exact", "sizes in float64", "bits",
           "One table for costs and sizes. Bytes above 2**53 are rounded.", _sizes_in_float64),
    Kernel("prune_score_apoz", "a quotient in float32", "bits",
           "Scores are float32 elsewhere, and counts of 2**24 and more are rounded.", _share_in_float32),
    Kernel("prune_score_activation", "sums in float32", "bits",
           "Activations are float32, and their sums were kept in that type.", _sums_in_float32),
    Kernel("nn_layer_norm", "float32 in rows of 64 and more", "bits",
           "Long rows go to another kernel, which keeps its sums in float32.", _norms_of_short_rows),
    Kernel("lowrank_svd", "singular values in float32", "bits",
           "The vectors are right, and the lengths of w v are sums in the type of the operand.",
           _singular_values_in_float32),
    Kernel("dequantize_bias_s32", "30 bits of the values", "bits",
           "Two bits of a word were taken for flags.", _wrapped_bias),
]
