"""Our own files: each format is made again by the reference's operation, with the options that the format shows."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ... import reference
from ...errors import RefcompressError
from ...formats import MX, NF4, NVFP4, GGMLBlocks, Packed, Plain, Quantized, QuantizedLayer, Shared
from ...formats.arranged import Arrangement
from ...formats.base import expand
from ...formats.floats import E8M0_BIAS, MX_BLOCK, MX_ELEMENTS, NF4_LEVELS
from ...formats.nvfp4 import NVFP4_BLOCK
from ...formats.quantized import bits_of
from ..limits import check_dense
from . import gguf, own_schemes
from .stored import Arrays, Integers, Rule, Stored
from .types import levels_of

__all__ = ["parts_of", "reading_of"]


def parts_of(name: str, value) -> dict[str, object]:
    """Return the tensors that an entry of a file stands for."""
    if isinstance(value, QuantizedLayer):
        parts: dict[str, object] = {f"{name}.weight": value.weight}
        return parts if value.bias is None else parts | {f"{name}.bias": value.bias}
    return {name: value}


def reading_of(name: str, value, limit: int, arrangement: Arrangement | None = None,
               implementation: object = reference) -> list[Stored] | np.ndarray | Plain:
    """Return a tensor of a file of ours as fields, or its numbers where it is not quantized.

    limit : the most bytes that its numbers may have as float32. arrangement : how the numbers become the tensor, where
    they lie otherwise. implementation : the namespace whose operations make it again
    """
    check_dense(name, math.prod(value.shape), limit)
    found = _stored(name, value, own_schemes.rules_of(value, implementation))
    if found is None:
        dense = value if isinstance(value, np.ndarray | Plain) else value.dense()
        return dense if arrangement is None or isinstance(dense, Plain) else arrangement(dense)
    return [found if arrangement is None else replace(found, shape=arrangement.target,
                                                      arranged=partial(_turned, arrangement, found.ranks.shape))]


def _stored(name: str, value, again: tuple[Rule, ...]) -> Stored | None:
    """Return a tensor as fields; None for one that is as it was. again : the rules by which our schemes make it."""
    for kind, stored_of in FORMATS.items():
        found = stored_of(name, value) if isinstance(value, kind) else None
        if found is not None:
            return replace(found, arrays=own_schemes.arrays_of(value), rules=again) if again else found
    return own_schemes.made_again(name, value, again, own_schemes.arrays_of(value)) if again else None


def _turned(arrangement: Arrangement, shape: tuple[int, ...], w: np.ndarray) -> np.ndarray:
    """Return the numbers of a tensor as its layer has them: what undoes the arrangement."""
    return np.ascontiguousarray(w.transpose(np.argsort(arrangement.axes))).reshape(shape)


def made(operation: Callable, fields: dict[str, str], **options) -> Callable[[np.ndarray], Arrays | None]:
    """Return a rule: an operation's result as arrays; fields : name in a report -> name in the format."""
    def arrays(w: np.ndarray) -> Arrays | None:
        try:
            result = operation(w, **options)
        except RefcompressError:  # what the operation does not take, such as NaN, it has not made
            return None
        return {said: np.asarray(getattr(result, field)) for said, field in fields.items()}

    return arrays


def fields_of(value, fields: dict[str, str]) -> dict[str, np.ndarray]:
    return {said: np.asarray(getattr(value, field)) for said, field in fields.items()}


def quantized(name: str, q: Quantized) -> Stored:
    fields = {"codes": "values", "scale": "scale", "zero_point": "zero_point"}
    step, zero = (np.broadcast_to(q.expand(a.astype(np.float64)), q.shape) for a in (q.scale, q.zero_point))
    bits = bits_of(q.values)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    axes = [i for i, size in enumerate(q.scale.shape) if size > 1] if q.group is None else []
    shared = {"group": q.group} if q.group is not None else {"axis": axes[0] if axes else None}
    rules = []
    for scheme in ("symmetric", "affine"):
        for width in range(bits, 9) if q.values.dtype == np.int8 and len(axes) < 2 else ():
            rules.append(Rule(f"quantize_s8, {width} bits, {scheme}", RANGE[scheme], made(
                reference.quantize_s8, fields, bits=width, scheme=scheme, **shared)))
    return Stored(name, q.describe(), q.shape, fields_of(q, fields), q.values.astype(np.int32) - low,
                  Integers(low, high), step, tuple(rules), -step * zero)


RANGE = {"symmetric": "scale = max|w| / (2^(bits - 1) - 1); codes w / scale, ties to even",
         "affine": "scale = (max(w, 0) - min(w, 0)) / (2^bits - 1), zero point lowest - min / scale; codes w / scale + "
                   "zero point, ties to even"}


def packed(name: str, p: Packed) -> Stored:
    return quantized(name, reference.quantize_unpack(p))


def shared(name: str, value: Shared) -> Stored | None:
    if value.codebook.ndim != 1 or not value.codebook.size:
        return None
    levels, ranks = np.unique(value.codebook.astype(np.float64), return_inverse=True)
    return Stored(name, value.describe(), value.shape, {"codes": value.codes}, ranks[value.codes], levels, np.ones(1),
                  ())


def mx(name: str, value: MX) -> Stored:
    fields = {"codes": "codes", "scale": "scales"}
    step = np.ldexp(1.0, expand(value.scales, value.shape, MX_BLOCK).astype(np.int32) - E8M0_BIAS)
    rule = Rule(f"floats_mx_encode, {value.format}", "exponent floor(log2 max|w|) less that of the largest element; "
                "codes w / scale, ties to even", made(reference.floats_mx_encode, fields, format=value.format))
    element = MX_ELEMENTS[value.format]
    if element is None:
        levels, ranks = np.arange(-128, 128) / 64, value.codes.astype(np.int16) + 128
    else:
        levels, of_code = levels_of(element.name)
        ranks = of_code[value.codes]
    return Stored(name, value.describe(), value.shape, fields_of(value, fields), ranks, levels, step, (rule,))


def nf4(name: str, value: NF4) -> Stored:
    fields = {"codes": "codes", "scale": "scales"}
    rule = Rule("floats_nf4_encode", "scale = max|w| of a block; the nearest level to w / scale",
                made(reference.floats_nf4_encode, fields, block=value.block))
    return Stored(name, value.describe(), value.shape, fields_of(value, fields), value.codes.astype(np.int16),
                  NF4_LEVELS.astype(np.float64), expand(value.scales.astype(np.float64), value.shape, value.block),
                  (rule,))


def nvfp4(name: str, value: NVFP4) -> Stored:
    fields = {"codes": "codes", "scale": "scales", "global scale": "tensor_scale"}
    levels, ranks = levels_of("fp4_e2m1")
    scales, of_code = levels_of("fp8_e4m3")
    step = expand(scales[of_code][value.scales] * float(value.tensor_scale), value.shape, NVFP4_BLOCK)
    rule = Rule("floats_nvfp4_encode", "tensor scale max|w| / 2688; scale = max|w of 16| / 6 / tensor scale as E4M3; "
                "codes w / (scale * tensor scale), ties to even", made(reference.floats_nvfp4_encode, fields))
    return Stored(name, value.describe(), value.shape, fields_of(value, fields), ranks[value.codes], levels, step,
                  (rule,))


FORMATS: dict[type, Callable] = {Quantized: quantized, Packed: packed, Shared: shared, MX: mx, NF4: nf4, NVFP4: nvfp4,
                                 GGMLBlocks: gguf.stored_of}
