"""The files of torchao: the codes, scales and zero points of a weight, named as flatten_tensor_state_dict does.

    x._weight_qdata, x._weight_scale, x._weight_zero_point, x._weight_per_tensor_scale

or, in a checkpoint of PyTorch, as the attributes of its classes of tensors: x.weight.qdata, x.weight.scale, ...

A code is found by the inverse of the scale. Of integers of fewer than 8 bits each one fills a byte; the metadata say
how many bits are meant. Scales of NVFP4 lie in tiles of 128 x 4, as matrix units read them.

**Source** torchao 0.18.0: quantization/quant_primitives.py, prototype/mx_formats/nvfp4_tensor.py and utils.py.
"""

import json
from collections.abc import Iterator
from functools import partial

import numpy as np

from ...errors import CorruptError
from ...formats import Plain
from ...models import Source
from ...reference import floats_encode
from .compressed_tensors import numbers
from .stored import Arrays, Integers, Rule, Site, Stored
from .types import blocks_of, levels_of, reduced, rounding, spread

__all__ = ["sites_of"]

f32 = np.float32
ENDS = ("qdata", "scale", "zero_point", "per_tensor_scale", "act_per_tensor_scale")
TINY = {"float32": f32(2.0**-126), "bfloat16": f32(2.0**-126), "float16": f32(2.0**-14)}  # smallest normal numbers


def sites_of(source: Source) -> Iterator[Site]:
    """Yield the weights of a file that torchao wrote."""
    for name in source:
        base = name.removesuffix("qdata")
        if name.endswith(("._weight_qdata", ".weight.qdata")) and base + "scale" in source:
            weight = base.removesuffix("_weight_") + "weight" if base[-1] == "_" else base[:-1]
            yield Site(weight, tuple(base + end for end in ENDS if base + end in source),
                       partial(_readings, source, base, weight))


def _readings(source: Source, base: str, weight: str) -> list[Stored]:
    value = source[base + "qdata"].read()
    if isinstance(value, Plain) and value.type in ("fp8_e4m3", "fp8_e5m2"):
        return [_fp8(source, base, weight, value)]
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype == np.uint8:
        return [_nvfp4(source, base, weight, value)]
    if isinstance(value, np.ndarray) and value.dtype == np.int8:
        return [_integers(source, base, weight, value)]
    raise CorruptError("path", f"tensor {base + 'qdata'!r} is neither int8, nor FP8, nor uint8 of two codes")


def _integers(source: Source, base: str, weight: str, codes: np.ndarray) -> Stored:
    kind, scale = numbers(base + "scale", source[base + "scale"].read())
    blocks = _blocks(base, codes.shape, scale.shape)
    bits = bits_of(source.metadata.get(weight, ""), codes, source.metadata.get(weight + ".target_dtype", "int8"))
    zero = np.asarray(source[base + "zero_point"].read()) if base + "zero_point" in source else np.zeros(0, np.int8)
    if zero.size not in (0, scale.size) or zero.dtype.kind != "i":
        raise CorruptError("path", f"tensor {base + 'zero_point'!r} of shape {zero.shape} is no zero point of each of "
                                   f"{scale.size} scales")
    arrays = {"codes": codes, "scale": scale} | ({"zero_point": zero} if zero.size else {})
    step = spread(scale.astype(np.float64), blocks, codes.shape)
    offset = -step * spread(zero.astype(np.float64), blocks, codes.shape) if zero.size else np.zeros(1)
    low = -(1 << bits - 1)
    rules = tuple(Rule(f"torchao int{bits}, {how}", SAYS[how], partial(
        integers, bits=bits, blocks=blocks, how=how, wide=wide, shape=zero.shape if zero.size else None), True)
        for how in SAYS for wide in ((True, False) if kind == "float32" else (False,)))
    return Stored(weight, f"torchao int{bits}, scales {kind}", codes.shape, arrays, codes.astype(np.int16) - low,
                  Integers(low, -low - 1), step, rules, offset)


def bits_of(metadata: str, codes: np.ndarray, attribute: str) -> int:
    """Return the bits that are meant: as the metadata or the attribute say, and at least what the codes need."""
    try:
        said = json.loads(metadata)["_data"]["target_dtype"]["_data"]
    except (ValueError, KeyError, TypeError, RecursionError):  # no words of torchao about it
        said = attribute
    bits = int(said[3:]) if isinstance(said, str) and said in {f"int{n}" for n in range(2, 9)} else 8
    least, most = int(codes.min(initial=0)), int(codes.max(initial=0))
    return max(bits, (-least - 1).bit_length() + 1 if least < 0 else 1, most.bit_length() + 1)


def _fp8(source: Source, base: str, weight: str, value: Plain) -> Stored:
    kind, scale = numbers(base + "scale", source[base + "scale"].read())
    blocks = _blocks(base, value.shape, scale.shape)
    levels, ranks = levels_of(value.type)
    rule = Rule(f"torchao {value.type}", "scale = max|w| / largest number, in the source's type; codes w / scale, ties "
                "to even", partial(fp8, kind_of=value.type, blocks=blocks), True)
    return Stored(weight, f"torchao {value.type}, scales {kind}", value.shape,
                  {"codes": value.patterns, "scale": scale}, ranks[value.patterns], levels,
                  spread(scale.astype(np.float64), blocks, value.shape), (rule,))


