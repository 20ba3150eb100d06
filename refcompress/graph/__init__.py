"""Networks: a graph of operations, and the arrays and compressed layers that it takes.

A :class:`Model` is a ``formats.Graph`` with its tensors. ``OPERATIONS`` lists what a node may be: each is a NumPy
function with its contract in ``graph/operations/``; its products, and what else has a kernel, are asked for by name, so
that the reference and the C kernels run the same graph.
"""

from .builder import Builder
from .drawing import draw
from .model import Model
from .table import OPERATIONS, Operation

__all__ = ["OPERATIONS", "Builder", "Model", "Operation", "draw"]
