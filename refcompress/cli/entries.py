"""The entries of a file for a person: in words, in bytes, and as the arrays that they stand for."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ..container import Layer
from ..formats import ArrayFormat, Graph, QuantizedLayer
from .refusals import Refused
from .show import printable, some

__all__ = ["Decoded", "decoded", "left_out"]


class Decoded(NamedTuple):
    """An array that an entry stands for, before it is decoded."""

    shape: tuple[int, ...]
    nbytes: int
    array: Callable[[], np.ndarray]


def decoded(layers: Mapping[str, Layer]) -> dict[str, Decoded]:
    """Return by name what the entries stand for; a layer is "<name>.weight" and, if it has one, "<name>.bias". A graph
    stands for none.

    Nothing is decoded yet: an entry of few bytes may stand for an array of any size.
    """
    found: dict[str, Decoded] = {}
    for name, value in layers.items():
        if isinstance(value, Graph):
            continue
        if isinstance(value, QuantizedLayer):
            parts = {f"{name}.weight": _of_format(value)}
            if value.bias is not None:
                parts[f"{name}.bias"] = _of_array(value.bias)
        else:
            parts = {name: _of_array(value) if isinstance(value, np.ndarray) else _of_format(value)}
        for part, what in parts.items():
            if part in found:
                raise Refused(f"array {printable(part)}", f"comes twice: entry {printable(name)} stands for it too")
            found[part] = what
    return found


def _of_format(value: ArrayFormat) -> Decoded:
    """Return what a format stands for: what is kept bit for bit has the bytes that it had, all else is float32."""
    nbytes = value.nbytes if hasattr(value, "type") else 4 * math.prod(value.shape)
    return Decoded(value.shape, nbytes, value.dense)


def _of_array(value: np.ndarray) -> Decoded:
    return Decoded(value.shape, value.nbytes, lambda: value)


def left_out(layers: Mapping[str, Layer]) -> list[str]:
    """Return, as warnings, what the entries say and the arrays that they stand for do not."""
    names = [name for name, value in layers.items()
             if isinstance(value, QuantizedLayer) and value.input_bits is not None]
    if not names:
        return []
    return [f"the arrays take inputs of float32, and the layers round them to few bits: {some(names, 'layers')}"]
