"""An addition behind a product is its bias."""

from ...formats import Node
from ..model import Model
from .editing import Editing, rewritten

__all__ = ["with_biases"]


def with_biases(model: Model) -> Model:
    """Return the model with additions of vectors behind "linear", "conv" and "conv_transposed" as their biases.

    The outputs are the same bit for bit where the bias is one addition in float32 behind the product. "conv_transposed"
    and convolutions of three axes add it in float64: there one rounding goes. The bias of a convolution that stands as
    (1, m, 1, 1) becomes (m,), under its name.
    """
    return rewritten(model, bias)


def bias(editing: Editing) -> None:
    for node in editing.each("add"):
        for product, vector in (node.inputs, node.inputs[::-1]):
            before = editing.giver(product, "linear", "conv", "conv_transposed")
            if before is None or len(before.inputs) > 2 or editing.only_user(product) is None:
                continue
            if _fits(editing, before, vector):
                editing.replace([before, node], Node(before.operation, (*before.inputs, vector), node.outputs,
                                                     before.attributes, before.name))
                break


def _fits(editing: Editing, product: Node, vector: str) -> bool:
    """Return whether a tensor is a bias of a product, one number an output; give it the shape (m,) where it is one."""
    value, y = editing.constant(vector), editing.known(product.outputs[0]).shape
    if value is None or value.dtype.name != "float32" or y is None:
        return False
    axis = len(y) - 1 if product.operation == "linear" else 1
    m = y[axis]
    if not isinstance(m, int) or value.size != m or value.ndim > len(y):
        return False
    if value.shape == (m,) and axis == len(y) - 1:
        return True
    if (1,) * (len(y) - value.ndim) + value.shape != tuple(m if i == axis else 1 for i in range(len(y))):
        return False
    if not editing.is_single(vector):
        return False
    editing.change(vector, value.reshape(m))
    return True
