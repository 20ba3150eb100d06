"""Right kernels that reach the same answer in another way."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ... import reference
from ...constants import LARGEST
from ...formats import CSR, LowRank, Quantized
from ..values import with_fields
from .kernels import Kernel
from .zero_points import with_zero_point

_F = np.float32


def _dense_by_rounds(a):
    y, left = np.zeros(a.shape, np.float32), np.arange(len(a.indices))
    rows = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))
    with np.errstate(all="ignore"):
        while len(left):  # the first entry that is left of each place
            _, first = np.unique(rows[left] * max(a.shape[1], 1) + a.indices[left], return_index=True)
            now = left[first]
            y[rows[now], a.indices[now]] += a.values[now]
            left = np.delete(left, first)
    if a.canonical:
        y[rows, a.indices] = a.values
    return y


def _counts_by_sorting(symbols):
    found, times = np.unique(symbols, return_counts=True)
    counts = np.zeros(int(found[-1]) + 1 if len(found) else 0, np.int64)
    counts[found] = times
    return counts


def _counts_of_halves(symbols):
    """Two tables, as threads have them."""
    half = len(symbols) // 2
    parts = [np.bincount(part) for part in (symbols[:half], symbols[half:])]
    counts = np.zeros(max(map(len, parts)), np.int64)
    for part in parts:
        counts[: len(part)] += part
    return counts


def _code_by_counting(lengths):
    """The first code of each length, as in a decoder's tables, and the others by counting up."""
    code = reference.huffman_code(lengths)
    codes, first = np.zeros_like(code.codes), 0
    for length in range(1, 16):
        members = np.flatnonzero(lengths == length)
        codes[members] = first + np.arange(len(members))
        first = first + len(members) << 1
    return with_fields(code, codes=codes)


def _by_stable_sort(w, *, sparsity=None, keep=None):
    """Sorts magnitudes from the largest down, the first of equal ones first."""
    parts = w if isinstance(w, dict) else {"": w}
    flat = np.concatenate([np.abs(a).ravel() for a in parts.values()] or [np.zeros(0, _F)])
    count = len(flat) - int(np.rint(sparsity * len(flat))) if keep is None else int(keep)
    mask = np.zeros(len(flat), bool)
    mask[np.lexsort((np.arange(len(flat)), -flat))[:count]] = True
    ends = np.cumsum([a.size for a in parts.values()])
    masks = {name: part.reshape(a.shape) for (name, a), part in zip(parts.items(), np.split(mask, ends[:-1]))}
    return masks if isinstance(w, dict) else masks[""]


def _by_partition(w, *, sparsity=None, keep=None):
    """A threshold by selection; those that equal it from the lowest index on."""
    if isinstance(w, dict):
        return reference.prune_magnitude(w, sparsity=sparsity, keep=keep)
    flat = np.abs(w).ravel()
    count = len(flat) - int(np.rint(sparsity * len(flat))) if keep is None else int(keep)
    mask = np.zeros(len(flat), bool)
    if count:
        threshold = np.partition(flat, len(flat) - count)[len(flat) - count]
        mask = flat > threshold
        mask[np.flatnonzero(flat == threshold)[: count - np.count_nonzero(mask)]] = True
    return mask.reshape(w.shape)


def _projected_by_sort(w, *, keep):
    return np.where(_by_stable_sort(w, keep=keep), w, _F(0))


def _rounded_by_addition(x, **kwargs):
    """Rounds to even by adding and subtracting 1.5 * 2**52."""
    q = reference.quantize_s8(x, **kwargs)
    bits = int(kwargs.get("bits", 8))
    lowest = -(2 ** (bits - 1)) + (kwargs.get("scheme", "symmetric") == "symmetric")
    with np.errstate(all="ignore"):
        ratio = np.clip((x.astype(_F) / q.expand(q.scale)).astype(np.float64), -1e6, 1e6)
    steps = (ratio + 1.5 * 2.0**52) - 1.5 * 2.0**52
    values = np.clip(steps + q.expand(q.zero_point), lowest, 2 ** (bits - 1) - 1)
    return with_fields(q, values=values.astype(np.int8))


def _clipped_before(x, **kwargs):
    """Clips to the ends less the zero point before it rounds: whole numbers, so the order does not matter."""
    q = reference.quantize_s16(x, **kwargs)
    lowest, zero = -(2**15) + (kwargs.get("scheme", "symmetric") == "symmetric"), q.expand(q.zero_point).astype(int)
    with np.errstate(all="ignore"):
        ratio = np.clip(x.astype(_F) / q.expand(q.scale), lowest - zero, 2**15 - 1 - zero)
    return with_fields(q, values=(np.rint(ratio).astype(int) + zero).astype(np.int16))


