"""Tensors as the float32 weights that schemes take, and what they lost when they come back."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..container import Layer
from ..errors import RefcompressError
from ..formats import MX, NF4, NVFP4, Packed, Plain, Quantized, is_array_format
from ..models.source import Value

__all__ = ["Comparison", "NotFinite", "decoded", "fits", "in_type", "nonzero", "weights_of"]

PART = 2**17  # elements of a matrix that are decoded at a time
NEGATIVE_ZERO = -(2**31)  # its pattern, as an int32
CHUNK = 2**15  # elements looked at at a time: their differences are float64, and stay in a near cache


class NotFinite(RefcompressError):
    """A tensor with an element that no lossy scheme takes: NaN, an infinity, or a number beyond float32."""

    reason = ""  # in a few words


def weights_of(value: Value, name: str, own: bool = False) -> np.ndarray:
    """Return a tensor of floats as float32 without -0.0; the array itself where it is such, so nobody writes to it.

    own : whether the array is nobody else's, so that -0.0 becomes +0.0 where it stands; before a refusal too.

    float16, bfloat16 and the narrower floats are float32 numbers; float64 is rounded. An element that is no finite
    float32 is refused, by its index.
    """
    if isinstance(value, Plain) and value.type == "bfloat16":  # its bits are the upper half of a float32's
        dense = np.left_shift(value.patterns, 16, dtype=np.uint32).view(np.float32)
    else:
        dense = value if isinstance(value, np.ndarray) else value.dense()
    with np.errstate(over="ignore", under="ignore"):
        w = dense.astype(np.float32, order="C", copy=False)
    flat = w.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        good = np.isfinite(part)
        if not good.all():
            where = np.unravel_index(start + int(np.argmin(good)), w.shape)
            element = [int(i) for i in where]
            error = NotFinite(f"tensor {name!r}, element {element}",
                              f"is {dense[where]}, and only finite float32 numbers can lose precision; the rule "
                              f"'{name}=lossless' keeps the tensor bit for bit")
            error.reason = f"element {element} is {dense[where]}"
            raise error
        if part.view(np.int32).min() == NEGATIVE_ZERO:  # the lowest pattern of all, as an integer
            if w is value and not own or not w.flags.writeable:
                w = w.copy()
                flat = w.reshape(-1)
                part = flat[start : start + CHUNK]
            part += np.float32(0)  # -0.0 becomes +0.0
    return w


def relative(changes: float, squares: float) -> float:
    if changes == squares:
        return 1.0 if squares else 0.0
    return math.sqrt(changes / squares) if squares else math.inf


@dataclass
class Comparison:
    """What weights lost: the sums of the squared changes and of the squares, how many are not zero, and whether all are
    numbers of the type that they had."""

    changes: float = 0.0
    squares: float = 0.0
    kept: int = 0
    fits: bool = True

    @classmethod
    def of(cls, w: np.ndarray, layer: Layer, operation: Callable[[str], Callable], type: str) -> "Comparison":
        """Compare weights with what a layer stands for, a part of a matrix in memory at a time."""
        found, flat, start = cls(), w.reshape(-1), 0
        for part in parts_of(layer, operation):
            # Each part but the last is a multiple of CHUNK elements; so the sums are those of the whole, bit for bit.
            found.add(operation("quantize_changes")(flat[start : start + part.size], part.reshape(-1)))
            found.kept += nonzero(part)
            found.fits = found.fits and type != "float32" and fits(part, type)
            start += part.size
        return found

    def add(self, sums: np.ndarray) -> None:
        """Add what quantize_changes says of some weights, one part after the other."""
        for changes, squares in sums.tolist():
            self.changes += changes
            self.squares += squares

    @property
    def error(self) -> float:
        return relative(self.changes, self.squares)


def parts_of(layer: Layer, operation: Callable[[str], Callable]) -> Iterator[np.ndarray]:
    """Yield the array that a layer stands for: of a large matrix of integers some rows at a time."""
    if isinstance(layer, Packed):
        layer = operation("quantize_unpack")(layer)
    if not isinstance(layer, Quantized) or layer.values.ndim != 2:
        yield decoded(layer, operation)
        return
    rows, columns = layer.values.shape
    step = CHUNK // math.gcd(columns, CHUNK)
    step *= max(1, PART // max(1, step * columns))
    for begin in range(0, rows, step):
        values, scale, zero_point = (a[begin : begin + step] if len(a) == rows else a
                                     for a in (layer.values, layer.scale, layer.zero_point))
        yield decoded(Quantized(values, scale, zero_point, layer.group), operation)


DECODERS = {NF4: "floats_nf4_decode", MX: "floats_mx_decode", NVFP4: "floats_nvfp4_decode"}


def decoded(layer: Layer, operation: Callable[[str], Callable]) -> np.ndarray:
    """Return the array that a layer stands for, by the operation that decodes it, where there is one: it is lean."""
    if isinstance(layer, np.ndarray):
        return layer
    if isinstance(layer, Packed):
        layer = operation("quantize_unpack")(layer)
    if isinstance(layer, Quantized):
        return operation("dequantize_s8" if layer.values.dtype == np.int8 else "dequantize_s16")(layer)
    name = DECODERS.get(type(layer))
    assert is_array_format(layer)  # a graph is no tensor's layer
    return layer.dense() if name is None else operation(name)(layer)


def nonzero(a: np.ndarray) -> int:
    """Return the number of elements that are not zero."""
    flat = a.reshape(-1)  # booleans are counted four times as fast as floats
    return sum(int(np.count_nonzero(flat[start : start + CHUNK] != 0)) for start in range(0, flat.size, CHUNK))


def fits(w: np.ndarray, type: str) -> bool:
    """Return whether every number of a float32 array is one of another type of float: the same, bit for bit.

    All are float64. Of bfloat16 and float16 a conversion there and back decides; of other types none is asked.
    """
    if type == "float64":
        return True
    flat = np.ascontiguousarray(w).reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        bits = part.view(np.uint32)
        if type == "bfloat16":
            same = not (bits & 0xFFFF).any()
        elif type == "float16":
            with np.errstate(over="ignore", under="ignore"):
                same = np.array_equal(part.astype(np.float16).astype(np.float32).view(np.uint32), bits)
        else:
            same = False
        if not same:
            return False
    return True


def in_type(w: np.ndarray, type: str) -> Value:
    """Return a float32 array in a type that it fits (see :func:`fits`)."""
    if type == "bfloat16":
        return Plain((np.ascontiguousarray(w).view(np.uint32) >> 16).astype(np.uint16), "bfloat16")
    return w.astype(type)
