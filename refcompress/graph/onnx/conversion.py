"""Turn the graphs of an ONNX model into graphs of ours: names, constants, and one converter for each operator."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ... import arguments
from ...errors import RefcompressError
from ...formats import Graph, Input, Node
from ...formats.graph import node_inputs
from ..known import Known
from ..signature import known_outputs, known_tensor
from ..use import Weight
from .converters import CONVERTERS
from .file import OWN, File, Names, inner_graphs, is_constant
from .operator import Operator
from .types import type_name

__all__ = ["Conversion", "converted"]

FIRST = 7  # the oldest opset
MOVES = {"identity", "reshape", "flatten", "transpose", "squeeze", "unsqueeze", "slice", "gather", "concat", "max_pool",
         "expand", "split", "tile"}  # what moves values, and computes nothing


def converted(file: File, fixed: Mapping[str, int]) -> tuple[Graph, dict[str, Weight]]:
    """Return the graph of an ONNX file and its tensors by name. fixed : numbers for open sizes of inputs.

    Raises RefcompressError for operators that are not known here: all of them, with domains and counts.
    """
    if file.opset < FIRST:
        raise RefcompressError("path", f"is of opset {file.opset}: known here are those from {FIRST} on, where inputs "
                                       "broadcast and batch norms do not train")
    unknown = Counter(_unknown(file.proto.graph))
    if unknown:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
        raise RefcompressError("path", f"has operators that are not known here: {listed}")
    return Conversion(file, fixed).whole()


def _unknown(graph: Any) -> Iterator[str]:
    for node in graph.node:
        name = node.op_type if node.domain in OWN else f"{node.domain}.{node.op_type}"
        if name not in CONVERTERS and not is_constant(node):
            yield name
        for inner in inner_graphs(node):
            yield from _unknown(inner)


class Scope:
    """One graph on its way: its nodes so far, and the names of its values, ONNX's -> ours; those around it too."""

    def __init__(self, proto: Any, names: Names, around: Mapping[str, str]):
        self.proto = proto
        self.nodes: list[Node] = []
        self.node_names: set[str] = set()
        self.values: dict[str, str] = dict(around)
        self.own: set[str] = set()  # ONNX's names of what this graph gives
        self.given: set[str] = set()  # and ours
        self.tensors, self.inner = names.own, iter(names.inner)
        self.kept: dict[str, str] = {}  # ONNX's name of an output that is a tensor -> ours, which the tensor gave up


