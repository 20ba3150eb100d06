"""Which tensors of a checkpoint are the scales, zero points and codebooks of another one, by the names of its tools.

Files of safetensors, NumPy and PyTorch do not say it. A tool that quantizes puts such tensors beside the codes, under
the name of the layer and a suffix of its own. A suffix is believed only where codes stand beside it: layers of
normalisation have a parameter ``scale`` too.

**Source** the names as these tools write them: AutoGPTQ and AutoAWQ (qweight, qzeros, scales, g_idx),
compressed-tensors (weight_packed, weight_scale, weight_shape), bitsandbytes (absmax, quant_map, quant_state, SCB),
transformers' FP8 (weight_scale_inv), HQQ (W_q, scale, zero, nbits, shape), torchao (qdata, scale, zero_point).
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import replace

from ..widths import BITS
from .stored import Stored, layer_of

__all__ = ["with_roles"]

SUFFIXES = {
    **dict.fromkeys(("scale", "scales", "weight_scale", "weight_scales", "weight_scale_inv", "weight_scale_2",
                     "weight_global_scale", "input_scale", "input_global_scale", "output_scale", "absmax",
                     "nested_absmax", "SCB"), "scales"),
    **dict.fromkeys(("qzeros", "zeros", "zero", "zero_point", "zero_points", "weight_zero_point", "input_zero_point",
                     "output_zero_point", "nested_offset"), "zero points"),
    **dict.fromkeys(("quant_map", "nested_quant_map", "codebook", "codebooks", "lut", "lookup_table"), "codebooks"),
    **dict.fromkeys(("g_idx", "weight_g_idx"), "indices"),
    "weight_shape": "shapes",
    "shape": "shapes",
    "nbits": "metadata",
    "weight_format": "metadata",
}
STATE = "quant_state.bitsandbytes__"  # JSON of bitsandbytes: block sizes, types and shapes
PACKED = ("qweight", "weight_packed", "W_q", "qdata")
INTEGERS = {"int64": "<q", "int32": "<i"}  # of struct
WORD = 32  # bits of the integers that codes are packed in


def with_roles(tensors: Iterable[Stored]) -> list[Stored]:
    """Return the tensors with the roles that their names and their neighbours give them.

    A weight in packed codes stands for more numbers than it has elements: their bits follow from the shapes of its zero
    points or scales, or from its own shape, which a small tensor beside it holds and which is read for that.
    """
    tensors = list(tensors)
    layers: dict[str, dict[str, Stored]] = {}
    for tensor in tensors:
        layer, last = _split(tensor.name)
        layers.setdefault(layer, {})[last] = tensor
    codes = {layer: next((t for last, t in members.items() if _is_codes(last, t)), None)
             for layer, members in layers.items()}
    found = []
    for tensor in tensors:
        layer, last = _split(tensor.name)
        weight = codes[layer]
        if weight is None:
            found.append(replace(tensor, weight=tensor.name))
        elif weight is tensor:
            found.append(_codes(tensor, layers[layer]))
        else:
            role = "metadata" if last.startswith(STATE) else SUFFIXES.get(last)
            found.append(replace(tensor, role=role or "values", weight=weight.name if role else tensor.name))
    return found


def _split(name: str) -> tuple[str, str]:
    """Return the layer and the last part of a tensor's name; bitsandbytes writes "layer.weight.absmax"."""
    if STATE in name:
        head, _, tail = name.partition("." + STATE)
        return head.removesuffix(".weight"), STATE + tail
    layer = layer_of(name)
    last = name.removeprefix(layer)[1:] if layer != name else name
    if (last in SUFFIXES or last == "qdata") and layer.endswith(".weight"):
        layer = layer.removesuffix(".weight")
    return (layer, last) if layer != name else ("", name)


def _is_codes(last: str, tensor: Stored) -> bool:
    """Return whether a tensor can be codes: packed ones, or a weight of integers or of at most 8 bits."""
    if last in PACKED:
        return True
    return last in ("weight", "q_weight", "weight_quantized", "weight_int8") and (
        BITS.get(tensor.type, 8) <= 8)


def _codes(tensor: Stored, beside: dict[str, Stored]) -> Stored:
    """Return a weight of codes with how many numbers it stands for."""
    bits, numbers = _bits(tensor, beside) or (None, 0)
    if bits is None:
        return replace(tensor, weight=tensor.name)
    return replace(tensor, weight=tensor.name, numbers=numbers, bits=bits, type=f"{bits} bits in {tensor.type}")


def _bits(tensor: Stored, beside: dict[str, Stored]) -> tuple[int, int] | None:
    """Return the bits of a code and how many there are, where the tensors beside it say it; None where each element is
    one code."""
    zeros, scales, shape = beside.get("qzeros"), beside.get("scales"), beside.get("weight_shape")
    if zeros and scales and tensor.bits == WORD and len(zeros.shape) == len(scales.shape) == 2 and scales.shape[1]:
        bits, rest = divmod(WORD * zeros.shape[1], scales.shape[1])
        return (bits, tensor.numbers * WORD // bits) if not rest and bits in (2, 3, 4, 8) else None
    if any(last.startswith(STATE) for last in beside) and tensor.bits == 8:
        return 4, 2 * tensor.numbers
    if shape and tensor.bits == WORD and (sizes := _integers_of(shape)):
        *rows, columns = sizes
        return next(((bits, math.prod(rows) * columns) for words in (  # side by side, or whole codes in a word
            lambda bits: -(-columns * bits // WORD), lambda bits: -(-columns // (WORD // bits)))
            for bits in range(8, 0, -1) if (*rows, words(bits)) == tensor.shape), None)
    count = beside.get("nbits")
    if tensor.name.endswith("W_q") and count and (shape := beside.get("shape")):
        (bits, *_), sizes = (_integers_of(each) or [0] for each in (count, shape))
        return (bits, math.prod(sizes)) if 1 <= bits <= 8 and min(sizes) > 0 else None
    scale = beside.get("weight_scale")
    if scale and tensor.bits == 8 and tensor.name.endswith("weight_packed") and tensor.numbers in (
            8 * scale.numbers, 16 * scale.numbers):  # NVFP4 and MXFP4: a scale for 16 and for 32 numbers, two in a byte
        return 4, 2 * tensor.numbers
    return None


def _integers_of(tensor: Stored) -> list[int]:
    """Return the integers of a small tensor; none where it is large, or holds something else."""
    if tensor.pieces is None or tensor.nbytes > 64 or tensor.type not in INTEGERS:
        return []
    return [value for value, in struct.iter_unpack(INTEGERS[tensor.type], b"".join(tensor.pieces(64)))]