def _nvfp4(source: Source, base: str, weight: str, packed: np.ndarray) -> Stored:
    raw = source[base + "scale"].read()
    shape = (packed.shape[0], packed.shape[1] * 2)
    columns = -(-shape[1] // 16)
    tiles = -(-shape[0] // 128), -(-columns // 4)
    if not isinstance(raw, Plain) or raw.type != "fp8_e4m3" or raw.patterns.size not in (
            shape[0] * columns, tiles[0] * tiles[1] * 512):
        raise CorruptError("path", f"tensor {base + 'scale'!r} has no scale of FP8 for each 16 numbers of {shape}")
    arrays: dict[str, np.ndarray] = {"codes": np.stack([packed & 15, packed >> 4], -1).reshape(shape)}
    if raw.patterns.size == shape[0] * columns:
        arrays["scale"] = raw.patterns.reshape(shape[0], columns)
    else:
        whole = raw.patterns.reshape(*tiles, 32, 4, 4).transpose(0, 3, 2, 1, 4).reshape(tiles[0] * 128, tiles[1] * 4)
        arrays["scale"], filler = whole[: shape[0], :columns].copy(), whole.copy()
        filler[: shape[0], :columns] = 0
        arrays["filler"] = filler
    levels, ranks = levels_of("fp4_e2m1")
    e4m3 = levels_of("fp8_e4m3")
    step = e4m3[0][e4m3[1]][arrays["scale"]]
    if base + "per_tensor_scale" in source:
        arrays["global scale"] = numbers(base, source[base + "per_tensor_scale"].read())[1].reshape(-1)[:1]
        step = step * arrays["global scale"].astype(np.float64)
    rule = Rule("torchao NVFP4", "global scale max|w| / 2688; scale = max|w of 16| / 6 / global scale as E4M3; codes w "
                "times (1 / global scale) / scale, ties to even", partial(nvfp4, arrays=arrays))
    return Stored(weight, "torchao NVFP4", shape, arrays, ranks[arrays["codes"]], levels,
                  np.repeat(step, 16, 1)[:, : shape[1]], (rule,))


def _blocks(name: str, shape: tuple[int, ...], scale: tuple[int, ...]) -> tuple[int, ...]:
    blocks = blocks_of(shape, scale)
    if blocks is None:
        raise CorruptError("path", f"tensor {name + 'qdata'!r} of shape {shape} has scales of shape {scale}")
    return blocks


# The rules --------------------------------------------------------------------------------------------------------

CODES = "codes w times the inverse of the scale, ties to even, in the source's type"
SAYS = {"symmetric": f"scale = max|w| / ((2^bits - 1) / 2); {CODES}",
        "symmetric without clipping": f"scale = min / -2^(bits - 1) or max / (2^(bits - 1) - 1), the larger; {CODES}",
        "asymmetric": f"scale = (max(w, 0) - min(w, 0)) / (2^bits - 1), zero point lowest - min / scale; {CODES}"}


def integers(w: np.ndarray, kind: str, *, bits: int, blocks: tuple[int, ...], how: str, wide: bool, shape
             ) -> Arrays | None:
    """Return codes and scales; wide : whether scales become float32 before codes are found, and are 2^-23 at least."""
    if not w.size or not np.isfinite(w).all():
        return None
    to = rounding(kind)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    least, most = np.minimum(reduced(np.minimum, w, blocks), 0), np.maximum(reduced(np.maximum, w, blocks), 0)
    if how == "symmetric":
        scale = to(np.maximum(-least, most) / f32((high - low) / 2))
    elif how == "asymmetric":
        scale = to(to(most - least) / f32(high - low))
    else:
        under, over = to(least / f32(low)), to(most / f32(high))
        scale = np.where(under > over, under, over)
    scale = np.maximum(scale, f32(2.0**-23) if wide else TINY[kind])
    zero = np.zeros_like(scale)
    if how == "asymmetric":
        zero = np.clip(to(low - np.rint(to(least / scale))), low, high)
    near = rounding("float32") if wide else to
    inverse = near(f32(1) / scale)
    steps = near(np.rint(near(w * spread(inverse, blocks, w.shape))) + spread(zero, blocks, w.shape))
    arrays = {"codes": np.clip(steps, low, high).astype(np.int8), "scale": scale}
    return arrays | ({} if shape is None else {"zero_point": zero.astype(np.int8).reshape(shape)})


def fp8(w: np.ndarray, kind: str, *, kind_of: str, blocks: tuple[int, ...]) -> Arrays | None:
    if not np.isfinite(w).all():
        return None
    top = f32(448 if kind_of == "fp8_e4m3" else 57344)
    scale = rounding(kind)(reduced(np.maximum, np.abs(w), blocks) / top)
    return {"codes": floats_encode(np.clip(w / spread(scale, blocks, w.shape), -top, top), kind_of), "scale": scale}


def nvfp4(w: np.ndarray, *, arrays: Arrays) -> Arrays | None:
    if not w.size or not np.isfinite(w).all() or w.shape[1] % 16:
        return None
    scale = np.abs(w).reshape(len(w), -1, 16).max(-1) / f32(6)
    given: dict[str, np.ndarray] = {}
    if "global scale" in arrays:
        given["global scale"] = whole = (np.abs(w).max() / f32(2688)).reshape(1)
        scale = scale / whole
    given["scale"] = floats_encode(np.clip(scale, f32(2.0**-6), f32(448)), "fp8_e4m3")
    levels, ranks = levels_of("fp8_e4m3")
    value = levels[ranks][given["scale"]].astype(np.float32)
    inverse = (f32(1) / whole if "global scale" in arrays else f32(1)) / value
    steps = np.clip(w * np.repeat(inverse, 16, 1), f32(-6), f32(6))
    if np.isnan(steps).any():
        return None
    given["codes"] = floats_encode(steps, "fp4_e2m1")
    return given | ({"filler": np.zeros_like(arrays["filler"])} if "filler" in arrays else {})
