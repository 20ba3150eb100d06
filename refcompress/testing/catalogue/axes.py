"""Kernels that are wrong in some numbers of axes, where axes have one length, or after a call that was refused."""

from collections.abc import Callable

import numpy as np

from ... import reference
from ...errors import CorruptError, RefcompressError
from .kernels import Kernel, for_each


def _as_it_lies(op: str) -> Callable:
    """Walks an array that is one piece of memory as it lies, and writes the result in C order."""
    def kernel(x, *args, **kwargs):
        y = getattr(reference, op)(x, *args, **kwargs)
        if isinstance(x, np.ndarray) and x.ndim > 1 and x.flags.f_contiguous and not x.flags.c_contiguous:
            return y.ravel(order="F").reshape(y.shape)
        return y

    return kernel


def _along_the_last_axis(op: str) -> Callable:
    """Takes as many numbers as the last axis has for numbers of that axis, though they stand along the first one."""
    def kernel(a, b, *args, **kwargs):
        y = getattr(reference, op)(a, b, *args, **kwargs)
        if np.ndim(a) == 2 and np.shape(b) == (len(a), 1) and len(a) == a.shape[1]:
            return getattr(reference, op)(a, np.reshape(b, (1, -1)), *args, **kwargs)
        return y

    return kernel


def _dirty(op: str) -> Callable:
    """Sets its scratch memory back at the end; a refusal leaves before that, and the next result has what was there."""
    left: list[bool] = []

    def kernel(*args, **kwargs):
        try:
            result = getattr(reference, op)(*args, **kwargs)
        except RefcompressError:
            left.append(True)
            raise
        if left and result.size:
            left.clear()
            return np.zeros_like(result)
        return result

    return kernel


def _last_group_of_a_vector(scores, **how):
    mask = reference.prune_select(scores, **how)
    if how.get("structure") != "nm" or np.ndim(scores) != 1 or isinstance(scores, dict) or how.get("axis") is not None:
        return mask
    rest = mask.size % int(how["m"])
    if rest:
        end = np.array(scores[-rest:])
        mask[-rest:] = reference.prune_select(end, keep=min(int(how["n"]), rest))
    return mask


def _beyond_the_alphabet(data, *, shape, alphabet, lanes=1):
    try:
        return reference.rangecoder_decode(data, shape=shape, alphabet=alphabet, lanes=lanes)
    except CorruptError as error:
        if "alphabet" not in str(error):
            raise
        whole = min(256, 1 + (1 << max(int(alphabet) - 2, 0).bit_length()))
        return reference.rangecoder_decode(data, shape=shape, alphabet=whole, lanes=lanes)


KERNELS: list[Kernel] = [
    *for_each("layout", "memory walked as it lies",
              "One loop does for whatever is one piece of memory; but the result is in C order, and the operand may "
              "lie by columns.",
              _as_it_lies, "nn_lookup_s8", "nn_activation", "floats_encode", "floats_decode"),
    *for_each("options", "along the last axis of a square",
              "An operand is flattened and taken along the last axis where it has as many numbers; in a square both "
              "axes have.",
              _along_the_last_axis, "nn_multiply_s8", "nn_add_s8", "requantize_s32"),
    *for_each("state", "what a refusal leaves",
              "Scratch memory is set back at the end of the function, and a refusal leaves it by another way.",
              _dirty, "huffman_decode", "gemm_f32f32", "prune_score_wanda", "nn_depthwise_f32"),
    Kernel("prune_select", "last group of a vector", "tail",
           "Of the last, short group as many stay as of a whole one; matrices take another way.",
           _last_group_of_a_vector),
    Kernel("rangecoder_decode", "codes beyond the alphabet", "refusal",
           "The tree of values has more leaves than the alphabet, and none of them is refused.",
           _beyond_the_alphabet),
]
