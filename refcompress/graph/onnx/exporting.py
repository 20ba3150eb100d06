"""Nodes and tensors of an ONNX graph as they are made of ours."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...errors import RefcompressError
from ...formats import Graph, Node, Packed, Quantized, is_array_format
from ...models.onnx import dequantize
from ...reference import quantize_unpack
from ..known import Known
from ..model import Model
from ..signature import known_outputs
from .exporters import EXPORTERS
from .package import onnx_package
from .types import type_number

__all__ = ["Export"]

FIRST = 20  # the opset of a file that needs no higher one


class Export:
    """What is written for a model. opset : the highest that a node needs. integers : whether Quantized stay integers.

    An exporter reads a node of ours and adds nodes by ``emit``; ``numbers`` makes tensors of attributes.
    """

    def __init__(self, model: Model, integers: bool):
        self.model, self.integers, self.opset = model, integers, FIRST
        self.helper = onnx_package().helper
        self.initializers: list[Any] = []
        self.weights: list[Any] = []  # nodes that make weights of integers
        self._nodes: list[list[Any]] = []  # of the graph at hand, and of those around it
        self._names = {name for graph in _graphs(model.graph) for node in graph.nodes
                       for name in (*node.inputs, *node.outputs)} | {each.name for each in model.graph.inputs}
        self._known = dict(model.known)
        self._taken: set[str] = set(model.graph.outputs)

    def graph(self, graph: Graph, name: str) -> Any:
        """Return a GraphProto."""
        self._nodes.append([])
        for node in graph.nodes:
            self._known.update(zip(node.outputs, known_outputs(node, self._known)))
            if node.operation not in EXPORTERS:
                raise RefcompressError(f"node {node.name!r}", f"{node.operation} has no counterpart in ONNX here")
            EXPORTERS[node.operation](self, node)
        inputs = [self._value(each.name, Known(each.type, each.shape)) for each in graph.inputs]
        outputs = [self._value(each, self._known[each]) for each in graph.outputs]
        return self.helper.make_graph(self._nodes.pop(), name, inputs, outputs)

    def _value(self, name: str, known: Known) -> Any:
        shape = None if known.shape is None else [None if size == "?" else size for size in known.shape]
        return self.helper.make_tensor_value_info(name, type_number(known.type), shape)

    def known(self, name: str) -> Known:
        """Return what is known of a value, or of a tensor."""
        return self._known[name]

    def emit(self, operator: str, inputs: Sequence[str], outputs: Sequence[str], node: Node, *, opset: int = 0,
             part: str = "", **attributes: Any) -> None:
        """Add a node. part : what tells it from the other nodes that are made of the same one of ours."""
        self.opset = max(self.opset, opset)
        names = list(inputs)
        self._taken.update(names)
        while names and not names[-1]:
            names.pop()
        self._nodes[-1].append(self.helper.make_node(operator, names, list(outputs), name=node.name + part,
                                                     **attributes))

    def between(self, node: Node, part: str) -> str:
        """Return the name of a value between the nodes that are made of one of ours."""
        return self._unique(f"{node.name}/{part}")

    def numbers(self, node: Node, part: str, values: Any, dtype: Any = np.int64) -> str:
        """Add a tensor that is an attribute of ours; return its name."""
        name = self._unique(f"{node.name}.{part}")
        self._initializer(name, np.asarray(values, dtype))
        return name

    def _unique(self, name: str) -> str:
        found, number = name, 1
        while found in self._names:
            number += 1
            found = f"{name}#{number}"
        self._names.add(found)
        return found

    def tensors(self) -> None:
        """Add the tensors that nodes take: arrays as they are, formats as float32 or as integers with their scales."""
        for name, value in self.model.tensors.items():
            if name not in self._taken:
                continue  # a layer on integers has its values as a tensor of its own
            if is_array_format(value):
                whole = quantize_unpack(value) if isinstance(value, Packed) else value
                if self.integers and isinstance(whole, Quantized) and self._integers(name, whole):
                    continue
                value = value.dense()
            self._initializer(name, np.asarray(value))

    def _initializer(self, name: str, value: np.ndarray) -> None:
        self.initializers.append(onnx_package().numpy_helper.from_array(np.asarray(value, order="C"), name))

    def _integers(self, name: str, value: Quantized) -> bool:
        """Add integers, scales and the nodes that make the weights of them; return whether ONNX has such scales."""
        form = dequantize.form(value, 8 * value.values.itemsize, max(self.opset, dequantize.NARROW))
        if form is None:
            return False
        self.opset = max(self.opset, form.opset)
        names = {key: self._unique(f"{name}_{key}")
                 for key in ("quantized", "scale", "zero_point", "dequantized", "shape")}
        self._initializer(names["quantized"], form.values)
        self._initializer(names["scale"], form.scale)
        if form.zero_point is not None:
            self._initializer(names["zero_point"], form.zero_point)
        if form.reshaped:
            self._initializer(names["shape"], np.array(value.shape, np.int64))
        self.weights += [onnx_package().NodeProto.FromString(data)
                         for data in dequantize.nodes(form, name, *names.values())]
        return True


def _graphs(graph: Graph) -> Iterator[Graph]:
    yield graph
    for node in graph.nodes:
        for _, value in node.attributes:
            if isinstance(value, Graph):
                yield from _graphs(value)
