"""The nodes of an ONNX model that say how integers become weights: names alone, no element is read.

**Source** ONNX, onnx.proto of release 1.23: the numbers of the fields of GraphProto, NodeProto and AttributeProto.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...container.files import Opened
from ...models.protobuf import VARINT, Field, Message, Walker

__all__ = ["Node", "nodes_of"]

MAX_NODES = 2**20


@dataclass
class Node:
    """A node: its operator, the names of its inputs and outputs, and its attributes that are integers."""

    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    integers: dict[str, int] = field(default_factory=dict)


def nodes_of(opened: Opened) -> Iterator[Node]:
    """Yield the nodes of the main graph of a model, in the order of the file."""
    walker = Walker(opened)
    for f in walker.fields(walker.whole):
        if f.number == 7:
            graph = walker.inside(walker.whole, f, "a graph")
            for count, part in enumerate(walker.fields(graph)):
                if part.number == 1 and count < MAX_NODES:
                    yield _node(walker, walker.inside(graph, part, "a node"))


def _node(walker: Walker, message: Message) -> Node:
    node = Node()
    for f in walker.fields(message):
        if f.number == 1:
            node.inputs.append(walker.text(f, "the name of an input"))
        elif f.number == 2:
            node.outputs.append(walker.text(f, "the name of an output"))
        elif f.number == 4:
            node.operator = walker.text(f, "the name of an operator")
        elif f.number == 5:
            _attribute(walker, walker.inside(message, f, "an attribute"), node)
    return node


def _attribute(walker: Walker, message: Message, node: Node) -> None:
    name, value = "", None
    for f in walker.fields(message):
        if f.number == 1:
            name = walker.text(f, "the name of an attribute")
        elif f.number == 3:
            value = _signed(walker, f)
    if value is not None:
        node.integers[name] = value


def _signed(walker: Walker, f: Field) -> int:
    walker.expect(f, "an integer", VARINT)
    return f.value - 2**64 if f.value >= 2**63 else f.value


