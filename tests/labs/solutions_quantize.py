"""Solutions of the labs of quantize and floats, as learners write them: one right, the others with a mistake each."""

import numpy as np

from refcompress import NF4, LayerFit, Packed, Quantized, quantize_nearest, quantize_s8
from refcompress.formats.floats import NF4_LEVELS
from refcompress.reference.hessian import inverse_factor


def rows_of(x):
    """Return x as rows: a vector, a matrix, or the first axis by all others."""
    return x if x.ndim < 3 else x.reshape(len(x), int(np.prod(x.shape[1:])))


def s8_right(x, *, bits=8, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None, least=2.0**-126,
             divide=np.divide, lowest=None, keepdims=True):
    high = 2 ** (bits - 1) - 1
    low = -high if scheme == "symmetric" else -high - 1
    if group is not None:
        rows = rows_of(x)
        size = rows.shape[-1]
        count, width = -(-size // group), min(group, size)
        filled = np.zeros((*rows.shape[:-1], count * width), np.float32)
        filled[..., :size] = rows
        shape = (*rows.shape[:-1], count)
        given = [a.reshape(-1, 1) if isinstance(a, np.ndarray) else a for a in (scale, zero_point)]
        q = s8_right(filled.reshape(int(np.prod(shape)), width), bits=bits, scheme=scheme, axis=0, scale=given[0],
                     zero_point=given[1])
        values = q.values.reshape(filled.shape)[..., :size].reshape(x.shape)
        return Quantized(values, q.scale.reshape(shape), q.zero_point.reshape(shape), group)
    others = tuple(i for i in range(x.ndim) if axis is None or i != axis % x.ndim)
    smallest = x.min(axis=others, keepdims=True, initial=0).astype(np.float64)
    largest = x.max(axis=others, keepdims=True, initial=0).astype(np.float64)
    if scale is None:
        steps = np.maximum(-smallest, largest) / high if scheme == "symmetric" else (largest - smallest) / (high - low)
        scale = np.where(largest - smallest == 0, 1, np.maximum(steps, least)).astype(np.float32)
    elif not isinstance(scale, np.ndarray) or scale.ndim == 0:
        scale = np.full(smallest.shape, scale, np.float32)
    if zero_point is None:
        with np.errstate(all="ignore"):
            zero_point = np.clip(np.rint(low - smallest / scale), low, high) if scheme == "affine" else np.zeros(
                scale.shape)
    elif not isinstance(zero_point, np.ndarray) or zero_point.ndim == 0:
        zero_point = np.full(scale.shape, zero_point)
    with np.errstate(all="ignore"):
        values = np.clip(np.rint(divide(x, scale)) + zero_point, low if lowest is None else lowest, high)
    if not keepdims:
        scale, zero_point = scale.reshape(-1), zero_point.reshape(-1)
    return Quantized(values.astype(np.int8), scale.astype(np.float32), zero_point.astype(np.int8))


def s8_times_the_reciprocal(x, **options):
    return s8_right(x, divide=lambda a, b: a * (np.float32(1) / b), **options)


def s8_zeros_of_the_least_scale(x, **options):
    q = s8_right(x, **options)
    return q if x.any() or options.get("scale") else Quantized(q.values, np.full_like(q.scale, 2.0**-126), q.zero_point)


def s8_ties_away_from_zero(x, **options):
    def divide(a, b):
        t = a / b
        return np.where(np.abs(t) % 1 == 0.5, np.trunc(t) + np.sign(t), t)
    return s8_right(x, divide=divide, **options)


def s8_all_256_values(x, **options):
    q = s8_right(x, **options)
    if options.get("scale") is None:
        return q
    return s8_right(x, **options, lowest=-128 if options.get("bits", 8) == 8 else None)


def pack_right(q, *, bits=4, turned=False, whole_rows=True, mask=True):
    rows = q.values.reshape(1, -1) if q.values.ndim < 2 else rows_of(q.values)
    codes = np.where(rows > 0, 1, 0) if bits == 1 else rows.astype(np.int64)
    packed = []
    for row in codes.tolist():
        number = 0
        for p, code in enumerate(row):
            number |= (code & (1 << bits) - 1) << (p * bits)
        packed.append(list(number.to_bytes(-(-len(row) * bits // 8), "little")))
    data = np.array(packed, np.uint8).reshape(len(packed), -(-rows.shape[1] * bits // 8))
    if turned:
        data = (data >> 4) | (data << 4)
    data = data[0] if q.values.ndim < 2 else data
    return Packed(data, q.shape, bits, q.scale, q.zero_point, q.group)


def pack_high_half_first(q, *, bits=4):
    return pack_right(q, bits=bits, turned=True)


def pack_minus_one_as_one(q, *, bits=4):
    if bits != 1:
        return pack_right(q, bits=bits)
    data = pack_right(q, bits=1).data
    size = rows_of(q.values).shape[-1]
    used = np.packbits(np.ones(size, np.uint8), bitorder="little")
    return Packed(data ^ used, q.shape, 1, q.scale, q.zero_point, q.group)


def pack_signs_spread(q, *, bits=4):
    packed = pack_right(q, bits=bits)
    if bits != 4 or not q.values.size or q.values.ndim > 2:
        return packed
    values = q.values.view(np.uint8)
    values = np.concatenate([values, np.zeros((*values.shape[:-1], values.shape[-1] % 2), np.uint8)], axis=-1)
    data = values[..., ::2] | values[..., 1::2] << 4
    return Packed(data, q.shape, bits, q.scale, q.zero_point, q.group)


def requantize_right(x, multiplier, shift, *, zero_point=0, bits=8, scheme="affine", rounding="half_even"):
    product = x.astype(np.int64) * np.asarray(multiplier, np.int64)
    shift = np.asarray(shift, np.int64)

    def away(p, t):
        return np.sign(p) * (np.abs(p) + (np.int64(1) << t >> 1) >> t)

    if rounding == "half_even":
        total = 31 + shift
        down = product >> total
        rest, half = product - (down << total), np.int64(1) << total - 1
        y = down + ((rest > half) | (rest == half) & (down % 2 == 1))
    elif rounding == "half_away":
        y = away(product, 31 + shift)
    else:
        y = away(product + 2**30 >> 31, shift)
    high = 2 ** (bits - 1) - 1
    low = -high if scheme == "symmetric" else -high - 1
    return np.clip(y + zero_point, low, high).astype(np.int8 if bits <= 8 else np.int16)


def requantize_half_up(x, multiplier, shift, **options):
    total = 31 + np.asarray(shift, np.int64)
    product = x.astype(np.int64) * np.asarray(multiplier, np.int64)
    return np.clip(product + (np.int64(1) << total - 1) >> total, -128, 127).astype(np.int8)


def requantize_wraps(x, multiplier, shift, **options):
    total = 31 + np.asarray(shift, np.int64)
    product = x.astype(np.int64) * np.asarray(multiplier, np.int64)
    down = product >> total
    rest, half = product - (down << total), np.int64(1) << total - 1
    return (down + ((rest > half) | (rest == half) & (down % 2 == 1))).astype(np.int8)


def requantize_rounds_once(x, multiplier, shift, *, rounding="half_even", **options):
    return requantize_right(x, multiplier, shift, rounding="half_away" if rounding == "gemmlowp" else rounding,
                            **options)


def gptq_right(w, hessian, *, bits=4, scheme="symmetric", axis=0, group=None, scale=None, zero_point=None,
               damping=0.01, order="given", zeros_stay=True, move=True, nearest_last=True):
    bits = int(bits)  # a number of NumPy stands for a number of Python
    # BLAS adds in another order where the memory lies otherwise.
    w, hessian = np.array(w, np.float32, order="C"), np.array(hessian, np.float64, order="C")
    grid = {"bits": bits, "scheme": scheme, "axis": axis, "group": group, "scale": scale,
            "zero_point": zero_point}
    nearest = quantize_nearest(w, hessian, **grid).weight
    turns = np.argsort(-hessian.diagonal(), kind="stable") if order == "descending" else np.arange(len(hessian))
    u = inverse_factor(hessian[np.ix_(turns, turns)], damping)
    s, z = (np.broadcast_to(nearest.expand(a), w.shape).copy() for a in (nearest.scale, nearest.zero_point))
    high = 2 ** (bits - 1) - 1
    low = -high if scheme == "symmetric" else -high - 1
    refit = group is not None and scale is None and order == "given"
    now, q = w[:, turns].astype(np.float64), np.zeros(w.shape, np.int64)
    top = float(np.finfo(np.float32).max)
    with np.errstate(all="ignore"):
        for i, j in enumerate(turns.tolist()):
            if refit and j % group == 0:
                some = now[:, j : j + group].clip(-top, top).astype(np.float32)
                fresh = quantize_s8(np.ascontiguousarray(some), bits=bits, scheme=scheme, axis=0)
                s[:, j : j + group], z[:, j : j + group] = fresh.scale, fresh.zero_point
            rounded = np.rint(now[:, i].clip(-top, top).astype(np.float32) / s[:, j]) + z[:, j]
            q[:, j] = np.clip(rounded, low, high)
            if zeros_stay:
                q[w[:, j] == 0, j] = z[w[:, j] == 0, j]
            e = (now[:, i] - s[:, j].astype(np.float64) * (q[:, j] - z[:, j])) / u[i, i]
            for later in range(i + 1, len(turns) if move else 0):
                now[:, later] -= e * u[i, later]
    if refit:
        s, z = s[:, ::group], z[:, ::group]
    else:
        s, z = nearest.scale, nearest.zero_point
    weight = Quantized(q.astype(np.int8), s, z, nearest.group)
    return LayerFit.of(w, hessian, weight, nearest if nearest_last else None)


def gptq_zeros_move(w, hessian, **options):
    return gptq_right(w, hessian, zeros_stay=False, **options)


def gptq_moves_nothing(w, hessian, **options):
    return gptq_right(w, hessian, move=False, **options)


def gptq_without_before(w, hessian, **options):
    return gptq_right(w, hessian, nearest_last=False, **options)


def nf4_right(x, *, block=64, side="left", zero=1, kind=np.float32, levels=NF4_LEVELS):
    rows = rows_of(x)
    size = rows.shape[-1]
    count = -(-size // block)
    begins = np.arange(count, dtype=np.int64) * block
    if rows.size:
        scales = np.maximum.reduceat(np.abs(rows), begins, axis=-1)
    else:
        scales = np.zeros((*rows.shape[:-1], count), np.float32)
    scales = np.where(scales == 0, np.float32(zero), scales).astype(np.float32)
    wide = np.repeat(scales, [min(block, size - begin) for begin in begins.tolist()], axis=-1) if count else rows
    middles = (levels[1:].astype(np.float64) + levels[:-1]) / 2
    with np.errstate(all="ignore"):
        codes = np.searchsorted(middles, rows.astype(kind) / wide.astype(kind), side=side)
    return NF4(codes.astype(np.uint8).reshape(x.shape), scales, block)


def nf4_upper_of_equals(x, **options):
    return nf4_right(x, side="right", **options)


def nf4_least_scale_of_zeros(x, **options):
    return nf4_right(x, zero=2.0**-126, **options)


def nf4_in_one_row(x, *, block=64):
    if not x.size:
        return nf4_right(x, block=block)
    flat = nf4_right(x.reshape(-1), block=block)
    made = object.__new__(NF4)
    for name, value in (("codes", flat.codes.reshape(x.shape)), ("scales", flat.scales), ("block", block)):
        object.__setattr__(made, name, value)
    return made


RIGHT = [("quantize_s8", s8_right), ("quantize_pack", pack_right), ("requantize_s32", requantize_right),
         ("quantize_gptq", gptq_right), ("floats_nf4_encode", nf4_right)]
WRONG = [
    ("quantize_s8", s8_times_the_reciprocal, "ties", "QUANT-2.1", "in the middle of two integers"),
    ("quantize_s8", s8_ties_away_from_zero, "ties", "QUANT-2.1", "in the middle of two integers"),
    ("quantize_s8", s8_zeros_of_the_least_scale, "zeros alone", "QUANT-2.4", "All values that share a scale are zero"),
    ("quantize_s8", s8_all_256_values, "ends of the grid", "QUANT-2.5", "beyond the grid"),
    ("quantize_pack", pack_high_half_first, "halves", "QUANT-6.1", "the other way round"),
    ("quantize_pack", pack_minus_one_as_one, "single bit", "QUANT-6.1", "One bit stands for"),
    ("quantize_pack", pack_signs_spread, "signs", "QUANT-6.1", "A value is negative"),
    ("requantize_s32", requantize_half_up, "ties", "QUANT-8.2", "in the middle of two integers"),
    ("requantize_s32", requantize_wraps, "ends of the grid", "QUANT-8.1", "must be clipped"),
    ("requantize_s32", requantize_rounds_once, "rounding twice", "QUANT-8.2", "it rounds in two steps"),
    ("quantize_gptq", gptq_zeros_move, "zeros", "QUANT-9.2", "must stay zero"),
    ("quantize_gptq", gptq_moves_nothing, "corrections", "QUANT-9.2", "The rounded values are others"),
    ("quantize_gptq", gptq_without_before, "errors", "QUANT-9.1", "the errors that are reported are not"),
    ("floats_nf4_encode", nf4_upper_of_equals, "nearest level", "FLOATS-3.1", "another level than the nearest"),
    ("floats_nf4_encode", nf4_least_scale_of_zeros, "zero block", "FLOATS-3.1", "All values of a block are zero"),
    ("floats_nf4_encode", nf4_in_one_row, "shape of the scales", "FLOATS-3.1", "more or fewer scales than blocks")]
