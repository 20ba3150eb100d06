"""The nodes and tensors of an integer network, one after the other, as Static planned them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import reference
from ...errors import RefcompressError
from ...formats import Graph, Node, is_array_format
from ...formats.graph import node_inputs
from ..model import Model
from ..table import OPERATIONS
from ..use import Use
from .layers import (
    Grid,
    clip_ends,
    dense,
    integer_layer,
    lookup_table,
    quantized_weight,
    rows_first,
    same,
    suits,
    window,
)
from .report import Became, Integers

if TYPE_CHECKING:
    from .static import Static

__all__ = ["PAIRS", "PRODUCTS", "Emission"]

PRODUCTS = {"linear": "linear_s8", "conv": "conv_s8", "linear_a8": "linear_s8", "conv_a8": "conv_s8"}
SCALED = {name: f"{product}_scaled" for name, product in PRODUCTS.items()}
PAIRS = {"add": "add_s8", "multiply": "multiply_s8"}


class Emission:
    """The nodes and tensors of the integer network, as they come."""

    def __init__(self, static: "Static", grids: dict[str, Grid]):
        self.static, self.grids = static, grids
        graph = static.model.graph
        self.nodes: list[Node] = []
        self.integer: dict[str, str] = {}  # value -> the name of its int8 form
        self.float = {each.name for each in graph.inputs}  # values that are there as they were
        self.taken = ({each.name for each in graph.inputs} | set(static.model.tensors)
                      | {name for node in graph.nodes for name in (node.name, *node.outputs)})
        self.tensors = {name: static.model.tensors[name] for node in graph.nodes if node.name not in static.plan
                        for name in node_inputs(node) if name in static.model.tensors}
        self.also: dict[str, list[str]] = {}  # tensor -> further ones that were made of it
        self.became: dict[str, str] = {}

    def done(self) -> Integers:
        """Return the network, and what became of each node."""
        static, graph = self.static, self.static.model.graph
        for node in graph.nodes:
            how = static.plan.get(node.name)
            if node.operation == "shape" and node.inputs[0] in self.integer:
                self.nodes.append(Node("shape", (self.integer[node.inputs[0]],), node.outputs, node.attributes,
                                       node.name))
                self.became[node.name] = "shape"
            elif how is None:
                for name in node_inputs(node):
                    self.as_float(name)
                self.nodes.append(node)
                self.float.update(node.outputs)
                self.became[node.name] = node.operation
            elif how == "joined":
                self.integer[node.outputs[0]] = self.integer[node.inputs[0]]
                self.became[node.name] = "a part"
            else:
                getattr(self, f"_{how}")(node)
                self.became[node.name] = self.nodes[-1].operation
        for name in graph.outputs:
            self.as_float(name)
        model = Model(Graph(graph.inputs, graph.outputs, tuple(self.nodes)), self.tensors)
        return Integers(model, tuple(Became(node.name, node.operation, self.became[node.name],
                                            static.why.get(node.name, ""), node.name in static.plan)
                                     for node in graph.nodes))

    def fresh(self, name: str) -> str:
        """Return a name that nothing has."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def add(self, operation: str, inputs, outputs, name: str = "", **attributes: Any) -> None:
        """Add a node; attributes that are the operation's defaults are left out."""
        defaults = OPERATIONS[operation].attributes
        given = {key: value for key, value in attributes.items() if key not in defaults or defaults[key] != value}
        self.nodes.append(Node(operation, tuple(inputs), tuple(outputs), tuple(given.items()), name))

    def tensor(self, name: str, value) -> str:
        """Add a tensor and return its name: the one that is wanted, if no other tensor has it."""
        given = [name, *self.also.get(name, [])]
        for each in given:
            if each not in self.tensors or same(self.tensors[each], value):
                self.tensors[each] = value
                return each
        self.also.setdefault(name, []).append(self.fresh(f"{name}.s8"))
        self.tensors[self.also[name][-1]] = value
        return self.also[name][-1]

    def as_float(self, name: str) -> None:
        """Make sure that a value is there as float32."""
        if name in self.integer and name not in self.float:
            grid = self.grids[name]
            self.add("dequantize", [self.integer[name]], [name], self.fresh(f"{name}.dequantize"), scale=grid.scale,
                     zero_point=grid.zero_point)
            self.float.add(name)

    def as_integer(self, name: str) -> str:
        """Return the name of the int8 form of a value, or of a tensor."""
        if name not in self.integer:
            if name in self.static.model.tensors:
                x = dense(self.static.model.tensors[name])
                self.grids[name] = grid = Grid.of(min(float(x.min()), 0.0), max(float(x.max()), 0.0),
                                                  self.static.symmetric)
                self.integer[name] = self.tensor(name, grid.quantized(x))
            else:
                grid = self.grids[name]
                self.integer[name] = self.fresh(f"{name}.s8")
                self.add("quantize", [name], [self.integer[name]], scale=grid.scale, zero_point=grid.zero_point)
        return self.integer[name]

    def give(self, name: str) -> str:
        """Return a name for the int8 form of a value that a node is about to give."""
        self.integer[name] = self.fresh(f"{name}.s8")
        return self.integer[name]

    def ends(self, node: Node, grid: Grid) -> dict[str, int]:
        """Return lowest and highest of a node, with what was joined to it."""
        if node.name not in self.static.joined:
            return {}
        return _ends(self.static.joined[node.name], grid)

    def _product(self, node: Node) -> None:
        grid = self.grids[node.outputs[0]]
        x, tensors = self._layer(node, grid)
        self.add(PRODUCTS[node.operation], [self.integer[x], *tensors], [self.give(node.outputs[0])], node.name,
                 **window(node), **self.grids[x].attributes("x"), **grid.attributes("y"), **self.ends(node, grid))

    def _scaled(self, node: Node) -> None:
        x, tensors = self._layer(node, None)
        self.add(SCALED[node.operation], [self.integer[x], *tensors], node.outputs, node.name, **window(node),
                 **self.grids[x].attributes("x"))
        self.float.update(node.outputs)

    def _layer(self, node: Node, grid: Grid | None) -> tuple[str, list[str]]:
        """Return the input of a product, which is there as int8, and the names of its integer weight and its bias."""
        x, names = node.inputs[0], [name for name in node.inputs[1:] if name]
        self.as_integer(x)
        stored = self.static.model.tensors[names[0]]
        bias = dense(self.static.model.tensors[names[1]]) if len(names) > 1 else None
        try:
            values = integer_layer(rows_first(node, stored), bias, self.static.bits, self.grids[x], grid)
        except RefcompressError as error:
            raise type(error)(f"node {node.name!r}", str(error)) from None
        if is_array_format(stored) and not suits(stored):
            self.static.why[node.name] = f"its weight was {type(stored).__name__}, and was decoded and rounded"
        return x, [self.tensor(name, value) for name, value in zip(names, values)]

    def _embedding(self, node: Node) -> None:
        weight = self.static.model.tensors[node.inputs[1]]
        rows = weight if suits(weight) else quantized_weight(weight, self.static.bits, None, True)
        name = self.tensor(node.inputs[1], rows)
        if node.inputs[0] in self.static.model.tensors:
            self.tensors[node.inputs[0]] = self.static.model.tensors[node.inputs[0]]
        self.add("embedding", [node.inputs[0], name], node.outputs, node.name)
        self.float.update(node.outputs)

    def _pair(self, node: Node) -> None:
        y = node.outputs[0]
        inputs, grid = [self.as_integer(name) for name in node.inputs], self.grids[y]
        a, b = (self.grids[name].attributes(letter) for name, letter in zip(node.inputs, "ab"))
        self.add(PAIRS[node.operation], inputs, [self.give(y)], node.name, **a, **b, **grid.attributes("y"),
                 **self.ends(node, grid))

    def _pool(self, node: Node) -> None:
        x, y = node.inputs[0], node.outputs[0]
        given, grid = self.as_integer(x), self.grids[y]
        attributes = self.static.pooled(node) or {}
        flat = node.operation == "reduce_mean" and not self.static.given(node, "keep")
        pooled = self.fresh(f"{y}.pooled") if flat else self.give(y)
        self.add("average_pool_s8", [given], [pooled], node.name, **attributes, **self.grids[x].attributes("x"),
                 **grid.attributes("y"), **self.ends(node, grid))
        if flat:
            axes = tuple(range(2, len(self.static.model.known[x].shape or ())))
            self.add("squeeze", [pooled], [self.give(y)], self.fresh(f"{node.name}.squeeze"), axes=axes)

    def _clip(self, node: Node) -> None:
        x, y = node.inputs[0], node.outputs[0]
        given, grid = self.as_integer(x), self.grids[y]
        self.add("rescale_s8", [given], [self.give(y)], node.name, **self.grids[x].attributes("x"),
                 **grid.attributes("y"), **_ends(node, grid))

    def _function(self, node: Node) -> None:
        (x,), y = self.static.data(node), node.outputs[0]
        given, grid = self.as_integer(x), self.grids[y]
        others = self.static.model.tensors
        use = Use(reference)

        def function(values: np.ndarray) -> np.ndarray:
            inputs = [values if name == x else dense(others[name]).reshape(()) for name in node.inputs]
            return OPERATIONS[node.operation].compute(*inputs, use=use, **dict(node.attributes))

        try:
            table = lookup_table(function, self.grids[x], grid)
        except RefcompressError as error:
            raise type(error)(f"node {node.name!r}", str(error)) from None
        name = self.tensor(self.fresh(f"{node.name}.table"), table)
        self.add("lookup_s8", [given, name], [self.give(y)], node.name)

    def _move(self, node: Node) -> None:
        data = self.static.data(node)
        given = {name: self._on_grid(name, self.grids[node.outputs[0]]) for name in data}
        for name in node.inputs[len(data) :]:
            if name in self.static.model.tensors:
                self.tensors[name] = self.static.model.tensors[name]
        inputs = [given.get(name, name) for name in node.inputs]
        outputs = [name and self.give(name) for name in node.outputs]
        attributes = dict(node.attributes)
        if node.operation == "pad":
            value = self.static.given(node, "value")
            attributes["value"] = float(self.grids[node.outputs[0]].nearest(value))
        self.add(node.operation, inputs, outputs, node.name, **attributes)

    def _on_grid(self, name: str, grid: Grid) -> str:
        """Return the int8 form of a value on another grid than its own, where it differs."""
        given, own = self.as_integer(name), self.grids[name]
        if (own.scale, own.zero_point) == (grid.scale, grid.zero_point):
            return given
        moved = self.fresh(f"{given}.rescaled")
        self.add("rescale_s8", [given], [moved], moved, **own.attributes("x"), **grid.attributes("y"))
        return moved


def _ends(clip: Node, grid: Grid) -> dict[str, int]:
    low, high = clip_ends(clip)
    return {"lowest": grid.nearest(low), "highest": grid.nearest(high)}
