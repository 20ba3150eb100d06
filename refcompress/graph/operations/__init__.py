"""Every operation of a graph as a NumPy function, a file a family; ROWS lists them all."""

from . import activations, convolution, integer_products, integers, linear, pointwise, pooling, shapes
from .row import REQUIRED, Operation

__all__ = ["REQUIRED", "ROWS", "Operation"]

ROWS: tuple[Operation, ...] = (
    *linear.ROWS, *convolution.ROWS, *pooling.ROWS, *activations.ROWS, *pointwise.ROWS, *shapes.ROWS,
    *integers.ROWS, *integer_products.ROWS,
)
