"""Kernels of many operations that take the memory for what it is not: one axis plain and the other odd.

Each reads its operands through strides that are not theirs, and is right in all other layouts.
"""

import ctypes
from collections.abc import Callable

import numpy as np

from ... import reference
from .kernels import Kernel, for_each

POISON = 0x3F  # what is read outside of the memory that an operand is a view of; a small positive float of any width


def read_by(a: np.ndarray, strides: tuple[int, ...], start: int = 0) -> np.ndarray:
    """Return what lies at ``strides``, from ``start`` bytes behind the first element of ``a`` on.

    No byte is read outside of the memory that ``a`` is a view of.
    """
    root = a
    while isinstance(root.base, np.ndarray):
        root = root.base
    low, end = _bounds(root)
    if a.size == 0:
        return a.copy()
    memory = np.ctypeslib.as_array((ctypes.c_uint8 * (end - low)).from_address(low))
    places = np.full(a.shape, a.ctypes.data - low + start, np.int64)
    for axis, stride in enumerate(strides):
        at = [1] * a.ndim
        at[axis] = -1
        places = places + stride * np.arange(a.shape[axis]).reshape(at)
    places = places[..., None] + np.arange(a.itemsize)
    found = np.where((places >= 0) & (places < len(memory)), memory[places % len(memory)], np.uint8(POISON))
    return found.astype(np.uint8).view(a.dtype)[..., 0]


def _bounds(a: np.ndarray) -> tuple[int, int]:
    reach = [(n - 1) * stride for n, stride in zip(a.shape, a.strides)]
    first = a.ctypes.data
    return first + sum(min(r, 0) for r in reach), first + sum(max(r, 0) for r in reach) + a.itemsize


def _seen(strides_of: Callable, least: int = 1) -> Callable[[str], Callable]:
    """Return the maker of operations that take arrays of ``least`` axes or more by other strides."""
    def maker(op: str) -> Callable:
        def seen(a):
            return read_by(a, strides_of(a)) if isinstance(a, np.ndarray) and a.ndim >= least and a.size else a

        def kernel(*args, **kwargs):
            return getattr(reference, op)(*map(seen, args), **{name: seen(a) for name, a in kwargs.items()})

        return kernel
    return maker


def _step_of_columns_passed_by(a):
    return (*a.strides[:-1], a.itemsize)


def _pitch_of_rows_passed_by(a):
    step = abs(a.strides[-1])
    return tuple(int(np.prod(a.shape[axis + 1 :], dtype=int)) * step for axis in range(a.ndim - 1)) + a.strides[-1:]


def _zero_means_not_given(a):
    plain = [int(np.prod(a.shape[axis + 1 :], dtype=int)) * a.itemsize for axis in range(a.ndim)]
    return tuple(stride or plain[axis] for axis, stride in enumerate(a.strides))


def _order_by_the_first_stride(a):
    if a.ndim != 2 or a.strides[0] != a.itemsize or a.flags.c_contiguous:
        return a.strides
    return a.itemsize, a.itemsize * a.shape[0]


def _axes_of_one(a):
    """Takes the pitch of rows for the step of what a single column or row lies in."""
    if a.ndim < 2 or a.shape[-1] == 1 or a.shape[-2] != 1 or not 0 < a.strides[-2] < a.shape[-1] * abs(a.strides[-1]):
        return a.strides
    return (*a.strides[:-1], a.strides[-2])


def _from_the_lowest_address(op: str) -> Callable:
    def seen(a):
        if not isinstance(a, np.ndarray) or not a.ndim or not a.size or a.strides[0] >= 0:
            return a
        return a[::-1]

    def kernel(*args, **kwargs):
        return getattr(reference, op)(*map(seen, args), **kwargs)

    return kernel


def _rounded_down(op: str) -> Callable:
    """Reads from the aligned address below the first element."""
    def seen(a):
        if not isinstance(a, np.ndarray) or a.itemsize == 1 or not a.size:
            return a
        return read_by(a, a.strides, -(a.ctypes.data % a.itemsize))

    def kernel(*args, **kwargs):
        return getattr(reference, op)(*map(seen, args), **kwargs)

    return kernel


def _only_writable(op: str) -> Callable:
    """A memoryview that asks for writing."""
    def kernel(*args, **kwargs):
        for a in args:
            if isinstance(a, np.ndarray) and not a.flags.writeable:
                raise BufferError("buffer source array is read-only")
        return getattr(reference, op)(*args, **kwargs)

    return kernel


KERNELS: list[Kernel] = [
    *for_each("layout", "the step of columns passed by",
              "The pitch of rows is honoured, as a BLAS does it, and elements of a row are taken to lie side by side.",
              _seen(_step_of_columns_passed_by), "gemm_s8s8", "gemm_f32f32", "gemm_f32s8", "csr_matmul", "nn_softmax",
              "floats_mx_encode", "quantize_s8", "nn_depthwise_f32", "rangecoder_encode", "prune_score_wanda"),
    *for_each("layout", "the pitch of rows passed by",
              "A slice of columns has rows that lie further apart than they are long.",
              _seen(_pitch_of_rows_passed_by, 2), "gemm_u8s8", "gemm_f32f32", "sparse_matmul", "lowrank_matmul",
              "csr_from_dense", "nn_layer_norm", "prune_select", "nn_max_pool", "quantize_gptq", "share_kmeans"),
    *for_each("layout", "a stride of 0 means not given",
              "A stride of 0 is the default of an interface, and of an array that was broadcast.",
              _seen(_zero_means_not_given, 2), "gemm_s8s8", "gemm_f32f32", "csr_matmul", "nn_rms_norm",
              "prune_magnitude", "quantize_s16", "nn_patches"),
    *for_each("layout", "the order by the first stride",
              "A first stride of one element is taken for a matrix by columns; a single row may have that, too.",
              _seen(_order_by_the_first_stride, 2), "gemm_f32f32", "gemm_s8s8", "lowrank_matmul", "nn_softmax"),
    *for_each("layout", "a single row by its own stride",
              "The stride of an axis of one element is of no use and may be anything.",
              _seen(_axes_of_one, 2), "gemm_f32f32", "gemm_s8s8", "csr_from_dense", "quantize_s8"),
    *for_each("layout", "rows from the lowest address on",
              "Rows are copied in the order of memory: an array that was reversed along one axis comes out reversed.",
              _from_the_lowest_address, "gemm_s8s8", "csr_matmul", "huffman_encode", "floats_encode", "planes_split",
              "nn_average_pool", "prune_score_taylor"),
    *for_each("layout", "addresses rounded down",
              "An aligned load drops the low bits of an address.",
              _rounded_down, "gemm_f32f32", "csr_from_dense", "nn_activation", "quantize_s8", "requantize_s32"),
    *for_each("layout", "refuses what may not be written",
              "A binding that asks for a writable buffer refuses arrays that are read-only.",
              _only_writable, "gemm_f32f32", "nn_layer_norm", "prune_threshold", "ggml_encode"),
]
