"""Kernels of many operations that are right up to some length, or at all lengths but a few."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import reference
from ..values import with_fields
from .kernels import Kernel, for_each


def _power(n: int) -> bool:
    return n & n - 1 == 0


def _last_input_lost(when: Callable[[int], bool]) -> Callable[[str], Callable]:
    """Return the maker of products that lose the last input where ``when`` says so of their number."""
    def maker(op: str) -> Callable:
        def product(x, *rest, **kwargs):
            if when(x.shape[1]):
                x = x.copy()
                x[:, -1] = 0
            return getattr(reference, op)(x, *rest, **kwargs)
        return product
    return maker


def _result_lost(part: Callable[[np.ndarray], Any]) -> Callable[[str], Callable]:
    """Return the maker of kernels whose result is 0 in the part of it that ``part`` returns."""
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            result = getattr(reference, op)(*args, **kwargs)
            first = result[0] if isinstance(result, tuple) else getattr(result, "values", result)
            changed = first.copy()
            part(changed)[...] = 0
            if isinstance(result, tuple):
                return changed, *result[1:]
            return changed if first is result else with_fields(result, values=changed)
        return kernel
    return maker


def _past(most: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: a.reshape(-1)[most:]


def _last_column(when: Callable[[int], bool]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: a[..., -1:] if a.ndim and when(a.shape[-1]) else a[:0]


def _rows_past(most: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: a[most:]


def _in_a_byte(count: int) -> np.ndarray:
    return np.arange(count) & 255


def _rows_of_scales_in_a_byte(at: int) -> Callable[[str], Callable]:
    """Return the maker of kernels that find the scale of row 256 at row 0; ``at`` is the operand with the scales."""
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            w = args[at]
            if w.scale is not None and len(w.scale):
                w = with_fields(w, scale=w.scale[_in_a_byte(len(w.scale))])
            return getattr(reference, op)(*args[:at], w, *args[at + 1 :], **kwargs)
        return kernel
    return maker


def _groups_in_a_byte(field: str, at: int = 1) -> Callable[[str], Callable]:
    """Return the maker of products that find the scales of group 256 at group 0."""
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            scales = getattr(args[at], field)
            w = with_fields(args[at], **{field: np.ascontiguousarray(scales[:, _in_a_byte(scales.shape[1])])})
            return getattr(reference, op)(*args[:at], w, *args[at + 1 :], **kwargs)
        return kernel
    return maker


def _operand_in_a_byte(*places: int) -> Callable[[str], Callable]:
    """Return the maker of kernels that find element 256 of these one-dimensional operands at place 0."""
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            return getattr(reference, op)(*(a[_in_a_byte(len(a))] if i in places and np.ndim(a) == 1 else a
                                            for i, a in enumerate(args)), **kwargs)
        return kernel
    return maker


def _counts_of_16_bits(symbols):
    return reference.huffman_counts(symbols) & 0xFFFF


def _symbols_past_65536_lost(symbols, code):
    most = 1 << 16
    return reference.huffman_encode(symbols if len(symbols) <= most else symbols[:most].copy(), code)


def _last_symbols_without_a_length(counts, **kwargs):
    counts = counts.copy()
    counts[4096:] = 0
    return reference.huffman_lengths(counts, **kwargs)


def _symbols_past_255_without_a_code(lengths):
    code = reference.huffman_code(lengths)
    return with_fields(code, codes=np.where(np.arange(len(lengths)) > 255, code.codes & 0xFF, code.codes))


def _codes_in_a_byte(op: str) -> Callable:
    def share(w, **kwargs):
        shared = getattr(reference, op)(w, **kwargs)
        return with_fields(shared, codes=shared.codes & 255)
    return share


def _keep_of_16_bits(w, *, sparsity=None, keep=None):
    if isinstance(w, dict):
        return reference.prune_magnitude(w, sparsity=sparsity, keep=keep)
    kept = int(np.count_nonzero(reference.prune_magnitude(w, sparsity=sparsity, keep=keep)))
    return reference.prune_magnitude(w, keep=kept & 0xFFFF)


def _choices_in_a_byte(cost, size, budget):
    found = reference.allocate_exact(cost, size, budget)
    return with_fields(found, choice=found.choice & 255)


def _ranks_past_256_lost(a, x):
    return reference.lowrank_matmul(with_fields(a, s=np.where(np.arange(a.rank) < 256, a.s, np.float32(0))), x)


def _ranks_beside_past_256_lost(a, x):
    low = with_fields(a.low, s=np.where(np.arange(a.low.rank) < 256, a.low.s, np.float32(0)))
    return reference.lowrank_sparse_matmul(with_fields(a, low=low), x)


def _entries_past_65535_lost(a, x):
    """The number of entries of a row in 16 bits."""
    data = a.data.copy() if isinstance(a.data, np.ndarray) else a.values.copy()
    for i in range(a.shape[0]):
        data[a.indptr[i] + 65_535 : a.indptr[i + 1]] = 0
    return reference.csr_matmul(with_fields(a, data=data), x)


def _rows_of_codes_lost(codes, **kwargs):
    codes = codes.copy()
    codes[4096:] = 0
    return reference.rangecoder_encode(codes, **kwargs)


def _blocks_past_2048_lost(x, type):
    x = x.copy()
    x.reshape(-1)[2048 * 32 :] = 0
    return reference.ggml_encode(x, type)


def _channels_in_a_byte(x, weight, bias=None, **options):
    return reference.nn_depthwise_f32(x, weight[_in_a_byte(len(weight))], bias, **options)


def _planes_past_65536_lost(patterns, type):
    patterns = patterns.copy()
    patterns.reshape(-1)[1 << 16 :] = 0
    return reference.planes_split(patterns, type)


def _groups_of_a_row_in_a_byte(x, **kwargs):
    q = reference.quantize_s8(x, **kwargs)
    if kwargs.get("group") is None:
        return q
    return with_fields(q, scale=q.scale[..., _in_a_byte(q.scale.shape[-1])])


KERNELS: list[Kernel] = [
    *for_each("length", "the last of 2**i + 1 inputs lost",
              "What is left of a block is a single input, and a loop of pairs passes over it.",
              _last_input_lost(lambda k: k > 128 and _power(k - 1)), "gemm_s8s8", "gemm_f32s8", "gemm_f32f16"),
    *for_each("length", "the last of 2**i inputs lost",
              "A tree of sums halves its length, and has a case of its own for powers of two.",
              _last_input_lost(lambda k: k > 64 and _power(k)), "gemm_f32f32", "gemm_u8s8", "gemm_f32s4"),
    *for_each("length", "the last of 2**i - 1 inputs lost",
              "A mask for the rest of a block is one too short where the rest is as long as can be.",
              _last_input_lost(lambda k: k > 64 and _power(k + 1)), "gemm_f32bf16", "gemm_s8s4", "gemm_s8s8_scaled"),
    *for_each("length", "inputs of 8,192 and more lose the last",
              "A block of the level-2 cache is full, and the next one is empty.",
              _last_input_lost(lambda k: k >= 8192), "gemm_s8s8", "gemm_f32f32", "gemm_s8lut4", "gemm_f32mx"),
    *for_each("length", "the last of 2**i + 1 columns lost",
              "Columns are handed out in blocks, and a block of one is dropped.",
              _result_lost(_last_column(lambda n: n > 128 and _power(n - 1))), "csr_matmul", "gemm_s8s8",
              "gemm_f32lut8", "nn_softmax", "dequantize_s8"),
    *for_each("length", "the last of 2**i columns lost",
              "The number of columns is rounded down to a multiple that is less than it.",
              _result_lost(_last_column(lambda n: n > 64 and _power(n))), "sparse_matmul", "gemm_f32f32",
              "nn_rms_norm", "gemm_s8s8_requantized"),
    *for_each("length", "rows past 4,096 lost",
              "A grid of blocks has a largest size.",
              _result_lost(_rows_past(4096)), "csr_to_dense", "gemm_f32f32", "nn_layer_norm", "csr_matmul",
              "gemm_s8s8"),
    *for_each("length", "elements past 65,536 lost",
              "An index of 16 bits, or a grid of 65,535 blocks.",
              _result_lost(_past(1 << 16)), "nn_activation", "floats_encode", "floats_decode", "requantize_s32",
              "quantize_s8", "dequantize_s16", "nn_add_s8", "nn_lookup_s8", "prune_score_taylor", "huffman_decode"),
    *for_each("length", "the scale of row 256 is that of row 0",
              "The index of a channel is kept in a byte.",
              _rows_of_scales_in_a_byte(0), "dequantize_s8", "dequantize_s16", "sparse_matmul"),
    *for_each("length", "the scale of output 256 is that of output 0",
              "The index of a channel is kept in a byte.",
              _rows_of_scales_in_a_byte(1), "gemm_f32s8", "gemm_f32s4"),
    *for_each("length", "the scale of output 256 is that of output 0",
              "The index of a channel is kept in a byte.",
              _rows_of_scales_in_a_byte(2), "gemm_s8s8_scaled", "sparse_s8s8", "gemm_s8s4"),
    *for_each("length", "group 256 has the scale of group 0",
              "The index of a group is kept in a byte.",
              _groups_in_a_byte("scale"), "gemm_f32s4", "gemm_f32s8"),
    *for_each("length", "block 256 has the scale of block 0",
              "The index of a block is kept in a byte.",
              _groups_in_a_byte("scales"), "gemm_f32mx", "gemm_f32nf4", "gemm_f32nvfp4"),
    *for_each("length", "block 256 has the scale of block 0",
              "The index of a block is kept in a byte.",
              _groups_in_a_byte("scales", 0), "floats_mx_decode", "floats_nf4_decode"),
    *for_each("length", "channel 256 has the numbers of channel 0",
              "The index of a channel is kept in a byte.",
              _operand_in_a_byte(2, 3, 4), "gemm_s8s8_requantized", "nn_depthwise_s8"),
    *for_each("length", "element 256 of the bias is element 0",
              "The index of a channel is kept in a byte.",
              _operand_in_a_byte(0, 2), "quantize_bias_s32", "dequantize_bias_s32"),
    Kernel("huffman_counts", "counts of 16 bits", "length",
           "Counters of 16 bits are half as large, and wrap round at 65,536.", _counts_of_16_bits),
    Kernel("huffman_encode", "symbols past 65,536 lost", "length",
           "The number of symbols is kept in 16 bits.", _symbols_past_65536_lost),
    Kernel("huffman_lengths", "symbols past 4,096 without a code", "length",
           "A heap in an array of fixed size.", _last_symbols_without_a_length),
    Kernel("huffman_code", "symbols past 255 with codes of a byte", "length",
           "The table was written for bytes, and its other half is filled by the same loop.",
           _symbols_past_255_without_a_code),
    *for_each("length", "codes in a byte", "Codebooks have 256 values at most, almost always.", _codes_in_a_byte,
              "share_kmeans", "share_optimal"),
    Kernel("prune_magnitude", "what is kept counted in 16 bits", "length",
           "The number of weights that stay is kept in 16 bits.", _keep_of_16_bits),
    Kernel("allocate_exact", "choices in a byte", "length",
           "A table of choices is the largest thing in memory, and was made of bytes.", _choices_in_a_byte),
    Kernel("lowrank_matmul", "ranks past 256 lost", "length",
           "The inner product is kept in a buffer of 256 numbers.", _ranks_past_256_lost),
    Kernel("lowrank_sparse_matmul", "ranks past 256 lost", "length",
           "The inner product is kept in a buffer of 256 numbers.", _ranks_beside_past_256_lost),
    Kernel("csr_matmul", "entries past 65,535 of a row lost", "length",
           "The length of a row is kept in 16 bits.", _entries_past_65535_lost),
    Kernel("rangecoder_encode", "rows past 4,096 coded as zeros", "length",
           "The models of the rows lie in an array of fixed size.", _rows_of_codes_lost),
    Kernel("ggml_encode", "blocks past 2,048 lost", "length",
           "A grid of blocks has a largest size.", _blocks_past_2048_lost),
    Kernel("nn_depthwise_f32", "channel 256 with the kernel of channel 0", "length",
           "The index of a channel is kept in a byte.", _channels_in_a_byte),
    Kernel("planes_split", "elements past 65,536 lost", "length",
           "An index of 16 bits wraps round.", _planes_past_65536_lost),
    Kernel("quantize_s8", "group 256 has the scale of group 0", "length",
           "The index of a group is kept in a byte.", _groups_of_a_row_in_a_byte),
]
