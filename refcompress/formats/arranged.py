"""Layers whose numbers lie in another order than those of the tensor they were made of, and how they go back.

Groups, blocks, N:M and factors run over the rows of a matrix of outputs by all else. Weights that lie otherwise (the
kernels of Keras, the Conv1D of GPT-2) are turned before, and the file's metadata says how to turn the result back.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .base import ArrayFormat, Format

__all__ = ["Arranged", "Arrangement"]


@dataclass(frozen=True)
class Arrangement:
    """How a layer's numbers become a tensor: ``layer.reshape(shape).transpose(axes)``."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]

    def __post_init__(self):
        shape = arguments.shape(self.shape)
        axes = tuple(arguments.integer(axis, f"axes[{i}]", 0, len(shape) - 1) for i, axis in enumerate(self.axes))
        if sorted(axes) != list(range(len(shape))):
            raise RefcompressError("axes", f"must name each of the {len(shape)} axes once, not {list(axes)}")
        arguments.settle(self, shape=shape, axes=axes)

    @property
    def target(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return tuple(self.shape[axis] for axis in self.axes)

    def __call__(self, a: np.ndarray) -> np.ndarray:
        """Return the numbers of a layer as the tensor, in C order."""
        return np.ascontiguousarray(a.reshape(self.shape).transpose(self.axes))


@dataclass(frozen=True, eq=False, repr=False)
class Arranged(Format):
    """A layer of a file, and how its numbers are arranged in the tensor that it stands for."""

    layer: np.ndarray | ArrayFormat
    arrangement: Arrangement

    def __post_init__(self):
        if math.prod(self.layer.shape) != math.prod(self.arrangement.shape):
            raise RefcompressError("arrangement", f"a layer {self.layer.shape} is no {self.arrangement.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.arrangement.target

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(getattr(self.layer, "dtype", np.float32))

    def dense(self) -> np.ndarray:
        layer = self.layer
        return self.arrangement(layer if isinstance(layer, np.ndarray) else layer.dense())

    def describe(self) -> str:
        layer = self.layer
        said = f"array, {layer.dtype.name}" if isinstance(layer, np.ndarray) else layer.describe()
        return f"{said}, axes {'x'.join(map(str, self.arrangement.axes))}"

    def operand(self, operation: Callable[[str], Callable]) -> Format:
        return self
