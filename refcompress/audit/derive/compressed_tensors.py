"""The files of compressed-tensors (llm-compressor, vLLM): a layer's codes, scales and zero points under its name.

    weight_packed int32, weight_shape   integers of 1 to 8 bits plus half their range, side by side in words
    weight_packed uint8                 codes of E2M1, two a byte: NVFP4 with a global scale, MXFP4 without
    weight int8, FP8                    one code an element

Its arithmetic is that of the source's type: where that is bfloat16, scales and quotients are rounded to bfloat16, and
a code need not be the nearest one. Zero is always in the range. A symmetric scale is max|w| divided by half the range:
by 7.5 at 4 bits.

**Source** compressed-tensors 0.20.1: quantization/utils/helpers.py, lifecycle/forward_helpers.py, compressors/.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from ...errors import CorruptError
from ...formats import Plain
from ...models import Source, Value
from ...reference import floats_encode
from .stored import Arrays, Integers, Rule, Site, Stored
from .types import EPS, blocks_of, levels_of, reduced, rounding, spread

__all__ = ["sites_of"]

f32 = np.float32
END = ".weight_packed"
PLAIN = ("int8", "fp8_e4m3", "fp8_e5m2")


def sites_of(source: Source) -> Iterator[Site]:
    """Yield the layers of a file that compressed-tensors wrote."""
    for name, tensor in source.items():
        if name.endswith(END):
            base = name.removesuffix("_packed")
            if base + "_scale" in source:
                parts = tuple(each for each in (name, *(base + end for end in ("_scale", "_shape", "_zero_point",
                              "_global_scale", "_g_idx"))) if each in source)
                yield Site(base, parts, partial(_packed, source, base))
        elif name.endswith("weight") and tensor.type in PLAIN:
            scale = next((name + end for end in ("_scale", "_scale_inv") if name + end in source), None)
            if scale is not None:
                parts = (name, scale, *((name + "_zero_point",) if name + "_zero_point" in source else ()))
                yield Site(name, parts, partial(_plain, source, name, scale))


def numbers(name: str, value: Value) -> tuple[str, np.ndarray]:
    """Return the type of scales and the scales as float32."""
    kind = value.type if isinstance(value, Plain) else value.dtype.name if isinstance(value, np.ndarray) else ""
    if kind not in EPS and not kind.startswith("fp8"):
        raise CorruptError("path", f"tensor {name!r} is of {kind or type(value).__name__}, which scales are not")
    return kind, value.dense() if isinstance(value, Plain) else np.asarray(value).astype(np.float32)


# Reading ----------------------------------------------------------------------------------------------------------

def _packed(source: Source, base: str) -> list[Stored]:
    value = source[base + "_packed"].read()
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype not in (np.int32, np.uint8):
        raise CorruptError("path", f"tensor {base + '_packed'!r} must be a matrix of int32 or uint8")
    if value.dtype == np.uint8:
        return _fp4(source, base, value)
    said = np.asarray(source[base + "_shape"].read()) if base + "_shape" in source else np.zeros(0, np.int64)
    shape = tuple(said.reshape(-1)[:3].tolist()) if said.dtype.kind in "iu" else ()
    if len(shape) != 2 or shape[0] != len(value) or not 0 < shape[1] <= 32 * value.shape[1]:
        raise CorruptError("path", f"tensor {base + '_packed'!r} of shape {value.shape} does not hold {shape}")
    readings = []
    for bits in range(1, 9):
        each = 32 // bits
        if -(-shape[1] * bits // 32) == value.shape[1]:
            dense = unpacked(value, bits, shape[1])
            readings.append((bits, dense, "" if 32 % bits == 0 else "values side by side, over the ends of words"))
        if 32 % bits and -(-shape[1] // each) == value.shape[1]:
            words = np.stack([value >> bits * i & (1 << bits) - 1 for i in range(each)], -1)
            readings.append((bits, words.reshape(len(value), -1)[:, : shape[1]], "whole values in each word"))
    if not readings:
        raise CorruptError("path", f"tensor {base + '_packed'!r} of shape {value.shape} does not hold {shape} at 1 to "
                                   "8 bits")
    return [_integers(source, base, base + "_scale", codes.astype(np.int16) - (1 << bits - 1), bits, said, True)
            for bits, codes, said in readings]


def unpacked(words: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Return the first ``count`` codes of each row of words: a stream of bits, the lowest first."""
    stream = np.unpackbits(np.ascontiguousarray(words).astype("<i4").view(np.uint8), axis=1, bitorder="little")
    fields = stream[:, : count * bits].reshape(len(words), count, bits)
    return (fields << np.arange(bits, dtype=np.uint8)).sum(2, dtype=np.uint8)