def _through_float64(q):
    with np.errstate(all="ignore"):
        steps = q.values.astype(np.float64) - q.expand(q.zero_point)
        return np.clip(steps * q.expand(q.scale), -LARGEST, LARGEST).astype(_F)


def _csr_row_by_row(w, mask=None):
    kept = w != 0 if mask is None else mask
    columns = [np.flatnonzero(row) for row in kept]
    indptr = np.concatenate([[0], np.cumsum([len(c) for c in columns])]).astype(np.int64)
    return CSR(w.shape, indptr, np.concatenate([*columns, np.zeros(0, np.int64)]).astype(np.int64),
               w[kept].astype(_F))


def _dense_entry_by_entry(a):
    w, seen = np.zeros(a.shape, _F), np.zeros(a.shape, bool)
    with np.errstate(all="ignore"):
        for i in range(a.shape[0]):
            for p in range(a.indptr[i], a.indptr[i + 1]):
                j = a.indices[p]
                w[i, j] = a.values[p] if not seen[i, j] and a.canonical else w[i, j] + a.values[p]
                seen[i, j] = True
    return w


@with_zero_point
def _product_of_halves(x, w):
    """The inputs in two halves of four bits each: 16 times the product of the upper ones, and that of the lower."""
    x, w = x.astype(np.int64), w.astype(np.int64).T
    high = x >> 4
    return (16 * (high @ w) + (x - 16 * high) @ w).astype(np.int32)


@with_zero_point
def _product_offset(x, w):
    """128 added to the inputs, for an unsigned instruction, and the sums of the weights taken off again."""
    wide = w.astype(np.int64).T
    return ((x.astype(np.int64) + 128) @ wide - 128 * wide.sum(axis=0)).astype(np.int32)


@with_zero_point
def _product_less_128(x, w):
    """128 taken off the inputs, for a signed instruction, and the sums of the weights added again."""
    wide = w.astype(np.int64).T
    return ((x.astype(np.int64) - 128) @ wide + 128 * wide.sum(axis=0)).astype(np.int32)


@with_zero_point
def _product_in_pieces(x, w):
    """float32 by pieces of 512 inputs, whose sums are whole numbers below 2**24."""
    y = np.zeros((len(x), len(w)), np.int64)
    for first in range(0, x.shape[1], 512):
        part = slice(first, first + 512)
        y += (x[:, part].astype(_F) @ w[:, part].astype(_F).T).astype(np.int64)
    return y.astype(np.int32)


def _packed_as_one_number(q, *, bits=4):
    """A row as one long integer of Python."""
    p, bits = reference.quantize_pack(q, bits=bits), int(bits)
    rows = q.values.reshape(p.data.shape[0] if p.data.ndim > 1 else 1, -1) if q.values.size else []
    codes = [[int(v > 0) if bits == 1 else int(v) & (1 << bits) - 1 for v in row] for row in rows]
    numbers = [sum(code << place * bits for place, code in enumerate(row)) for row in codes]
    data = b"".join(number.to_bytes(p.data.shape[-1], "little") for number in numbers)
    return with_fields(p, data=np.frombuffer(data, np.uint8).reshape(p.data.shape).copy())


def _unpacked_as_one_number(p):
    """A row as one long integer of Python."""
    q = reference.quantize_unpack(p)
    if not q.values.size:
        return q
    values = np.zeros(q.values.size, np.int8).reshape(p.data.shape[0] if p.data.ndim > 1 else 1, -1)
    for row, packed in zip(values, p.data.reshape(len(values), -1)):
        number = int.from_bytes(packed.tobytes(), "little")
        for place in range(len(row)):
            code = number >> place * p.bits & (1 << p.bits) - 1
            sign = code >> p.bits - 1
            row[place] = 2 * code - 1 if p.bits == 1 else code - (sign << p.bits)
    return with_fields(q, values=values.reshape(q.values.shape))


def _looked_up_one_by_one(x, table):
    return np.array([table[int(value) + 128] for value in x.reshape(-1)], np.int8).reshape(x.shape)


def _svd_of_the_transpose(w, **kwargs):
    right = reference.lowrank_svd(w, **kwargs)
    v, s, ut = np.linalg.svd(np.asarray(w, np.float64).T, full_matrices=False)
    return _signed(right.rank, ut.T, s, v.T)


