"""Every operation of a graph as a NumPy function, a file a family; ROWS lists them all."""

from . import (
    activations,
    attention,
    control,
    convolution,
    integer_products,
    integer_scaled,
    integers,
    linear,
    norms,
    parts,
    pointwise,
    pooling,
    recurrent,
    reductions,
    resize,
    shapes,
    transposed,
)
from .row import REQUIRED, Operation

__all__ = ["REQUIRED", "ROWS", "Operation"]

ROWS: tuple[Operation, ...] = tuple(row for family in (
    linear, convolution, transposed, pooling, norms, activations, attention, recurrent, pointwise, reductions, shapes,
    parts, resize, control, integers, integer_products, integer_scaled) for row in family.ROWS)
