"""The bits of a native product: the order of its sums, written out.

The reference sums in float64. A native product sums in float32, and its last bits depend on the order. So the order is
part of the contract: every instruction set, every number of threads and every layout of the operands returns the bits
that the functions here return (the payload and the sign of a NaN excepted). They are to
be read and to test with, and slow.

A dot product in sixteen chains, of which a vector of 16, 8 or 4 lanes computes as many at once:

    input      0   1   2  ...  15  16  17 ...       chain c has the inputs p with p mod 16 = c, in ascending order
    chain      0   1   2  ...  15   0   1 ...       and starts at +0.0; each step is a fused multiply-add

    t8[c] = chain[c] + chain[c + 8],  t4[c] = t8[c] + t8[c + 4],  t2[c] = t4[c] + t4[c + 2],  y = t2[0] + t2[1] + 0.0
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...formats import CSR, ArrayFormat, Mixed, Quantized
from ...formats.kept import Kept
from .bfloat16 import bf16_arguments, numbers
from .narrow import ACCEPTED, decoded

__all__ = ["CONTRACT_SUMS", "bf16_sums", "csr_sums", "f32f32_sums", "f32mixed_sums", "f32s8_sums", "flushed_fma",
           "fma", "narrow_sums", "sparse_sums"]

CHAINS = 16


def fma(a, b, c) -> NDArray[np.float32]:
    """Return a b + c of float32 arrays, rounded to float32 once."""
    with np.errstate(all="ignore"):
        return rounded_to_odd(a, b, c).astype(np.float32)


def flushed_fma(a, b, c) -> NDArray[np.float32]:
    """Return a b + c of float32 arrays, rounded to 24 bits once; what is then below 2**-126 is a zero of its sign.

    Numbers 2**64 times as large are rounded to 24 bits where the numbers themselves would be rounded to fewer.
    """
    with np.errstate(all="ignore"):
        total = rounded_to_odd(a, b, c)
        below = np.abs((total * 2.0**64).astype(np.float32)) < 2.0 ** (64 - 126)
        return np.where(below, np.copysign(0, total), total).astype(np.float32)


@np.errstate(all="ignore")
def rounded_to_odd(a, b, c) -> NDArray[np.float64]:
    """Return a b + c of float32 arrays in float64, so that rounding it to float32 rounds a b + c once.

    The product is exact in float64 (24 bits times 24), the sum is not, and rounding it twice may differ from rounding
    it once. So it is rounded to odd first: an inexact sum takes the neighbour whose last bit is 1, and never looks like
    a tie (Boldo and Melquiond, Emulation of a FMA and Correctly Rounded Sums, 2008). ``error`` is exact (Knuth's sum).
    """
    product, c = np.asarray(a, np.float64) * np.asarray(b, np.float64), np.asarray(c, np.float64)
    total = np.asarray(product + c)
    part = total - product
    error = (product - (total - part)) + (c - part)
    inexact_and_even = (np.abs(error) > 0) & (total.view(np.int64) & 1 == 0)
    return np.where(inexact_and_even, np.nextafter(total, np.copysign(np.inf, error)), total)


def csr_sums(a: CSR, x) -> NDArray[np.float32]:
    """csr_matmul: one chain an element from +0.0, over the entries of its row in storage order."""
    values = a.values
    y = np.zeros((a.shape[0], x.shape[1]), np.float32)
    for i in range(a.shape[0]):
        for p in range(a.indptr[i], a.indptr[i + 1]):
            y[i] = fma(values[p], x[a.indices[p]], y[i])
    return y


def sparse_sums(a: Kept, x) -> NDArray[np.float32]:
    """sparse_matmul: one chain an element for each group, over its stored weights; scaled, to one over the groups."""
    kept, y = a.kept, np.zeros((a.shape[0], x.shape[1]), np.float32)
    numbers = np.split(a.numbers, np.cumsum(kept.sum(axis=1))[:-1])
    for i in range(len(y)):
        columns = np.flatnonzero(kept[i])
        for g in range(-(-a.shape[1] // a.segment)):
            inner = np.zeros(x.shape[1], np.float32)
            for e in np.flatnonzero(columns // a.segment == g):
                inner = fma(numbers[i][e], x[columns[e]], inner)
            y[i] = fma(1 if a.scale is None else a.scale[i % len(a.scale), g], inner, y[i])
    return y


def f32f32_sums(x, w, *, transposed: bool = False) -> NDArray[np.float32]:
    """gemm_f32f32: sixteen chains; transposed, one chain an element, p ascending."""
    if not transposed:
        return _tree(_carry_on(_zeros(x, w), x, w))
    y = np.zeros((len(x), w.shape[1]), np.float32)
    for p in range(len(w)):
        y = fma(x[:, p, None], w[p], y)
    return y


def f32s8_sums(x, w: Quantized) -> NDArray[np.float32]:
    """gemm_f32s8: sixteen chains of the integers, times the scale of the row.

    Where a row has more scales than one, it is gemm_f32f32 with the decoded weights.
    """
    return _tree(_carry_on_scaled(_zeros(x, w.values), x, w)) if w.scale.shape[1] == 1 else f32f32_sums(x, w.dense())


def f32mixed_sums(x, w: Mixed) -> NDArray[np.float32]:
    """gemm_f32mixed: over the inputs of w.low in their order and then over those of w.high.

    Sixteen chains for each group of inputs with one scale are added to those of the row with that scale. Along axis 0 a
    row has inputs of one width only, so an int8 row with one scale has the bits of gemm_f32s8.
    """
    if w.axis == 1:
        acc = _carry_on_scaled(_zeros(x, w.low.values), x[:, ~w.wide], w.low)
        return _tree(_carry_on_scaled(acc, x[:, w.wide], w.high))
    y = np.empty((len(x), w.shape[0]), np.float32)
    for rows, part in ((~w.wide, w.low), (w.wide, w.high)):
        y[:, rows] = _tree(_carry_on_scaled(_zeros(x, part.values), x, part))
    return y


def bf16_sums(x, w) -> NDArray[np.float32]:
    """gemm_bf16bf16: what the instruction VDPBF16PS computes, in sixteen chains; subnormal inputs are zeros.

    Zeros fill the inputs up to a multiple of 32. Chain c has the inputs 2 c and 2 c + 1 of each 32, the second of a
    pair first; each step flushes. The tree flushes nothing.
    """
    x, w = map(numbers, bf16_arguments(x, w))
    fill = (0, 0), (0, -x.shape[1] % (2 * CHAINS))
    steps = (x.shape[1] + fill[1][1]) // (2 * CHAINS)
    x, w = (np.pad(a, fill).reshape(len(a), steps, CHAINS, 2).transpose(2, 1, 3, 0) for a in (x, w))
    acc = np.zeros((CHAINS, x.shape[3], w.shape[3]), np.float32)
    for j in range(x.shape[1]):
        for second in (1, 0):
            acc = flushed_fma(x[:, j, second, :, None], w[:, j, second, None, :], acc)
    return _tree(acc)


def narrow_sums(x, w: ArrayFormat) -> NDArray[np.float32]:
    """gemm_f32s4, gemm_f32f16 and all others by narrow weights: gemm_f32f32 of the weights as float32 numbers."""
    return f32f32_sums(x, decoded(w))


CONTRACT_SUMS: dict[str, Callable] = {
    "csr_matmul": csr_sums, "sparse_matmul": sparse_sums, "gemm_f32f32": f32f32_sums, "gemm_f32s8": f32s8_sums,
    "gemm_f32mixed": f32mixed_sums, "gemm_bf16bf16": bf16_sums, **dict.fromkeys(ACCEPTED, narrow_sums),
}


def _zeros(x, w) -> NDArray[np.float32]:
    """Return sixteen chains for each element of y, all at +0.0."""
    return np.zeros((CHAINS, len(x), len(w)), np.float32)


def _carry_on(acc, x, w) -> NDArray[np.float32]:
    """Add x[:, p] w[:, p] to the chain p mod 16, for each p in ascending order."""
    for p in range(x.shape[1]):
        acc[p % CHAINS] = fma(x[:, p, None], w[:, p], acc[p % CHAINS])
    return acc


def _carry_on_scaled(acc, x, w: Quantized) -> NDArray[np.float32]:
    """Add scale times the sixteen chains of each group, whose inputs count from its first, to those of the row."""
    k = w.shape[1]
    group = w.group or (1 if w.scale.shape[1] > 1 else max(k, 1))  # scales per input: groups of one
    steps = (w.values.astype(np.int32) - w.expand(w.zero_point)).astype(np.float32)  # exact: 17 bits
    scale = np.broadcast_to(w.expand(w.scale), w.shape)
    for first in range(0, k, group):
        part = slice(first, first + group)
        acc = fma(scale[:, first], _carry_on(_zeros(x, steps), x[:, part], steps[:, part]), acc)
    return acc


@np.errstate(all="ignore")
def _tree(acc) -> NDArray[np.float32]:
    """Return the sum of the sixteen chains: the upper half is added to the lower, four times."""
    for half in (8, 4, 2, 1):
        acc = acc[:half] + acc[half:]
    return acc[0] + np.float32(0)  # -0.0, of chains that are nothing else, becomes +0.0