def _svd_behind_qr(w, **kwargs):
    right = reference.lowrank_svd(w, **kwargs)
    q, r = np.linalg.qr(np.asarray(w, np.float64))
    u, s, vt = np.linalg.svd(r, full_matrices=False)
    return _signed(right.rank, q @ u, s, vt)


def _signed(r, u, s, vt) -> LowRank:
    u, s, vt = u[:, :r], s[:r], vt[:r]
    turned = np.where(u[np.abs(u).argmax(axis=0), np.arange(r)] < 0, -1.0, 1.0) if u.size else np.ones(r)
    return LowRank(*(np.ascontiguousarray(f).astype(_F) for f in (u * turned, s, (vt.T * turned).T)))


def _patches_by_views(x, kernel, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), fill=0, layout="nchw"):
    """Windows as a view of the padded image."""
    image = np.moveaxis(x, 3, 1) if layout == "nhwc" else x
    top, left, bottom, end = map(int, pads)
    image = np.pad(image, ((0, 0), (0, 0), (top, bottom), (left, end)), constant_values=fill)
    reach = [(n - 1) * d + 1 for n, d in zip(kernel, dilations)]
    views = sliding_window_view(image, reach, axis=(2, 3))[:, :, :: strides[0], :: strides[1], :: dilations[0],
                                                          :: dilations[1]]
    right = reference.nn_patches(x, kernel, strides=strides, pads=pads, dilations=dilations, fill=fill, layout=layout)
    cells = views.transpose((0, 2, 3, 4, 5, 1) if layout == "nhwc" else (0, 2, 3, 1, 4, 5))
    return np.ascontiguousarray(cells).reshape(right.shape).astype(x.dtype.newbyteorder("="))


def _ends_by_sorting(x, *, axis=None, group=None):
    if axis is not None or group is not None or not x.size:
        return reference.quantize_range_minmax(x, axis=axis, group=group)
    order = np.sort(x, axis=None).astype(np.float64)
    shape = (1,) * x.ndim
    return np.full(shape, min(order[0], 0.0) + 0.0), np.full(shape, max(order[-1], 0.0) + 0.0)


def _requantized_by_python(x, multiplier, shift, *, zero_point=0, bits=8, rounding="half_even", **kwargs):
    """Python's integers: the product, twice the rest, and a comparison."""
    kwargs = {"zero_point": zero_point, "bits": bits, "rounding": rounding, **kwargs}
    right = reference.requantize_s32(x, multiplier, shift, **kwargs)
    if rounding != "half_even":
        return right
    bits = int(bits)
    lowest, highest = -(2 ** (bits - 1)) + (kwargs.get("scheme") == "symmetric"), 2 ** (bits - 1) - 1
    numbers, factors, shifts = np.broadcast_arrays(x, multiplier, shift)
    values = []
    for number, factor, places in zip(numbers.ravel().tolist(), factors.ravel().tolist(), shifts.ravel().tolist()):
        places += 31
        whole, rest = divmod(number * factor, 1 << places) if places >= 0 else (number * factor << -places, 0)
        twice = 2 * rest - (1 << places) if places >= 0 else -1
        values.append(min(max(whole + (twice > 0 or twice == 0 and whole % 2) + int(zero_point), lowest), highest))
    return np.array(values, right.dtype).reshape(right.shape)


def _halves_of_the_axis(op):
    """Works on both halves of the rows apart: rows know nothing of each other."""
    def kernel(x, *rest, **kwargs):
        if x.ndim < 2 or len(x) < 2:
            return getattr(reference, op)(x, *rest, **kwargs)
        half = len(x) // 2
        return np.concatenate([getattr(reference, op)(part, *rest, **kwargs) for part in (x[:half], x[half:])])
    return kernel


def _copies(op):
    """Copies all arrays first, as a binding does that knows contiguous memory only."""
    def kernel(*args, **kwargs):
        return getattr(reference, op)(*(np.array(a, order="C") if isinstance(a, np.ndarray) else a for a in args),
                                      **kwargs)
    return kernel


def _dequantized_by_steps(q):
    """A table of all 256 differences times the scale, where there is one scale."""
    if q.scale.size != 1:
        return reference.dequantize_s8(q)
    with np.errstate(all="ignore"):
        steps = np.arange(-128, 128) - int(q.zero_point.reshape(()))
        table = np.clip(steps.astype(_F) * q.scale.reshape(()), -LARGEST, LARGEST)
        return table[q.values.astype(np.intp) + 128]


def _one_scale_for_each_element(q: Quantized):
    with np.errstate(all="ignore"):
        steps = (q.values.astype(np.int32) - q.expand(q.zero_point)).astype(_F)
        return np.clip(steps * q.expand(q.scale), -LARGEST, LARGEST)