class Conversion:
    """What is known while the graphs of a file are walked.

    tensors : those that were read. known : our name of a value -> what is known of it. shifted : see
    converters/quantized.py.
    """

    def __init__(self, file: File, fixed: Mapping[str, int]):
        self.file = file
        self.fixed = {name: arguments.integer(size, f"fixed[{name!r}]", 0) for name, size in fixed.items()}
        self._open: set[str] = set()
        self.tensors: dict[str, Weight] = {}
        self.known: dict[str, Known] = {}
        self.shifted: set[str] = set()  # values of int8 that stand for uint8, less 128
        self._taken = set(file.names.all())  # names of tensors and values

    def whole(self) -> tuple[Graph, dict[str, Weight]]:
        graph = self.graph(self.file.proto.graph, self.file.names, {})
        for name in self.fixed:
            if name not in self._open:
                raise RefcompressError(f"fixed[{name!r}]", f"is no open size of an input: {sorted(self._open)}")
        tensors = {name: self.tensors[name] for name in graph.parameters}
        return graph, tensors

    def unique(self, name: str) -> str:
        """Return a name for a value that no other value and no tensor has: this one, or with "#2" after it, ..."""
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}#{number}"
        self._taken.add(found)
        return found

    def graph(self, proto: Any, names: Names, around: Mapping[str, str]) -> Graph:
        """Return a graph of ours. around : the names of the values that it may take from outside, ONNX's -> ours."""
        scope = Scope(proto, names, around)
        for tensor in proto.initializer:
            self._add_initialiser(scope, tensor.name, tensor)
            scope.own.add(tensor.name)
        inputs = []
        for value in proto.input:
            if value.name in names.own:  # the default of an input, which old models have for each initialiser
                continue
            given = self._input(value, self.unique(value.name))
            scope.values[value.name] = given.name
            scope.own.add(value.name)
            scope.given.add(given.name)
            self.known[given.name] = Known(given.type, given.shape)
            inputs.append(given)
        for node in proto.node:
            self._convert(node, scope)
        outputs = []
        for value in proto.output:
            name = scope.values.get(value.name)
            if name is None:
                raise RefcompressError("path", f"has a graph whose output {value.name!r} is given by nothing")
            if name not in scope.given or name in outputs:  # a tensor, or a value from outside, or a second time
                own = scope.kept.pop(value.name, None) or self.unique(value.name)
                name = self.emit(scope, "identity", [name], [own], {}, value.name)[0]
            if name in self.shifted:
                raise RefcompressError(f"output {value.name!r}", "is of uint8, which is not known here")
            outputs.append(name)
        return Graph(tuple(inputs), tuple(outputs), tuple(scope.nodes))

    def _input(self, value: Any, name: str) -> Input:
        """Return an input. A size without a name of its own, or with one that says nothing, is "<input>.<axis>"."""
        where = f"input {value.name!r}"
        if value.type.WhichOneof("value") != "tensor_type":
            raise RefcompressError(where, f"must be a tensor, not a {value.type.WhichOneof('value')}")
        tensor = value.type.tensor_type
        if not tensor.HasField("shape"):
            raise RefcompressError(where, "must say how many axes it has")
        shape = [dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0
                 else dim.dim_param.strip("?") or f"{value.name}.{axis}" for axis, dim in enumerate(tensor.shape.dim)]
        self._open.update(size for size in shape if isinstance(size, str))
        return Input(name, type_name(tensor.elem_type, where), tuple(self.fixed.get(size, size) for size in shape))

    def _convert(self, proto: Any, scope: Scope) -> None:
        operator = Operator(self, scope, proto)
        if is_constant(proto):  # an initialiser in another place
            self._add_initialiser(scope, proto.output[0], proto.attribute[0].t)
            return
        CONVERTERS[operator.key](operator)
        operator.refuse_left()

    def _add_initialiser(self, scope: Scope, name: str, proto: Any) -> None:
        """Add a tensor of the file; where it is an output of the model, that keeps the name, and the tensor gets one.
        """
        own = scope.tensors[name]
        value = self.file.tensor(own, proto)
        if scope.proto is self.file.proto.graph and any(value.name == name for value in scope.proto.output):
            scope.kept[name] = own
            own = self.unique(own)
        scope.values[name] = self.add_tensor(own, value)

    def add_tensor(self, name: str, value: Weight) -> str:
        """Keep a tensor under its name, and return that."""
        self.tensors[name] = value
        self.known[name] = known_tensor(value)
        return name

    def _follow_shifted(self, node: Node) -> None:
        """Refuse a node that takes values of uint8, which are held less 128; those that move them give such values."""
        taken = [name for name in node_inputs(node) if name in self.shifted]
        if not taken or node.operation == "dequantize":
            return
        others = {name for name in node.inputs if name and self.known[name].type == "int8"} - self.shifted
        if node.operation not in MOVES or others:
            raise RefcompressError(f"node {node.name!r}", f"{node.operation} of values of uint8 is not known here")
        self.shifted |= set(node.outputs)

    def emit(self, scope: Scope, operation: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, Any],
             name: str) -> list[str]:
        """Add a node; return the names of its outputs, of which more is known from now on."""
        found, number = name, 1
        while found in scope.node_names:
            number += 1
            found = f"{name}#{number}"
        scope.node_names.add(found)
        pairs: Any = attributes
        node = Node(operation, tuple(inputs), tuple(outputs), pairs, found)
        scope.nodes.append(node)
        scope.given |= set(outputs)
        self.known.update(zip(outputs, known_outputs(node, self.known)))
        self._follow_shifted(node)
        return outputs
