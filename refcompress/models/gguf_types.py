"""Weights as another type of a GGUF file: what is written by its own rules, and only where it is asked for by name."""

from dataclasses import replace
from functools import partial

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import FLOATS, GGML_TYPES, GGMLBlocks, Plain, Quantized
from ..reference import floats_encode, ggml_encode
from .gguf_header import nbytes_of
from .source import Tensor, Value

__all__ = ["TARGETS", "as_type", "q8_0_of"]

TARGETS = ("float32", "float16", "bfloat16", "Q8_0", "Q4_0")


def as_type(tensor: Tensor, kind: str) -> Tensor:
    """Return the tensor as one of TARGETS, converted when it is read.

    Floats are rounded to nearest, with ties to even. Q8_0 and Q4_0 are made as ggml makes them (:func:`ggml_encode`). A
    Quantized that Q8_0 can hold becomes that without loss (:func:`q8_0_of`), and blocks of the type stay as they are.

    Raises RefcompressError, by the tensor's name, for a shape that the type cannot have; when it is read for what is
    not of floats, for NaN and infinities in blocks, and for a number that becomes infinite.
    """
    kind = arguments.choice(kind, "kind", TARGETS)
    try:
        nbytes = nbytes_of(kind, tensor.shape)
    except RefcompressError as error:
        raise RefcompressError(f"tensors[{tensor.name!r}]", error.rule) from None
    return replace(tensor, type=kind, nbytes=nbytes, read=partial(_converted, tensor, kind), place=None)


def q8_0_of(q: Quantized) -> GGMLBlocks | None:
    """Return the same numbers as blocks of Q8_0; None where they are not of 8 bits, in groups of 32, symmetric and with
    scales that are float16.

    >>> import numpy as np
    >>> from refcompress import quantize_s8
    >>> q = quantize_s8(np.eye(2, 64, dtype=np.float32) * 127, group=32)
    >>> np.array_equal(q8_0_of(q).dense(), q.dense())
    True
    """
    block = GGML_TYPES["Q8_0"]
    if q.group != block.numbers or q.values.dtype != np.int8 or q.zero_point.any() or q.shape[-1] % block.numbers:
        return None
    scales = np.broadcast_to(q.scale, (*q.shape[:-1], q.shape[-1] // block.numbers)) if q.values.ndim <= 2 else q.scale
    values = q.values.reshape(-1, block.numbers).view(np.uint8)
    with np.errstate(over="ignore", under="ignore"):
        halves = scales.reshape(-1, 1).astype("<f2")
    if len(halves) != len(values) or not np.array_equal(halves.astype(np.float32), scales.reshape(-1, 1)):
        return None
    return GGMLBlocks(np.concatenate([halves.view(np.uint8), values], axis=1), block.name, q.shape)


def _converted(tensor: Tensor, kind: str) -> Value:
    """Return what the tensor reads, as that type."""
    argument, value = f"tensors[{tensor.name!r}]", tensor.read()
    if isinstance(value, GGMLBlocks) and value.type == kind:
        return value
    if isinstance(value, Quantized) and kind == "Q8_0" and (blocks := q8_0_of(value)) is not None:
        return blocks
    a = value if isinstance(value, np.ndarray) else value.dense()
    if a.dtype.kind != "f":
        raise ArgumentTypeError(argument, f"must be of floats to be written as {kind}, not of {tensor.type}")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        x = a.astype(np.float32, copy=False)
        arguments.each(a, argument, np.isfinite(x) | ~np.isfinite(a), "becomes infinite as float32: it is too large")
    if kind == "float32":
        return x
    if kind in FLOATS:
        return _narrow(x, kind, argument)
    try:
        return ggml_encode(x, kind)
    except RefcompressError as error:
        raise RefcompressError(argument + error.argument.removeprefix("x"), error.rule) from None


def _narrow(x: np.ndarray, kind: str, argument: str) -> Value:
    """Return float32 as float16 or bfloat16."""
    codes = Plain(floats_encode(x, kind, overflow="format"), kind)
    finite = np.isfinite(codes.dense()) | ~np.isfinite(x)
    arguments.each(x, argument, finite, f"becomes infinite as {kind}: it is too large")
    return codes.dense() if kind == "float16" else codes