KERNELS: list[Kernel] = [
    Kernel("csr_to_dense", "one entry of each place at a time", "algorithm",
           "Rounds take the first entry that is left of each place: at a place the order is that of storage.",
           _dense_by_rounds),
    Kernel("huffman_counts", "by sorting", "algorithm", "Equal symbols lie side by side in sorted order.",
           _counts_by_sorting),
    Kernel("huffman_counts", "two tables added", "algorithm", "Each thread counts a part.", _counts_of_halves),
    Kernel("huffman_code", "by the first code of each length", "algorithm",
           "Canonical codes of a length are consecutive numbers.", _code_by_counting),
    Kernel("prune_magnitude", "by a sort with indices", "algorithm", "Ties are broken by the index as a second key.",
           _by_stable_sort),
    Kernel("prune_magnitude", "by selection of a threshold", "algorithm",
           "Selection is linear; those that equal the threshold come from the lowest index on.", _by_partition),
    Kernel("prune_project_l0", "by a sort with indices", "algorithm", "Ties are broken by the index as a second key.",
           _projected_by_sort),
    Kernel("quantize_s8", "rounded by an addition", "algorithm",
           "Adding 1.5 * 2**52 leaves no fraction, and rounds ties to even.", _rounded_by_addition),
    Kernel("quantize_s16", "clipped before it is rounded", "algorithm",
           "The ends are whole numbers: clipping and rounding can change places.", _clipped_before),
    Kernel("dequantize_s8", "through float64", "algorithm",
           "An integer of 9 bits times a float32 is exact in float64, and rounded once.", _through_float64),
    Kernel("dequantize_s16", "through float64", "algorithm",
           "An integer of 17 bits times a float32 is exact in float64, and rounded once.", _through_float64),
    Kernel("dequantize_s8", "by a table", "algorithm", "A byte has 256 values, and so has its product with a scale.",
           _dequantized_by_steps),
    Kernel("dequantize_s16", "a scale for each element", "algorithm", "Scales are spread out before the product.",
           _one_scale_for_each_element),
    Kernel("csr_from_dense", "row by row", "algorithm", "The columns of each row, joined.", _csr_row_by_row),
    Kernel("csr_to_dense", "entry by entry", "algorithm", "A loop over rows and entries.", _dense_entry_by_entry),
    Kernel("gemm_s8s8", "by halves of four bits", "algorithm", "Integers are exact in any decomposition.",
           _product_of_halves),
    Kernel("gemm_s8s8", "unsigned, with a correction", "algorithm",
           "Instructions want an unsigned operand: 128 is added, and taken off in the end.", _product_offset),
    Kernel("gemm_u8s8", "signed, with a correction", "algorithm",
           "Instructions want a signed operand: 128 is taken off, and added in the end.", _product_less_128),
    Kernel("gemm_u8s8", "float32 in pieces of 512 inputs", "algorithm",
           "255 * 128 * 512 is below 2**24: each piece is exact.", _product_in_pieces),
    Kernel("quantize_pack", "a row as one number", "algorithm", "Python's integers have as many bits as a row.",
           _packed_as_one_number),
    Kernel("quantize_unpack", "a row as one number", "algorithm", "Python's integers have as many bits as a row.",
           _unpacked_as_one_number),
    Kernel("nn_lookup_s8", "element by element", "algorithm", "A loop in Python over all.", _looked_up_one_by_one),
    Kernel("lowrank_svd", "of the transpose", "algorithm", "The factors change places.", _svd_of_the_transpose),
    Kernel("lowrank_svd", "behind a QR", "algorithm", "The triangular factor has the same singular values.",
           _svd_behind_qr),
    Kernel("nn_patches", "by views", "algorithm", "Windows are a view of the padded image.", _patches_by_views),
    Kernel("quantize_range_minmax", "by sorting", "algorithm", "The ends of the sorted elements.", _ends_by_sorting),
    Kernel("requantize_s32", "by Python's integers", "algorithm", "Exact, whatever the shift.", _requantized_by_python),
    *[Kernel(op, "in two halves of the rows", "algorithm", "Rows know nothing of each other.", _halves_of_the_axis(op))
      for op in ("nn_softmax", "nn_layer_norm", "nn_rms_norm", "gemm_f32f32", "nn_activation", "nn_max_pool")],
    *[Kernel(op, "of copies in plain memory", "algorithm", "A binding copies what is not contiguous.", _copies(op))
      for op in ("gemm_s8s8", "csr_from_dense", "floats_encode", "planes_split", "quantize_gptq", "prune_sparsegpt")],
]
