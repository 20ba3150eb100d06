"""The files of GPTQ and AWQ: integers in words of 32 bits, zero points packed the same way, a scale a group of inputs.

    GPTQ  qweight (inputs * bits / 32, outputs)   the codes of a column follow each other, low bits first
    AWQ   qweight (inputs, outputs * bits / 32)   the codes of a row; of the 8 in a word 0, 2, 4, 6 come first
    both  qzeros (groups, outputs * bits / 32), scales (groups, outputs), and perhaps g_idx, the group of each input

Files do not say whether zero points are stored as they are or less 1, or in which order a writer packed a word. Each
reading is tried: a wrong one lies a step away from the source, or anywhere. Neither tool chooses the nearest codes, and
AWQ scales inputs before it rounds, so a source fits only where that was undone.

**Source** AutoGPTQ (qlinear_cuda.py, pack), GPTQModel ("gptq" and "gptq_v2"), AutoAWQ (gemm.py).
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from ...errors import CorruptError
from ...models import Source
from .compressed_tensors import numbers, unpacked
from .stored import Integers, Site, Stored

__all__ = ["sites_of"]

INTERLEAVED = np.argsort([0, 2, 4, 6, 1, 3, 5, 7])  # where in a word of AWQ the codes 0 to 7 lie


def sites_of(source: Source) -> Iterator[Site]:
    """Yield the layers of a file in the layout of GPTQ or AWQ."""
    for name in source:
        base = name.removesuffix("qweight")
        if name.endswith("qweight") and {base + "qzeros", base + "scales"} <= source.keys():
            uses = tuple(base + end for end in ("qweight", "qzeros", "scales", "g_idx") if base + end in source)
            yield Site(base + "weight", uses, partial(_readings, source, base))


def _readings(source: Source, base: str) -> list[Stored]:
    words, zeros = (np.asarray(source[base + end].read()) for end in ("qweight", "qzeros"))
    _, scale = numbers(base + "scales", source[base + "scales"].read())
    if words.dtype != np.int32 or zeros.dtype != np.int32 or words.ndim != 2 or zeros.ndim != 2 or scale.ndim != 2 \
            or not scale.size or len(zeros) != len(scale):
        raise CorruptError("path", f"tensor {base + 'qweight'!r}: words, zero points and scales must be matrices, of "
                                   "int32, int32 and floats")
    groups, outputs = scale.shape
    bits, rest = divmod(zeros.shape[1] * 32, outputs)
    if rest or not 2 <= bits <= 8:
        raise CorruptError("path", f"tensor {base + 'qzeros'!r} of shape {zeros.shape} has no zero points of 2 to 8 "
                                   f"bits for {outputs} outputs")
    points = unpacked(zeros, bits, outputs).astype(np.int16)
    if words.shape[1] == outputs:
        inputs = words.shape[0] * 32 // bits
        codes = unpacked(words.T, bits, inputs)
        readings = [("GPTQ", "zero points are stored less 1", codes, points + 1),
                    ("GPTQ", "zero points are stored as they are", codes, points)]
    elif words.shape[1] == zeros.shape[1] and bits == 4:
        inputs = words.shape[0]
        codes = unpacked(words, bits, outputs)
        mixed = [a.reshape(len(a), -1, 8)[:, :, INTERLEAVED].reshape(len(a), -1) for a in (codes, points)]
        readings = [("AWQ", "codes 0, 2, 4, 6, 1, 3, 5, 7 in a word", mixed[0].T, mixed[1]),
                    ("AWQ", "codes in order in a word", codes.T, points)]
    else:
        raise CorruptError("path", f"tensor {base + 'qweight'!r} of shape {words.shape} fits no {outputs} outputs at "
                                   f"{bits} bits")
    group = _groups(source, base, inputs, groups)
    step = scale.T.astype(np.float64)[:, group]
    return [Stored(base + "weight", f"{tool}, {bits} bits", (outputs, inputs), {"codes": np.ascontiguousarray(codes)},
                   codes.astype(np.int16), Integers(0, (1 << bits) - 1), step, (), -step * zero.T[:, group],
                   reading=said, ends=int(tool == "AWQ")) for tool, said, codes, zero in readings]


def _groups(source: Source, base: str, inputs: int, groups: int) -> np.ndarray:
    """Return the group of each input."""
    if base + "g_idx" not in source:
        if inputs % groups:
            raise CorruptError("path", f"tensor {base + 'scales'!r} has {groups} groups for {inputs} inputs")
        return np.arange(inputs) // (inputs // groups)
    index = np.asarray(source[base + "g_idx"].read())
    if index.shape != (inputs,) or index.dtype.kind != "i" or inputs and not 0 <= index.min() <= index.max() < groups:
        raise CorruptError("path", f"tensor {base + 'g_idx'!r} does not say which of {groups} groups each of {inputs} "
                                   "inputs has")
    return index
