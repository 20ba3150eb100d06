"""What makes nodes of ours of an ONNX node: a function for each operator, a file for each family.

CONVERTERS : the name of the operator, behind that of its domain where it is not ONNX's own -> the function. It reads
the attributes of the operator's opset, 7 and later, and adds nodes.

**Source** ONNX, operators and their changelog, versions 7 to 25.
"""

from collections.abc import Callable, Mapping

from ..names import SAME
from ..operator import Operator
from . import (
    attentions,
    composed,
    control,
    integer_products,
    norms,
    pointwise,
    pooling,
    products,
    quantized,
    recurrent,
    shapes,
    sizes,
)

__all__ = ["CONVERTERS"]


def same(operation: str) -> Callable[[Operator], None]:
    """Return the converter of an operator that takes what our operation takes, and has no attributes."""
    return lambda node: node.give(operation, *node.inputs)


CONVERTERS: Mapping[str, Callable[[Operator], None]] = {
    **{name: same(operation) for name, operation in SAME.items()}, **products.CONVERTERS, **pooling.CONVERTERS,
    **norms.CONVERTERS, **pointwise.CONVERTERS, **shapes.CONVERTERS,
    **quantized.CONVERTERS, **integer_products.CONVERTERS, **composed.CONVERTERS, **attentions.CONVERTERS,
    **recurrent.CONVERTERS, **sizes.CONVERTERS, **control.CONVERTERS,
}
