"""A node of an ONNX graph as a converter sees it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import RefcompressError
from ...formats import Graph, Node
from ...formats.graph import in_order
from ..known import Known
from .file import OWN, inner_graphs
from .package import onnx_package

if TYPE_CHECKING:
    from .conversion import Conversion, Scope

__all__ = ["Operator"]

GRAPH, TENSOR, STRING, STRINGS = 5, 4, 3, 8  # AttributeProto.AttributeType


class Operator:
    """type, domain, opset : the operator. inputs : our names of the values that it takes, "" for one that is left out.

    A converter reads attributes, adds nodes by ``step`` and ends with ``give``. An attribute that it did not ask for is
    refused: nothing is ignored in silence.
    """

    def __init__(self, conversion: "Conversion", scope: "Scope", proto: Any):
        self.conversion, self.scope, self.proto = conversion, scope, proto
        self.type = proto.op_type
        self.domain = "" if proto.domain in OWN else proto.domain
        self.opset = conversion.file.opset
        self.name = proto.name or next(filter(None, proto.output), proto.op_type)
        self.where = f"node {self.name!r} ({self.type})"
        self.inputs = [self._value(name) for name in proto.input]
        while self.inputs and not self.inputs[-1]:
            self.inputs.pop()
        self._left = {each.name: each for each in proto.attribute}
        self._inner = {each.name: next(scope.inner) for each in proto.attribute if each.HasField("g")}
        self._steps = 0

    @property
    def key(self) -> str:
        """The name of the operator, behind that of its domain where it is not ONNX's own."""
        return f"{self.domain}.{self.type}" if self.domain else self.type

    def _value(self, name: str) -> str:
        if name and name not in self.scope.values:
            if any(name in each.output for each in self.scope.proto.node):
                in_order(_outlines(self.scope.proto))
                raise RefcompressError(self.where, f"takes {name!r}, which a later node gives: ONNX has its nodes in "
                                                   "an order in which each stands behind those whose outputs it takes")
            raise RefcompressError(self.where, f"takes {name!r}, which nothing before it gives")
        return self.scope.values[name] if name else ""

    def refuse(self, rule: str) -> RefcompressError:
        """Return the error that says this rule of the node."""
        return RefcompressError(self.where, rule)

    def input(self, i: int) -> str:
        """Return the name of an input; "" where it is left out."""
        return self.inputs[i] if i < len(self.inputs) else ""

    def known(self, i: int) -> Known:
        """Return what is known of an input."""
        return self.conversion.known[self.inputs[i]]

    def rank(self, i: int) -> int | None:
        """Return the number of axes of an input; None where it is not known."""
        shape = self.known(i).shape
        return None if shape is None else len(shape)

    def giver(self, name: str) -> Node | None:
        """Return the node of this graph that gives a value."""
        return next((each for each in self.scope.nodes if name in each.outputs), None)

    def is_tensor(self, i: int) -> bool:
        """Return whether an input is a tensor of the model, and no value of a run."""
        return self.input(i) in self.conversion.tensors

    def constant(self, i: int) -> np.ndarray | None:
        """Return an input that is a tensor or known before a run; None where it is left out or is neither."""
        name = self.input(i)
        if not name:
            return None
        tensor = self.conversion.tensors.get(name)
        if isinstance(tensor, np.ndarray):
            return tensor
        value = self.conversion.known[name].value
        return None if value is None or value.dtype == object else value

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute as a value of Python, an array for a tensor. A default is a float32, as in ONNX."""
        proto = self._left.pop(name, None)
        if proto is None:
            return float(np.float32(default)) if isinstance(default, float) else default
        value = onnx_package().helper.get_attribute_value(proto)
        if proto.type == TENSOR:
            return np.asarray(onnx_package().numpy_helper.to_array(value))
        if proto.type == STRING:
            return value.decode()
        if proto.type == STRINGS:
            return tuple(each.decode() for each in value)
        return tuple(value) if isinstance(value, list) else value

    def graph(self, name: str) -> Graph:
        """Return the graph that is an attribute, as one of ours."""
        proto = self._left.pop(name, None)
        if proto is None or name not in self._inner:
            raise self.refuse(f"must have a graph {name!r}")
        return self.conversion.graph(proto.g, self._inner[name], self.scope.values)

    def must(self, name: str) -> Any:
        """Return an attribute that the node must have."""
        value = self.attribute(name)
        if value is None:
            raise self.refuse(f"must have an attribute {name!r}")
        return value

    def only(self, name: str, *allowed: Any, default: Any) -> Any:
        """Return an attribute; refuse another value than those that are known here."""
        value = self.attribute(name, default)
        if value not in allowed:
            raise self.refuse(f"has the attribute {name}={value!r}; known here: {', '.join(map(repr, allowed))}")
        return value

    def drop(self, *names: str) -> None:
        """Pass over attributes that change nothing in a run."""
        for name in names:
            self._left.pop(name, None)

    def refuse_left(self) -> None:
        """Refuse attributes that nobody asked for."""
        if self._left:
            raise self.refuse(f"has attributes that are not known here: {', '.join(sorted(self._left))}")

    def tensor(self, part: str, value: np.ndarray | np.generic) -> str:
        """Add a tensor that the ONNX model does not have as one; return its name."""
        return self.conversion.add_tensor(self.conversion.unique(f"{self.name}.{part}"), np.asarray(value))

    def step(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add a node whose output only the next ones take; return the name of the output."""
        self._steps += 1
        name = f"{self.name}/{operation}{self._steps}"
        return self.conversion.emit(self.scope, operation, _cut(inputs), [self.conversion.unique(name)], attributes,
                                    name)[0]

    def give(self, operation: str, *inputs: str, **attributes: Any) -> None:
        """Add the node that gives the outputs."""
        self._outputs(operation, inputs, attributes)

    def _outputs(self, operation: str, inputs: tuple[str, ...], attributes: dict[str, Any]) -> None:
        ours = []
        for name in self.proto.output:
            if name in self.scope.own:
                raise self.refuse(f"gives {name!r} a second time")
            ours.append(self.conversion.unique(name) if name else "")
            if name:
                self.scope.values[name] = ours[-1]
                self.scope.own.add(name)
        while ours and not ours[-1]:
            ours.pop()
        self.conversion.emit(self.scope, operation, _cut(inputs), ours, attributes, self.name)

    def alias(self, name: str) -> None:
        """Let the output be the value of that name; without a node."""
        self.scope.values[self.proto.output[0]] = name


def _outlines(graph: Any) -> list[Node]:
    """Return the nodes of an ONNX graph with what they take and give, and nothing else; to find a cycle."""
    return [Node(node.op_type, tuple(_taken(node)), tuple(node.output), name=node.name)
            for node in graph.node if any(node.output)]


def _taken(node: Any) -> Iterator[str]:
    """Yield the names of the values that a node takes, and those that the graphs in it take."""
    yield from node.input
    for inner in inner_graphs(node):
        own = {name for each in inner.node for name in each.output} | {each.name for each in inner.input}
        yield from (name for each in inner.node for name in _taken(each) if name not in own)


def _cut(inputs: tuple[str, ...]) -> list[str]:
    """Return inputs without those at the end that are left out."""
    names = list(inputs)
    while names and not names[-1]:
        names.pop()
    return names
