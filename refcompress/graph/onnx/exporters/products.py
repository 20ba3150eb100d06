"""linear, matmul, embedding, convolutions and pools."""

from typing import TYPE_CHECKING, Any

from ....formats import Node
from ...attributes import attributes_of

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def linear(export: "Export", node: Node) -> None:
    """Gemm for a matrix of inputs; else MatMul and Add, with a Transpose of the weight where it is (m, k)."""
    x, weight, *bias = node.inputs
    transposed = attributes_of(node).get("transposed", False)
    shape = export.known(x).shape
    if shape is not None and len(shape) == 2:
        return export.emit("Gemm", node.inputs, node.outputs, node, transB=int(not transposed))
    if not transposed:
        turned = export.between(node, "transposed")
        export.emit("Transpose", [weight], [turned], node, part="/Transpose", perm=[1, 0])
        weight = turned
    if not bias:
        return export.emit("MatMul", [x, weight], node.outputs, node)
    product = export.between(node, "product")
    export.emit("MatMul", [x, weight], [product], node, part="/MatMul")
    export.emit("Add", [product, *bias], node.outputs, node)


def embedding(export: "Export", node: Node) -> None:
    indices, weight = node.inputs
    export.emit("Gather", [weight, indices], node.outputs, node, axis=0)


def window(node: Node) -> dict[str, Any]:
    """Return strides, pads, dilations and the kernel of a node as ONNX's attributes."""
    attributes = attributes_of(node)
    found: dict[str, Any] = {name: list(attributes[name]) for name in ("strides", "dilations") if attributes.get(name)}
    pads = attributes.get("pads", ())
    if isinstance(pads, str):
        found["auto_pad"] = pads.upper()
    elif pads:
        found["pads"] = list(pads)
    for ours, name in (("kernel", "kernel_shape"), ("output_pads", "output_padding"), ("output_sizes", "output_shape")):
        if attributes.get(ours):
            found[name] = list(attributes[ours])
    for ours, name in (("groups", "group"), ("ceil", "ceil_mode"), ("count_include_pad", "count_include_pad")):
        if ours in attributes:
            found[name] = int(attributes[ours])
    return found


def windowed(operator: str):
    return lambda export, node: export.emit(operator, node.inputs, node.outputs, node, **window(node))


EXPORTERS = {
    "linear": linear, "embedding": embedding, "conv": windowed("Conv"), "conv_transposed": windowed("ConvTranspose"),
    "max_pool": windowed("MaxPool"), "average_pool": windowed("AveragePool"),
    "matmul": lambda export, node: export.emit("MatMul", node.inputs, node.outputs, node),
}