def _plain(source: Source, name: str, scale_name: str) -> list[Stored]:
    value = source[name].read()
    if not isinstance(value, Plain):
        return [_integers(source, name, scale_name, np.asarray(value), 8, "", False)]
    kind, scale = numbers(scale_name, source[scale_name].read())
    codes = value.patterns
    blocks = _blocks(name, codes.shape, scale.shape)
    levels, ranks = levels_of(value.type)
    arrays = {"codes": codes, "scale": scale}
    step = spread(scale.astype(np.float64), blocks, codes.shape)
    rule = Rule(f"compressed-tensors {value.type}", FP8,
                partial(fp8, kind_of=value.type, blocks=blocks, file=kind), True)
    return [Stored(name, f"{value.type}, scales {kind}", codes.shape, arrays, ranks[codes], levels, step, (rule,))]


def _integers(source: Source, base: str, scale_name: str, codes: np.ndarray, bits: int, reading: str, packed: bool
              ) -> Stored:
    kind, scale = numbers(scale_name, source[scale_name].read())
    blocks = _blocks(base, codes.shape, scale.shape)
    arrays = {"codes": codes, "scale": scale}
    grid = tuple(-(-n // b) for n, b in zip(codes.shape, blocks))
    zero = None
    if base + "_zero_point" in source:
        zero = np.asarray(source[base + "_zero_point"].read())
        if zero.dtype == np.int32 and packed and zero.ndim == 2 and zero.shape == (-(-grid[0] * bits // 32), grid[1]):
            zero = unpacked(zero.T, bits, grid[0]).T.astype(np.int16) - (1 << bits - 1)
        if zero.dtype.kind != "i" or zero.size != scale.size:
            raise CorruptError("path", f"tensor {base + '_zero_point'!r} of shape {zero.shape} has no zero point for "
                                       f"each of {scale.size} scales")
        arrays["zero_point"] = zero = zero.reshape(scale.shape)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    step = spread(scale.astype(np.float64), blocks, codes.shape)
    offset = np.zeros(1) if zero is None else -step * spread(zero.astype(np.float64), blocks, codes.shape)
    name = f"compressed-tensors int{bits}"
    rules = [Rule(name + (", asymmetric" if zero is not None else ", symmetric"), ASYMMETRIC if zero is not None else
                  SYMMETRIC, partial(integers, bits=bits, blocks=blocks, symmetric=zero is None, file=kind,
                                     types=(codes.dtype, None if zero is None else zero.dtype)), True)]
    return Stored(base, f"int{bits}, {'packed, ' if packed else ''}scales {kind}", codes.shape, arrays,
                  codes.astype(np.int16) - low, Integers(low, high), step, tuple(rules), offset,
                  reading=reading)


def _fp4(source: Source, base: str, packed: np.ndarray) -> list[Stored]:
    raw = source[base + "_scale"].read()
    shape = (packed.shape[0], packed.shape[1] * 2)
    blocks = _blocks(base, shape, raw.shape)
    levels, ranks = levels_of("fp4_e2m1")
    if isinstance(raw, Plain) and raw.type == "fp8_e4m3" and base + "_global_scale" in source:
        whole = numbers(base + "_global_scale", source[base + "_global_scale"].read())[1].reshape(-1)
        if whole.size != 1:
            raise CorruptError("path", f"tensor {base + '_global_scale'!r} has {whole.size} elements, not 1")
        arrays: dict[str, np.ndarray] = {"scale": raw.patterns, "global scale": whole}
        with np.errstate(all="ignore"):
            step = raw.dense() / whole
        scheme, rule = "NVFP4", Rule("compressed-tensors NVFP4", NVFP4, partial(nvfp4, blocks=blocks), True)
    elif isinstance(raw, np.ndarray) and raw.dtype == np.uint8:
        arrays, step = {"scale": raw}, np.ldexp(1.0, raw.astype(np.int32) - 127)
        scheme, rule = "MXFP4", Rule("compressed-tensors MXFP4", MXFP4, partial(mxfp4, blocks=blocks), True)
    else:
        raise CorruptError("path", f"tensor {base + '_scale'!r} is neither of FP8 with a global scale nor of uint8")
    readings = []
    for first, said in ((0, "low half of a byte first"), (4, "high half of a byte first")):
        codes = np.stack([packed >> first & 15, packed >> 4 - first & 15], -1).reshape(shape)
        readings.append(Stored(base, scheme, shape, {"codes": codes} | arrays, ranks[codes], levels,
                               spread(step.astype(np.float64), blocks, shape), (rule,), reading=said))
    return readings


def _blocks(name: str, shape: tuple[int, ...], scale: tuple[int, ...]) -> tuple[int, ...]:
    blocks = blocks_of(shape, scale)
    if blocks is None:
        raise CorruptError("path", f"tensor {name!r} of shape {shape} has scales of shape {scale}")
    return blocks


# The rules --------------------------------------------------------------------------------------------------------

SYMMETRIC = "scale = max|w| / ((2^bits - 1) / 2); codes w / scale, ties to even; each result in the source's type"
ASYMMETRIC = ("scale = (max(w, 0) - min(w, 0)) / (2^bits - 1), zero point lowest - min / scale; codes w / scale + zero "
              "point, ties to even; each result in the source's type")
FP8 = "scale = max|w| / largest number; codes w / scale, ties to even; each result in the source's type"
NVFP4 = ("global scale 2688 times the rounded inverse of max|w|; scale = max|w of 16| / 6 * global scale as E4M3; "
         "codes w / (scale / global scale), ties to even")
MXFP4 = "exponent of max|w|, one more from 1.75 times a power of two on, less 2; codes w / scale, ties to even"


def integers(w: np.ndarray, kind: str, *, bits: int, blocks: tuple[int, ...], symmetric: bool, file: str,
             types: tuple) -> Arrays | None:
    if not np.isfinite(w).all():
        return None
    to = rounding(kind)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    least, most = np.minimum(reduced(np.minimum, w, blocks), 0), np.maximum(reduced(np.maximum, w, blocks), 0)
    if symmetric:
        scale = to(np.maximum(-least, most) / to(np.asarray((high - low) / 2)))
        zero = np.zeros_like(scale)
    else:
        scale = to(to(most - least) / to(np.asarray(high - low)))
        zero = np.rint(np.clip(to(low - to(least / scale)), low, high))
        zero = np.where(np.isnan(zero), 0, zero)
    scale = np.where(scale == 0, f32(EPS[kind]), scale)
    steps = to(w / spread(scale, blocks, w.shape))
    if not symmetric:
        steps = to(steps + spread(zero.astype(np.float32), blocks, w.shape))
    return _as_file({"codes": np.rint(np.clip(steps, low, high)).astype(types[0]), "scale": rounding(file)(scale)}
                    | ({} if symmetric else {"zero_point": zero.astype(types[1])}), w, blocks)


def fp8(w: np.ndarray, kind: str, *, kind_of: str, blocks: tuple[int, ...], file: str) -> Arrays | None:
    if not np.isfinite(w).all():
        return None
    to, top = rounding(kind), f32(448 if kind_of == "fp8_e4m3" else 57344)
    scale = to(reduced(np.maximum, np.abs(w), blocks) / top)
    scale = np.where(scale == 0, f32(EPS[kind]), scale)
    codes = floats_encode(np.clip(to(w / spread(scale, blocks, w.shape)), -top, top), kind_of)
    return _as_file({"codes": codes, "scale": rounding(file)(scale)}, w, blocks)


def nvfp4(w: np.ndarray, kind: str, *, blocks: tuple[int, ...]) -> Arrays | None:
    if not np.isfinite(w).all() or not w.size:
        return None
    to, largest = rounding(kind), np.maximum(np.abs(w).max(), {"float32": f32(2.0**-126), "bfloat16": f32(2.0**-126),
                                                               "float16": f32(2.0**-14)}[kind])
    whole = to(f32(2688) * to(np.asarray(f32(1) / largest))).reshape(1)  # as PyTorch divides a number by a tensor
    whole = np.where(np.isfinite(whole), whole, f32(1))
    scale = (to(reduced(np.maximum, np.abs(w), blocks) / f32(6)) * whole).astype(np.float32)
    patterns = floats_encode(scale, "fp8_e4m3")
    patterns = np.where(patterns & 127 == 0, np.uint8(0x20), patterns)  # 0.125 in place of 0
    step = levels_of("fp8_e4m3")
    value = step[0][step[1]][patterns].astype(np.float32) / whole
    codes = floats_encode((w / spread(value, blocks, w.shape)).astype(np.float32), "fp4_e2m1")
    return {"codes": codes, "scale": patterns, "global scale": whole}


def mxfp4(w: np.ndarray, kind: str, *, blocks: tuple[int, ...]) -> Arrays | None:
    if not np.isfinite(w).all():
        return None
    largest = reduced(np.maximum, np.abs(w), blocks)
    fraction, exponent = np.frexp(largest)  # largest = fraction * 2^exponent, fraction from 0.5 on
    e = np.clip(127 + exponent - 1 + (fraction >= 0.875) - 2, 0, 255)
    e = np.where(largest == 0, 0, e).astype(np.uint8)
    if kind == "float16":  # whose zero for 2^-25 and below becomes the scale 1
        e = np.where(e < 127 - 24, np.uint8(127), e)
    step = np.ldexp(f32(1), e.astype(np.int32) - 127)
    codes = floats_encode(rounding(kind)(w / spread(step, blocks, w.shape)), "fp4_e2m1")
    return {"codes": codes, "scale": e}


def _as_file(arrays: dict[str, np.ndarray], w: np.ndarray, blocks: tuple[int, ...]) -> Arrays:
    """Return the arrays, those of scales in the shape that a file has: one scale for all is of one axis."""
    if blocks != w.shape:
        return arrays
    return {name: a if name == "codes" else a.reshape(1) for name, a in arrays.items()}
