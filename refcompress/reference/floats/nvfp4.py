"""NVFP4: blocks of 16 numbers of 4 bits, whose scales of 8 bits share one scale of the whole array."""

import numpy as np
from numpy.typing import NDArray

from ...constants import SMALLEST_NORMAL
from ...formats import NVFP4
from ...formats.base import expand
from ...formats.nvfp4 import NVFP4_BLOCK, NVFP4_ELEMENT, NVFP4_SCALE
from .blocks import block_maxima, blocks_argument, of_kind
from .codes import floats_encode

__all__ = ["floats_nvfp4_encode", "floats_nvfp4_decode"]


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def floats_nvfp4_encode(x: NDArray[np.float32]) -> NVFP4:
    """Round float32 to blocks of 16 elements of 4 bits, with scales of 8 bits and one of float32.

        tensor scale = max|x| / (6 * 448)                                  of all x: 448 is the largest fp8_e4m3
        block scale = max|x| / (6 * tensor scale), rounded to fp8_e4m3     of each block: 6 is the largest fp4_e2m1
        element = x / (block scale * tensor scale), rounded to fp4_e2m1

    Parameters
    ----------
    x : array of float32, at least one dimension, finite
        Blocks are segments of 16 values of a row, of which the last may be shorter. Rows lie along the last axis; for
        more than two dimensions a row is all that one index of axis 0 has (inputs x height x width).

    Returns
    -------
    NVFP4
        Each operation is in float32, rounded to nearest with ties to even. What exceeds the largest element is clamped
        to it. The tensor scale is at least 2**-126. A block scale that would be 0 is 1 where all of the block is zero,
        and otherwise the smallest above 0. Zeros have the code of +0.0.

    **Source** NVIDIA, Pretraining Large Language Models with NVFP4 (2025, arXiv 2509.25149): the two scales; NVIDIA
    TensorRT Model Optimizer, ``NVFP4QTensor``: the order of the operations, and the scale of a block of zeros.

    **Departs** NaN and infinities are refused, a shorter last block is permitted, a tensor scale of 0 and block scales
    of 0 are not made, and a zero has no sign.

    Cost O(size); beside the result 15 times the input's memory, in C 1/8 of it.

    >>> q = floats_nvfp4_encode(np.float32([0, 1.6, -3, 6]) * 448)
    >>> q.codes.tolist(), q.scales.tolist(), q.tensor_scale.item()
    ([0, 3, 13, 7], [126], 1.0)
    """
    x = blocks_argument(x)
    scales, of_all = nvfp4_scales(x)
    step = expand(NVFP4_SCALE.values(scales) * of_all, x.shape, NVFP4_BLOCK)
    codes = floats_encode(x / step, NVFP4_ELEMENT.name)
    codes[codes == NVFP4_ELEMENT.sign] = 0  # -0.0
    return NVFP4(codes, scales, of_all)


def floats_nvfp4_decode(q: NVFP4) -> NDArray[np.float32]:
    """Return the array that an NVFP4 stands for.

        x = element * (block scale * tensor scale)

    Parameters
    ----------
    q : NVFP4

    Returns
    -------
    float32 of the shape of q; both products are rounded to float32, and infinite beyond it

    **Source** as :func:`floats_nvfp4_encode`. **Departs** nothing.

    Cost O(size); beside the result 39 times the input's memory, in C 1/8 of it.

    >>> floats_nvfp4_decode(NVFP4(np.uint8([2, 15]), np.uint8([0x40]), np.float32(0.5))).tolist()
    [1.0, -6.0]
    """
    return of_kind(q, NVFP4).dense()


def nvfp4_scales(x: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the codes of the scales of x's blocks, and the scale of all of x, ()."""
    most = block_maxima(x, NVFP4_BLOCK)
    of_all = nvfp4_tensor_scale(most)
    scales = floats_encode(most / (np.float32(NVFP4_ELEMENT.maximum) * of_all), NVFP4_SCALE.name)
    one = floats_encode(np.ones(1, np.float32), NVFP4_SCALE.name)
    return np.where(most == 0, one, np.maximum(scales, np.uint8(1))), of_all


def nvfp4_tensor_scale(most: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scale, (), of an array of whose blocks these are the largest magnitudes."""
    largest, highest = np.float32(NVFP4_ELEMENT.maximum), np.float32(NVFP4_SCALE.maximum)
    of_all = np.maximum(most.max(initial=0) / (largest * highest), np.float32(SMALLEST_NORMAL))
    return np.asarray(of_all, np.float32)
