"""Kernels of many operations with another idea of what must be refused, or under which name.

They are judged with ``check(..., refusals=True)``.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ... import reference
from ...errors import RefcompressError
from .kernels import Kernel, for_each


def _under(class_: type[Exception]) -> Callable[[str], Callable]:
    """Return the maker of kernels that refuse what must be refused by another exception."""
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            try:
                return getattr(reference, op)(*args, **kwargs)
            except RefcompressError as error:
                raise class_(str(error)) from None
        return kernel
    return maker


def _other_argument(op: str) -> Callable:
    def kernel(*args, **kwargs):
        try:
            return getattr(reference, op)(*args, **kwargs)
        except RefcompressError as error:
            raise type(error)("input", error.rule) from None
    return kernel


def _nothing_returned(op: str) -> Callable:
    def kernel(*args, **kwargs):
        try:
            return getattr(reference, op)(*args, **kwargs)
        except RefcompressError:
            return None
    return kernel


def _operands(change: Callable[[Any], Any]) -> Callable[[str], Callable]:
    """Return the maker of kernels that make ``change`` of each operand, and so accept what they should not."""
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            return getattr(reference, op)(*map(change, args), **kwargs)
        return kernel
    return maker


def _options(change: Callable[[Any], Any]) -> Callable[[str], Callable]:
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            return getattr(reference, op)(*args, **{name: change(value) for name, value in kwargs.items()})
        return kernel
    return maker


def _in_float32(a):
    """Casts what it gets, as np.asarray(a, np.float32) does."""
    return a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype.kind in "fiu" and a.dtype != np.float32 else a


def _in_int8(a):
    return a.astype(np.int8) if isinstance(a, np.ndarray) and a.dtype.kind in "fiu" else a


def _without_nan(a):
    return np.nan_to_num(a) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a


def _unmasked(a):
    if isinstance(a, Mapping):
        return {name: _unmasked(value) for name, value in a.items()}
    return np.asarray(a) if isinstance(a, np.ma.MaskedArray) else a


def _without_infinities(a):
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        return a
    return np.where(np.isinf(a), np.copysign(np.finfo(a.dtype).max, a), a)


def _as_whole(value):
    """Takes True for 1 and 2.0 for 2, as int() does."""
    return int(value) if isinstance(value, (bool, float)) and float(value).is_integer() else value


def _not_less_than_zero(value):
    return max(value, 0) if type(value) in (int, float) else value


def _flat(a):
    return a[0] if isinstance(a, np.ndarray) and a.ndim == 3 and len(a) == 1 else a


def _empty_refused(op: str) -> Callable:
    def kernel(*args, **kwargs):
        for a in args:
            if isinstance(a, np.ndarray) and not a.size:
                raise RefcompressError("x", "must not be empty")
        return getattr(reference, op)(*args, **kwargs)
    return kernel


def _only_contiguous(op: str) -> Callable:
    def kernel(*args, **kwargs):
        for a in args:
            if isinstance(a, np.ndarray) and not a.flags.c_contiguous:
                raise RefcompressError("x", "must be C-contiguous")
        return getattr(reference, op)(*args, **kwargs)
    return kernel


def _changed_first(op: str) -> Callable:
    """Puts zeros for what is not finite into the caller's array, and refuses it then."""
    def kernel(*args, **kwargs):
        try:
            return getattr(reference, op)(*args, **kwargs)
        except RefcompressError:
            for a in args:
                if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.flags.writeable:
                    a[~np.isfinite(a)] = 0
            raise
    return kernel


KERNELS: list[Kernel] = [
    *for_each("refusal", "refused as a ValueError", "The class of the exception was thought to be a detail.",
              _under(ValueError), "gemm_s8s8", "prune_magnitude", "quantize_s8", "huffman_decode", "nn_max_pool"),
    *for_each("refusal", "refused by an assertion", "python -O leaves assertions out, and their class says nothing.",
              _under(AssertionError), "lowrank_svd", "allocate_exact", "planes_split"),
    *for_each("refusal", "the wrong argument named", "One check serves all arguments and names none of them.",
              _other_argument, "gemm_f32s8", "csr_matmul", "quantize_gptq", "rangecoder_encode", "nn_layer_norm"),
    *for_each("refusal", "nothing returned", "An exception is caught, and None is returned for a result.",
              _nothing_returned, "huffman_decode", "planes_decode", "rangecoder_decode", "share_kmeans"),
    *for_each("refusal", "other types cast", "np.asarray with a type takes all that can be cast.",
              _operands(_in_float32), "gemm_f32f32", "nn_softmax", "quantize_s16", "prune_project_l0", "floats_encode"),
    *for_each("refusal", "other integers cast", "np.asarray with a type takes all that can be cast, and wraps round.",
              _operands(_in_int8), "gemm_s8s8", "nn_lookup_s8", "nn_add_s8"),
    *for_each("refusal", "NaN let in as 0", "Data had holes once, and they were filled.",
              _operands(_without_nan), "prune_magnitude", "quantize_s8", "floats_mx_encode", "lowrank_svd",
              "share_optimal", "prune_sparsegpt"),
    *for_each("refusal", "masks passed by", "np.asarray of a masked array drops the mask.",
              _operands(_unmasked), "prune_select", "nn_softmax", "csr_from_dense", "huffman_counts",
              "quantize_range_minmax"),
    *for_each("refusal", "infinities let in as the largest", "A clip to the largest number was left in.",
              _operands(_without_infinities), "quantize_s8", "floats_nf4_encode", "quantize_binary"),
    *for_each("refusal", "options cast to integers", "int() takes True for 1 and 2.0 for 2.",
              _options(_as_whole), "prune_magnitude", "share_kmeans", "huffman_lengths", "rangecoder_encode",
              "quantize_pack", "quantize_adaround"),
    *for_each("refusal", "options below zero taken for zero", "A maximum with zero mends what should be refused.",
              _options(_not_less_than_zero), "prune_threshold", "prune_project_l0", "nn_rms_norm"),
    *for_each("refusal", "a third axis of one dropped", "A squeeze takes shapes that the operation refuses.",
              _operands(_flat), "gemm_s8s8", "lowrank_svd", "csr_from_dense", "prune_obs"),
    *for_each("refusal", "empty arrays refused", "A check that was meant well: no weights, no bytes.",
              _empty_refused, "gemm_f32f32", "huffman_encode", "prune_magnitude", "nn_activation"),
    *for_each("refusal", "only contiguous arrays", "A kernel that reads plain memory leaves the copy to its caller.",
              _only_contiguous, "gemm_s8s8", "quantize_s8", "csr_from_dense"),
    *for_each("refusal", "mended before it is refused", "The caller's array is cleaned in place, and refused then.",
              _changed_first, "quantize_s8", "prune_magnitude", "lowrank_svd"),
]
