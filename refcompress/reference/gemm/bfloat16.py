"""The product of bfloat16 by bfloat16 as processors with an instruction for it compute it.

Letters: x is the input, m rows of k; w the weight, n outputs by k inputs; y is m by n.
"""

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError
from ...formats import FLOATS, Plain
from ...formats.prepared import unprepared
from .products import gemm_f32f32, same_k

__all__ = ["gemm_bf16bf16"]

Patterns = NDArray[np.uint16] | Plain


def gemm_bf16bf16(x: Patterns, w: Patterns) -> NDArray[np.float32]:
    """Multiply bfloat16 by bfloat16, with sums in float32.

        y[i, j] = sum over p of x[i, p] * w[j, p]

    Parameters
    ----------
    x : (m, k) uint16, the patterns that ``floats_encode(a, "bfloat16")`` returns, or a Plain of bfloat16
    w : (n, k), as x
        Subnormal numbers of both are taken for zeros.

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        Here products and sums are float64, p ascending, rounded to float32 once. Native sums, which flush subnormal
        numbers: ``contract.bf16_sums``.

    **Source** Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VDPBF16PS, for the native sums;
    Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training (2019, arXiv 1905.12322), for the numbers.

    **Departs** nothing.

    Cost 2 m n k operations.

    >>> x, w = np.uint16([[0x3F80, 0x4000]]), np.uint16([[0x4040, 0xC080]])   # 1, 2 and 3, -4
    >>> gemm_bf16bf16(x, w).tolist()
    [[-5.0]]
    """
    return gemm_f32f32(*map(numbers, bf16_arguments(x, w)))


def numbers(patterns: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return the numbers of patterns of bfloat16, zeros in place of subnormal ones."""
    return FLOATS["bfloat16"].values(np.where(patterns & 0x7F80, patterns, patterns & 0x8000).astype(np.uint16))


def bf16_arguments(x, w) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return the patterns of both arguments, checked: what both implementations accept."""
    return same_k(patterns_of(x, "x"), patterns_of(w, "w"))


def patterns_of(value, argument: str) -> NDArray[np.uint16]:
    """Return the patterns of a matrix of bfloat16, or refuse it."""
    value = unprepared(value)
    if isinstance(value, Plain):
        if value.type != "bfloat16":
            raise ArgumentTypeError(argument, f"must be a Plain of bfloat16, not of {value.type}")
        value = value.patterns
    return arguments.array(value, argument, np.uint16, ndim=2)
