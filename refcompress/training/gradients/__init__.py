"""How each operation of a graph sends a gradient back, a file a family; GRADIENTS lists them all.

An operation that is neither in GRADIENTS nor in NOTHING has no gradient here; a network that needs it is refused.
"""

from collections.abc import Mapping

from . import (
    activations,
    attention,
    convolution,
    integers,
    linear,
    normalization,
    pointwise,
    pooling,
    recurrent,
    reductions,
    shapes,
)
from .row import Gradient

__all__ = ["GRADIENTS", "NOTHING", "Gradient"]

GRADIENTS: Mapping[str, Gradient] = {row.name: row for row in (
    *linear.ROWS, *convolution.ROWS, *pooling.ROWS, *normalization.ROWS, *activations.ROWS, *attention.ROWS,
    *recurrent.ROWS, *integers.ROWS, *pointwise.ROWS, *reductions.ROWS, *shapes.ROWS)}

# What these give does not change with the values that they take, or in steps alone: their gradient is nothing.
NOTHING = frozenset({"shape", "size", "constant_of_shape", "equal", "less", "greater", "both", "either", "not", "floor",
                     "ceil", "argmax"})
