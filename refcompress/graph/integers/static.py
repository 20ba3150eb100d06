"""Static ranges: which nodes run on integers, on which grids, and what stands in their place."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ... import reference
from ...errors import RefcompressError
from ...formats import Graph, Node, is_array_format
from ...formats.graph import node_inputs, subgraphs
from ..model import Model
from ..table import OPERATIONS
from ..use import Use
from .calibration import Observed
from .layers import MOST_INPUTS, Grid, dense, inputs_of, integer_layer, lookup_table, rows_first, same, suits, window
from .report import Became, Integers

__all__ = ["Static"]

PRODUCTS = {"linear": "linear_s8", "conv": "conv_s8"}
PAIRS = {"add": "add_s8", "multiply": "multiply_s8"}
POOLS = ("average_pool", "global_average_pool", "reduce_mean")
CLIPS = ("relu", "clip")
# Operations that hand on values of x as they are: the grid stays.
MOVES = ("concat", "expand", "flatten", "gather", "identity", "max_pool", "reshape", "slice", "split", "squeeze",
         "transpose", "unsqueeze")
FUNCTIONS = ("absolute", "ceil", "erf", "exp", "floor", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "negative",
             "sigmoid", "silu", "sqrt", "tanh")
BY_A_NUMBER = ("add", "divide", "multiply", "power", "subtract")  # functions of x where the second input is a number


@dataclass
class Static:
    """A float network on its way to integers.

    seen : what calibration observed, by value. kept : the names of nodes that stay as they are.
    """

    model: Model
    seen: Mapping[str, Observed]
    ranges: Mapping[str, tuple[float, float]]
    kept: frozenset[str]
    bits: int
    symmetric: bool
    plan: dict[str, str] = field(default_factory=dict)  # node -> how it runs on integers
    why: dict[str, str] = field(default_factory=dict)  # node -> why it does not, or what it was joined with
    joined: dict[str, Node] = field(default_factory=dict)  # node -> the relu or clip behind it that is a part of it
    clipped: set[str] = field(default_factory=set)  # values in front of those, which never leave the range behind them

    def lowered(self) -> Integers:
        """Return the network on integers."""
        self._decide()
        self._join()
        return _Emission(self, _grids(self)).done()

    def _decide(self) -> None:
        integer: set[str] = set()
        for node in self.model.graph.nodes:
            how, why = self._how(node, integer)
            if how:
                self.plan[node.name] = how
                integer.update(filter(None, node.outputs))
            else:
                self.why[node.name] = why

    def _how(self, node: Node, integer: set[str]) -> tuple[str, str]:
        """Return how a node runs on integers, or "" and why it does not."""
        if node.name in self.kept:
            return "", "kept"
        if subgraphs(node):
            return "", "has graphs of its own, whose nodes stay float32"
        how = self._kind(node)
        if not how:
            return "", f"{node.operation} has no integer form"
        if how == "product":
            if why := self._not_a_layer(node):
                return "", why
        elif not any(name in integer for name in self.data(node)):
            return "", "nothing before it is on integers"
        for name in (*self.data(node), *filter(None, node.outputs)):
            if name not in self.model.tensors and (why := self._not_observed(name)):
                return "", why
        return how, ""

    def _kind(self, node: Node) -> str:
        operation, tensors = node.operation, self.model.tensors
        constants = [name for name in node.inputs[:2] if name in tensors]
        if operation in PRODUCTS:
            return "product"
        if operation in MOVES:
            return "move"
        if operation in CLIPS:
            return "clip" if len(node.inputs) == 1 else ""
        if operation in FUNCTIONS:
            return "function"
        if operation in BY_A_NUMBER and len(constants) == 1 and np.size(tensors[constants[0]]) == 1:
            number, first = float(dense(tensors[constants[0]]).reshape(())), node.inputs[0] == constants[0]
            rank = len(self.model.known[node.outputs[0]].shape or ())
            right = np.ndim(tensors[constants[0]]) <= rank and not (first and operation in ("divide", "power"))
            return "function" if right and not (operation == "power" and number <= 0 or
                                                operation == "divide" and number == 0) else ""
        if operation in PAIRS:
            return "pair"
        if operation in POOLS:
            return "pool" if self._pooled(node) is not None else ""
        return ""

    def data(self, node: Node) -> list[str]:
        """Return the names of the inputs of a node that are int8 where it runs on integers."""
        if node.operation in PAIRS and self._kind(node) == "pair" or node.operation == "concat":
            return list(node.inputs)
        if node.operation in BY_A_NUMBER:
            return [name for name in node.inputs if name not in self.model.tensors]
        return [node.inputs[0]]

    def _not_a_layer(self, node: Node) -> str:
        weight, bias = (*node.inputs[1:], "", "")[:2]
        if weight not in self.model.tensors:
            return "its weight is computed"
        if bias and bias not in self.model.tensors:
            return "its bias is computed"
        k = inputs_of(node, self.model.tensors[weight])
        return f"has {k} inputs an output, and int32 holds the products of {MOST_INPUTS}" if k > MOST_INPUTS else ""

    def _not_observed(self, name: str) -> str:
        if self.model.known[name].type != "float32":
            return f"{name!r} is {self.model.known[name].type}"
        if name not in self.seen or not self.seen[name].count:
            return f"calibration never reached {name!r}"
        return "" if self.seen[name].finite else f"{name!r} is infinite in calibration"

    def _pooled(self, node: Node) -> dict | None:
        """Return the attributes of the average_pool_s8 that a node is, or None."""
        known = self.model.known[node.inputs[0]].shape
        if known is None:
            return None
        given = {**OPERATIONS[node.operation].attributes, **dict(node.attributes)}
        if node.operation == "global_average_pool":
            return {}
        if node.operation == "average_pool":
            if any(each != 1 for each in given["dilations"] or ()) or given["ceil"]:
                return None
            return {name: given[name] for name in ("kernel", "strides", "pads", "count_include_pad")}
        of = self.model.tensors.get(node.inputs[1]) if len(node.inputs) == 2 else None
        axes = given["axes"] if of is None else np.atleast_1d(of).tolist()
        spatial = list(range(2, len(known)))
        return {} if axes and spatial and sorted(axis % len(known) for axis in axes) == spatial else None

    def _join(self) -> None:
        """Let a relu or a clip behind a node be a part of it, where nothing else takes the values between them.

        Operations that only move values, and max_pool, may stand between: to clip in front of them is the same.
        """
        graph = self.model.graph
        for node in graph.nodes:
            if self.plan.get(node.name) not in ("product", "pair", "pool"):
                continue
            passed, value = [], node.outputs[0]
            while len(users := graph.users(value)) == 1 and value not in graph.outputs:
                passed.append(value)
                how = self.plan.get(users[0].name)
                if how == "clip" and _around_zero(users[0]):
                    self.joined[node.name] = users[0]
                    self.clipped.update(passed)
                    self.plan[users[0].name] = "joined"
                    self.why[users[0].name] = f"is lowest and highest of {node.name!r}"
                if how != "move" or users[0].operation == "concat" or len(users[0].outputs) > 1:
                    break
                value = users[0].outputs[0]

    @staticmethod
    def _given(node: Node, attribute: str):
        return {**OPERATIONS[node.operation].attributes, **dict(node.attributes)}[attribute]


def clip_ends(node: Node) -> tuple[float, float]:
    """Return between which values a relu or a clip leaves its input."""
    if node.operation == "relu":
        return 0.0, np.inf
    given = dict(node.attributes)
    low, high = given.get("low"), given.get("high")
    return -np.inf if low is None else low, np.inf if high is None else high


def _around_zero(node: Node) -> bool:
    low, high = clip_ends(node)
    return low <= 0 <= high


def _grids(static: Static) -> dict[str, Grid]:
    """Return the grid of each value that is int8 somewhere: those between which values only move share one."""
    graph, root = static.model.graph, {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    wanted: dict[str, None] = {}
    for node in graph.nodes:
        how = static.plan.get(node.name)
        if how is None:
            continue
        inputs = [name for name in static.data(node) if name not in static.model.tensors]
        outputs = list(filter(None, node.outputs))
        wanted |= dict.fromkeys((*inputs, *outputs))
        if how in ("move", "joined"):
            for name in (*inputs, *outputs[1:]):
                alone = len(graph.users(name)) <= 1 and name not in graph.outputs
                if node.operation != "concat" or alone:
                    root[find(name)] = find(outputs[0])
    ends: dict[str, tuple[float, float]] = {}
    for name in wanted:
        if name in static.clipped:
            continue
        low, high = static.ranges[name]
        before = ends.get(find(name), (0.0, 0.0))
        ends[find(name)] = min(low, before[0]), max(high, before[1])
    return {name: Grid.of(*ends[find(name)], static.symmetric) for name in wanted}


class _Emission:
    """The nodes and tensors of the integer network, as they come."""

    def __init__(self, static: Static, grids: dict[str, Grid]):
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
                                            static.why.get(node.name, ""), node.name in static.plan) for node in graph.nodes))

    def fresh(self, name: str) -> str:
        """Return a name that nothing has."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def add(self, operation: str, inputs, outputs, name: str = "", **attributes) -> None:
        """Add a node; attributes that are the operation's defaults are left out."""
        defaults = OPERATIONS[operation].attributes
        given = {key: value for key, value in attributes.items() if key not in defaults or defaults[key] != value}
        self.nodes.append(Node(operation, tuple(inputs), tuple(outputs), given, name))

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
        x, y = node.inputs[0], node.outputs[0]
        given, grid = self.as_integer(x), self.grids[y]
        names = [name for name in node.inputs[1:] if name]
        bias = dense(self.static.model.tensors[names[1]]) if len(names) > 1 else None
        try:
            weight, bias = integer_layer(rows_first(node, self.static.model.tensors[names[0]]), bias,
                                         self.static.bits, self.grids[x], grid)
        except RefcompressError as error:
            raise type(error)(f"node {node.name!r}", str(error)) from None
        stored = self.static.model.tensors[names[0]]
        if is_array_format(stored) and not suits(stored):
            self.static.why[node.name] = f"its weight was {type(stored).__name__}, and was decoded and rounded"
        tensors = [self.tensor(name, value) for name, value in zip(names, (weight, bias))]
        self.add(PRODUCTS[node.operation], [given, *tensors], [self.give(y)], node.name, **window(node),
                 **self.grids[x].attributes("x"), **grid.attributes("y"), **self.ends(node, grid))

    def _pair(self, node: Node) -> None:
        y = node.outputs[0]
        inputs, grid = [self.as_integer(name) for name in node.inputs], self.grids[y]
        a, b = (self.grids[name].attributes(letter) for name, letter in zip(node.inputs, "ab"))
        self.add(PAIRS[node.operation], inputs, [self.give(y)], node.name, **a, **b, **grid.attributes("y"),
                 **self.ends(node, grid))

    def _pool(self, node: Node) -> None:
        x, y = node.inputs[0], node.outputs[0]
        given, grid = self.as_integer(x), self.grids[y]
        attributes = self.static._pooled(node)
        flat = node.operation == "reduce_mean" and not self.static._given(node, "keep")
        pooled = self.fresh(f"{y}.pooled") if flat else self.give(y)
        if flat:
            self.nodes.append(Node("squeeze", (pooled,), (self.give(y),), {
                "axes": tuple(range(2, len(self.static.model.known[x].shape)))}, self.fresh(f"{node.name}.squeeze")))
        self.add("average_pool_s8", [given], [pooled], node.name, **attributes, **self.grids[x].attributes("x"),
                 **grid.attributes("y"), **self.ends(node, grid))
        if flat:
            self.nodes[-2:] = reversed(self.nodes[-2:])

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
        self.nodes.append(Node(node.operation, tuple(inputs), tuple(outputs), node.attributes, node.name))

    def _on_grid(self, name: str, grid: Grid) -> str:
        """Return the int8 form of a value on another grid than its own, where it differs."""
        given, own = self.as_integer(name), self.grids[name]
        if (own.scale, own.zero_point) == (grid.scale, grid.zero_point):
            return given
        moved = self.fresh(f"{given}.rescaled")
        self.add("rescale_s8", [given], [moved], **own.attributes("x"), **grid.attributes("y"))
        return moved


def _ends(clip: Node, grid: Grid) -> dict[str, int]:
    low, high = clip_ends(clip)
    return {"lowest": grid.nearest(low), "highest": grid.nearest(high)}
