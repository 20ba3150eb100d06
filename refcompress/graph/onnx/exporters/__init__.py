"""What makes ONNX nodes of a node of ours: a function for each operation, a file for each family.

EXPORTERS : the name of an operation -> the function of an Export and the node.

**Source** ONNX, operators of opset 20, and of the later one that ``emit`` is told.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ....formats import Node
from ..names import SAME
from . import control, integers, norms, pointwise, products, recurrent, shapes

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def same(operator: str) -> "Callable[[Export, Node], None]":
    """Return the exporter of an operation that takes what the operator takes, and has no attributes."""
    return lambda export, node: export.emit(operator, node.inputs, node.outputs, node)


EXPORTERS: "Mapping[str, Callable[[Export, Node], None]]" = {
    **{operation: same(operator) for operator, operation in SAME.items()}, **products.EXPORTERS, **norms.EXPORTERS,
    **pointwise.EXPORTERS, **shapes.EXPORTERS, **recurrent.EXPORTERS, **integers.EXPORTERS, **control.EXPORTERS,
}
