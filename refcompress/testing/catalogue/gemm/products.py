"""Kernels of products: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ....formats import Quantized
from ...sums import interleaved
from ..kernels import Kernel
from ..zero_points import with_zero_point

_F = np.float32

KERNELS: list[Kernel] = []


# gemm_s8s8

def _product(a, b) -> np.ndarray:
    return (np.asarray(a).astype(np.int64) @ np.asarray(b).astype(np.int64).T).astype(np.int32)


@with_zero_point
def _lost_tail_of_3(x, w):
    k = x.shape[1] - (x.shape[1] % 16 == 3)
    return _product(x[:, :k], w[:, :k])


@with_zero_point
def _lost_tail_of_64(x, w):
    k = x.shape[1] // 64 * 64 or x.shape[1]
    return _product(x[:, :k], w[:, :k])


@with_zero_point
def _int16_accumulator(x, w):
    return _product(x, w).astype(np.int16).astype(np.int32)


@with_zero_point
def _float32_accumulator(x, w):
    return (x.astype(np.float32) @ w.astype(np.float32).T).astype(np.int32)


_buffers: dict[tuple[int, int], np.ndarray] = {}


@with_zero_point
def _one_buffer(x, w):
    y = _buffers.setdefault((len(x), len(w)), np.empty((len(x), len(w)), np.int32))
    y[...] = _product(x, w)
    return y


@with_zero_point
def _assumes_contiguous(x, w):
    """Takes the address and the shape, and never looks at the strides."""
    memory = x.base if isinstance(x.base, np.ndarray) else x
    return _product(memory.ravel(order="K")[: x.size].reshape(x.shape), w)


_calls: list[None] = []


@with_zero_point
def _call_count(x, w):
    _calls.append(None)
    return _product(x, w) + np.int32(len(_calls) % 1000 == 0)


@with_zero_point
def _in_float64(x, w):
    return (x.astype(np.float64) @ w.astype(np.float64).T).astype(np.int64).astype(np.int32)


KERNELS += [
    Kernel("gemm_s8s8", "tail lost at k mod 16 = 3", "tail",
           "The remainder of a vector loop is wrong at one of the sixteen lengths.",
           _lost_tail_of_3),
    Kernel("gemm_s8s8", "tail of k mod 64 lost", "tail",
           "A kernel that was written for multiples of 64 inputs is called with others.",
           _lost_tail_of_64),
    Kernel("gemm_s8s8", "int16 accumulator", "bits",
           "The sum is stored in the type of a single product.",
           _int16_accumulator),
    Kernel("gemm_s8s8", "float32 accumulator", "bits",
           "Sums above 2**24 are not all float32.",
           _float32_accumulator),
    Kernel("gemm_s8s8", "-128 taken as -127", "values",
           "Quantizers that never emit -128 let a kernel clip it away.",
           with_zero_point(lambda x, w: _product(np.maximum(x, -127), w))),
    Kernel("gemm_s8s8", "int64 result", "promise",
           "NumPy's sum widens to int64, and nobody cast it back.",
           with_zero_point(lambda x, w: _product(x, w).astype(np.int64))),
    Kernel("gemm_s8s8", "weights not transposed", "rule",
           "A square matrix is right by shape either way.",
           with_zero_point(lambda x, w: _product(x, w if len(w) != w.shape[1] else w.T))),
    Kernel("gemm_s8s8", "one output buffer for all calls", "state",
           "The output is kept for the next call of the same shape; the caller's first result changes.",
           _one_buffer),
    Kernel("gemm_s8s8", "assumes contiguous", "layout",
           "The address and the shape are taken, and the strides are never looked at.",
           _assumes_contiguous),
    Kernel("gemm_s8s8", "depends on the number of calls", "state",
           "A counter of calls takes part in the result.",
           _call_count),
    Kernel("gemm_s8s8", "in float64 by BLAS", "algorithm",
           "Integers of this size are exact in float64, whatever the order.",
           _in_float64),
]


# gemm_u8s8

@with_zero_point
def _saturating_pairs(x, w):  # what the instruction vpmaddubsw does
    k = x.shape[1] // 2 * 2
    pairs = x[:, None, :k].astype(np.int32) * w[None, :, :k]
    pairs = np.clip(pairs[..., 0::2] + pairs[..., 1::2], -32768, 32767)
    return pairs.sum(axis=2, dtype=np.int32) + _product(x[:, k:], w[:, k:])


KERNELS += [
    Kernel("gemm_u8s8", "float32 accumulator", "bits",
           "Sums above 2**24 are not all float32.",
           _float32_accumulator),
    Kernel("gemm_u8s8", "saturating pairs", "bits",
           "vpmaddubsw adds two products in 16 bits, which saturate.",
           _saturating_pairs),
    Kernel("gemm_u8s8", "u8 taken as s8", "format",
           "Bytes of 128 and more are read as negative.",
           with_zero_point(lambda x, w: _product(x.astype(np.int8), w))),
]


# gemm_f32s8

def _scale_first(x, w) -> np.ndarray:
    """gemm_f32s8 in another order: dequantise, round the products, then 16 chains."""
    w, x = w.dense(), x.astype(np.float32)
    y = np.zeros((len(x), len(w)), np.float32)
    for i in range(len(x)):
        y[i] = interleaved((x[i] * w).T, 16)
    return y


def _last_row_lost(x, w):
    y = _scale_first(x, w)
    y[len(x) - len(x) % 4 :] = 0
    return y


def _lost_past_4096(x, w):
    x = x.copy()
    x[:, 4096:] = 0
    return reference.gemm_f32s8(x, w)


def _few_bits(x, w):  # the 10 bits of a TF32 multiplier
    x = x.astype(np.float32)
    return reference.gemm_f32s8((x.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32), w)


def _skips_zeros(x, w):
    q = w.values.astype(np.int32) - w.expand(w.zero_point)
    terms = np.where(q == 0, 0, x.astype(np.float64)[:, None, :] * (q * w.expand(w.scale).astype(np.float64)))
    return terms.sum(axis=2).astype(np.float32)


def _scales_shifted(x, w):
    return reference.gemm_f32s8(x, Quantized(w.values, np.roll(w.scale, 1, axis=0), w.zero_point, w.group))


def _zero_point_ignored(x, w):
    return reference.gemm_f32s8(x, Quantized(w.values, w.scale, np.zeros_like(w.zero_point), w.group))


KERNELS += [
    Kernel("gemm_f32s8", "last rows lost", "tail",
           "Rows behind the last whole tile of four are never written.",
           _last_row_lost),
    Kernel("gemm_f32s8", "terms past 4096 lost", "length",
           "A block of 4096 inputs is summed, and the loop over blocks is missing.",
           _lost_past_4096),
    Kernel("gemm_f32s8", "10 bits of x", "bits",
           "The inputs pass through a TF32 multiplier, which keeps ten bits of the fraction.",
           _few_bits),
    Kernel("gemm_f32s8", "zero weights skipped", "values",
           "A test for zero saves a product, and loses the NaN of 0 times infinity.",
           _skips_zeros),
    Kernel("gemm_f32s8", "scales shifted by a channel", "format",
           "The index of the scale is one channel ahead.",
           _scales_shifted),
    Kernel("gemm_f32s8", "zero point ignored", "format",
           "A kernel for symmetric weights was given others.",
           _zero_point_ignored),
    Kernel("gemm_f32s8", "scaled before summing, 16 chains", "order",
           "Weights are dequantized first, products are rounded, and sixteen chains add them.",
           _scale_first),
]


# gemm_f32f32

def _always_transposed(x, w, transposed=False):
    return reference.gemm_f32f32(x, w, transposed=transposed or w.shape[0] == w.shape[1] == x.shape[1])


def _column_lost(x, w, transposed=False):
    y = reference.gemm_f32f32(x, w, transposed=transposed)
    if transposed and y.shape[1] % 16:
        y[:, -1] = 0
    return y


def _dense_past_4096(x, w, transposed=False):
    x = x.copy()
    x[:, 4096:] = 0
    return reference.gemm_f32f32(x, w, transposed=transposed)


def _dense_in_chains(x, w, transposed=False):
    """gemm_f32f32 in float32: products rounded, then 8 chains of each dot product, and a tree."""
    x, w = x.astype(np.float32), (w if transposed else w.T).astype(np.float32)
    y = np.zeros((len(x), w.shape[1]), np.float32)
    with np.errstate(all="ignore"):
        for i in range(len(x)):
            y[i] = interleaved(x[i][:, None] * w, 8)
    return y


KERNELS += [
    Kernel("gemm_f32f32", "a square w always transposed", "rule",
           "The orientation is guessed from the shape.",
           _always_transposed),
    Kernel("gemm_f32f32", "last column of a short vector lost", "tail",
           "The masked tail of a vector has one lane too few.",
           _column_lost),
    Kernel("gemm_f32f32", "terms past 4096 lost", "length",
           "A block of 4096 inputs is summed, and the loop over blocks is missing.",
           _dense_past_4096),
    Kernel("gemm_f32f32", "products rounded, 8 chains", "order",
           "No fused product: each is rounded, and eight chains add them.",
           _dense_in_chains),
]
