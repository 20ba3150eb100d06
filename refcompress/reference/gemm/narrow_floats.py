"""Products of float32 inputs by weights of narrow floating-point types, alone or in blocks with a scale.

Each is gemm_f32f32 of the inputs and of the weights as float32 numbers; a native implementation makes those numbers
where it multiplies them, and never as a whole.

Letters: x is the input, m rows of k; w the weight, n outputs by k inputs; y is m by n.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...formats import MX, NVFP4, Plain
from .narrow import decoded_product, narrow_arguments

__all__ = ["gemm_f32f16", "gemm_f32bf16", "gemm_f32fp8", "gemm_f32mx", "gemm_f32nvfp4"]


def gemm_f32f16(x: ArrayLike, w: Plain) -> NDArray[np.float32]:
    """Multiply float32 inputs by float16 weights.

        y[i, j] = sum over p of x[i, p] * w[j, p]

    Parameters
    ----------
    x : (m, k) float32
    w : Plain of float16, of shape (n, k): ``Plain.of`` makes it of an array

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``. Native sums: ``contract.narrow_sums``.

    **Source** IEEE 754-2019, the interchange format binary16, for the weights.

    **Departs** nothing.

    Cost 2 m n k operations.

    >>> gemm_f32f16(np.float32([[2, 10]]), Plain.of(np.float16([[3, -4]]))).tolist()
    [[-34.0]]
    """
    return decoded_product(*narrow_arguments("gemm_f32f16", x, w))


def gemm_f32bf16(x: ArrayLike, w: Plain) -> NDArray[np.float32]:
    """Multiply float32 inputs by bfloat16 weights.

        y[i, j] = sum over p of x[i, p] * w[j, p]

    Parameters
    ----------
    x : (m, k) float32
    w : Plain of bfloat16, of shape (n, k): ``Plain(floats_encode(a, "bfloat16"), "bfloat16")`` makes it of an array

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``. Native sums: ``contract.narrow_sums``.

    **Source** Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training (2019, arXiv 1905.12322).

    **Departs** nothing.

    Cost 2 m n k operations.

    >>> gemm_f32bf16(np.float32([[2, 10]]), Plain(np.uint16([[0x4040, 0xC080]]), "bfloat16")).tolist()
    [[-34.0]]
    """
    return decoded_product(*narrow_arguments("gemm_f32bf16", x, w))


def gemm_f32fp8(x: ArrayLike, w: Plain) -> NDArray[np.float32]:
    """Multiply float32 inputs by weights of 8 bits in floating point.

        y[i, j] = sum over p of x[i, p] * w[j, p]

    Parameters
    ----------
    x : (m, k) float32
    w : Plain of fp8_e4m3, fp8_e5m2, fp8_e4m3fnuz or fp8_e5m2fnuz, of shape (n, k)

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``. Native sums: ``contract.narrow_sums``.

    **Source** OCP 8-bit Floating Point Specification (OFP8) 1.0; ONNX, "Float stored in 8 bits" (fnuz).

    **Departs** the inputs stay float32.

    Cost 2 m n k operations.

    >>> gemm_f32fp8(np.float32([[2, 10]]), Plain(np.uint8([[0x44, 0xC8]]), "fp8_e4m3")).tolist()
    [[-34.0]]
    """
    return decoded_product(*narrow_arguments("gemm_f32fp8", x, w))


def gemm_f32mx(x: ArrayLike, w: MX) -> NDArray[np.float32]:
    """Multiply float32 inputs by weights of an MX format: blocks of 32 that share a power of two.

        y[i, j] = sum over p of x[i, p] * w[j, p],    w[j, p] = 2^(scale[j, block of p] - 127) * element[j, p]

    Parameters
    ----------
    x : (m, k) float32
    w : MX of shape (n, k), with elements of any of its types

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``. Native sums: ``contract.narrow_sums``.

    **Source** OCP Microscaling Formats (MX) Specification 1.0.

    **Departs** the inputs stay float32.

    Cost 2 m n k operations.

    >>> w = MX(np.int8([[96, -128]]), np.uint8([[128]]), "mxint8")
    >>> gemm_f32mx(np.float32([[2, 10]]), w).tolist()
    [[-34.0]]
    """
    return decoded_product(*narrow_arguments("gemm_f32mx", x, w))


def gemm_f32nvfp4(x: ArrayLike, w: NVFP4) -> NDArray[np.float32]:
    """Multiply float32 inputs by NVFP4: blocks of 16 whose scales of 8 bits share one of float32.

        y[i, j] = sum over p of x[i, p] * w[j, p]
        w[j, p] = element[j, p] * (block scale[j, block of p] * tensor scale), each product rounded to float32

    Parameters
    ----------
    x : (m, k) float32
    w : NVFP4 of shape (n, k)

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``. Native sums: ``contract.narrow_sums``.

    **Source** NVIDIA, Pretraining Large Language Models with NVFP4 (2025, arXiv 2509.25149), for the weights.

    **Departs** the inputs stay float32.

    Cost 2 m n k operations.

    >>> w = NVFP4(np.uint8([[5, 14]]), np.uint8([[0x38]]), np.float32(1))
    >>> gemm_f32nvfp4(np.float32([[2, 10]]), w).tolist()
    [[-34.0]]
    """
    return decoded_product(*narrow_arguments("gemm_f32nvfp4", x, w))
