"""A weight that was packed beforehand for the product that multiplies by it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from .base import ArrayFormat, Format, is_array_format

__all__ = ["Prepared", "unprepared"]


@dataclass(frozen=True, eq=False, repr=False)
class Prepared(Format):
    """A weight, and what the kernels of one product packed of it: ``native.prepare`` makes it.

    weight : an array or a format of one. operation : the name of the product. packing : None where the product reads
    the weight as it is stored; else what was packed (weight, operand, nbytes), which no one but its kernels reads.

    The product takes it in place of the weight, and gives the same bits. It stands for the array that the weight stands
    for, and two of them are equal if their weights are and their products. A container stores the weight alone; what
    comes out of a pickle or of ``copy.deepcopy`` is packed again.
    """

    weight: np.ndarray | ArrayFormat
    operation: str
    packing: Any = None

    def __post_init__(self):
        weight, packing = self.weight, self.packing
        if not (isinstance(weight, np.ndarray) or is_array_format(weight)) or isinstance(weight, Prepared):
            raise ArgumentTypeError("weight", f"must be an array or a format of one, not {type(weight).__name__}")
        if not isinstance(self.operation, str):
            raise ArgumentTypeError("operation", f"must be a string, not {type(self.operation).__name__}")
        if isinstance(weight, np.ndarray):
            self._set("weight", arguments.array(weight, "weight", weight.dtype.newbyteorder("=")))
        if packing is not None and getattr(packing, "weight", None) is not self.weight:
            raise RefcompressError("packing", "must be of this weight")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.weight.shape

    @property
    def dtype(self) -> np.dtype:
        return self.weight.dtype

    @property
    def product(self) -> str:
        return self.operation

    @property
    def taken(self) -> Any:
        """What the product takes in place of the weight: the weight, or what was made of it."""
        return self.weight if self.packing is None else self.packing.operand

    def dense(self) -> np.ndarray:
        return self.weight if isinstance(self.weight, np.ndarray) else self.weight.dense()

    def operand(self, operation: Callable[[str], Callable]) -> Format:
        return self

    @property
    def packed_bytes(self) -> int:
        """The bytes of memory that the packing takes beside the weight."""
        return 0 if self.packing is None else self.packing.nbytes

    @property
    def nbytes(self) -> int:
        """The bytes of the weight and of its packing."""
        return self.weight.nbytes + self.packed_bytes

    def describe(self) -> str:
        weight = self.weight
        said = f"array, {weight.dtype.name}" if isinstance(weight, np.ndarray) else weight.describe()
        how = "decoded" if isinstance(self.taken, np.ndarray) and not isinstance(weight, np.ndarray) else "packed"
        cost = f"{how}, {self.packed_bytes:,} bytes more" if self.packed_bytes else "read as it is stored"
        return f"{said}; for {self.operation} {cost}"

    def __repr__(self) -> str:
        weight = "array" if isinstance(self.weight, np.ndarray) else type(self.weight).__name__
        return (f"Prepared(shape={self.shape!r}, weight={weight}, operation={self.operation!r}, "
                f"packed_bytes={self.packed_bytes}, nbytes={self.nbytes}{self._bits(', {:.2f} bits a weight')})")

    def _fields(self):
        yield "weight", self.weight
        yield "operation", self.operation

    def __reduce__(self):
        again = Prepared if self.packing is None else self.packing.again
        return again, (self.weight, self.operation)


def unprepared(weight: Any) -> Any:
    """Return what a product takes in place of a Prepared; any other weight as it is."""
    return weight.taken if isinstance(weight, Prepared) else weight
