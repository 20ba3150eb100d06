"""Static ranges: which nodes run on integers, on which grids, and what stands in their place."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...formats import Node
from ...formats.graph import subgraphs
from ..model import Model
from ..table import OPERATIONS
from .calibration import Observed
from .emission import PAIRS, PRODUCTS, Emission
from .layers import MOST_INPUTS, Grid, clip_ends, dense, inputs_of
from .report import Integers

__all__ = ["Static"]

POOLS = ("average_pool", "global_average_pool", "reduce_mean")
CLIPS = ("relu", "clip")
# Operations that hand on values of x as they are: the grid stays.
MOVES = ("concat", "expand", "flatten", "gather", "identity", "max_pool", "pad", "reshape", "resize", "slice", "split",
         "squeeze", "tile", "transpose", "unsqueeze")
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
        self._leave_float()
        self._join()
        return Emission(self, _grids(self)).done()

    def _decide(self) -> None:
        integer: set[str] = set()
        for node in self.model.graph.nodes:
            how, why = self._how(node, integer)
            if how:
                self.plan[node.name] = how
                self.why[node.name] = why
                if how != "embedding":
                    integer.update(filter(None, node.outputs))
            else:
                self.why[node.name] = why

    def _leave_float(self) -> None:
        """Let a value stay float32 that only float nodes take, or the caller: to round it would only lose.

        From the last node on. A product gives its sums as float32 then, and any other node stays as it is.
        """
        graph = self.model.graph
        for node in reversed(graph.nodes):
            how = self.plan.get(node.name)
            if how in (None, "embedding") or any(user.name in self.plan for name in filter(None, node.outputs)
                                                 for user in graph.users(name)):
                continue
            if how == "product":
                self.plan[node.name] = "scaled"
            else:
                del self.plan[node.name]
                self.why[node.name] = "nothing behind it takes integers"

    def _how(self, node: Node, integer: set[str]) -> tuple[str, str]:
        """Return how a node runs on integers, or "" and why it does not."""
        if node.name in self.kept:
            return "", "kept"
        if subgraphs(node):
            return "", "has graphs of its own, whose nodes stay float32"
        if node.operation == "embedding" and node.inputs[1] in self.model.tensors:
            return "embedding", "a scale a row"
        types = {self.model.known[name].type for name in node.outputs if name}
        if "float32" not in types:
            return "", f"gives {' and '.join(sorted(types))}"
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
            computed = operation == "resize" and self.given(node, "mode") != "nearest" or \
                operation == "pad" and len(node.inputs) > 2 and node.inputs[2]
            return "" if computed else "move"
        if operation in CLIPS:
            # Between ends that have no 0 between them no grid of int8 clips by its own ends: a table does.
            return "" if len(node.inputs) > 1 else "clip" if _around_zero(node) else "function"
        if operation in FUNCTIONS:
            return "function"
        if operation in BY_A_NUMBER and len(constants) == 1 and math.prod(tensors[constants[0]].shape) == 1:
            number, first = float(dense(tensors[constants[0]]).reshape(())), node.inputs[0] == constants[0]
            rank = len(self.model.known[node.outputs[0]].shape or ())
            right = len(tensors[constants[0]].shape) <= rank and not (first and operation in ("divide", "power"))
            return "function" if right and not (operation == "power" and number <= 0 or
                                                operation == "divide" and number == 0) else ""
        if operation in PAIRS:
            return "pair"
        if operation in POOLS:
            return "pool" if self.pooled(node) is not None else ""
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
        if not self.seen[name].finite:
            return f"{name!r} is infinite in calibration"
        if self.seen[name].low == self.seen[name].high:  # zero: a grid would round all other values to it
            return f"calibration never reached {name!r}: it was 0 throughout"
        return ""

    def pooled(self, node: Node) -> dict | None:
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
        axes = given["axes"] if of is None else np.atleast_1d(dense(of)).tolist()
        spatial = list(range(2, len(known)))
        return {} if axes and spatial and sorted(axis % len(known) for axis in axes) == spatial else None

    def _join(self) -> None:
        """Let a relu or a clip behind a node be a part of it, where nothing else takes the values between them.

        Operations that only move values, and max_pool, may stand between: to clip in front of them is the same. What
        pads with another value than 0 may not: that value must be clipped, too.
        """
        graph = self.model.graph
        for node in graph.nodes:
            if self.plan.get(node.name) not in ("product", "pair", "pool"):
                continue
            passed, value = [], node.outputs[0]
            while len(users := graph.users(value)) == 1 and value not in graph.outputs:
                passed.append(value)
                how = self.plan.get(users[0].name)
                if how == "clip":
                    self.joined[node.name] = users[0]
                    self.clipped.update(passed)
                    self.plan[users[0].name] = "joined"
                    self.why[users[0].name] = f"is lowest and highest of {node.name!r}"
                padded = users[0].operation == "pad" and self.given(users[0], "value") != 0
                if how != "move" or padded or users[0].operation == "concat" or len(users[0].outputs) > 1:
                    break
                value = users[0].outputs[0]

    @staticmethod
    def given(node: Node, attribute: str):
        return {**OPERATIONS[node.operation].attributes, **dict(node.attributes)}[attribute]


def _around_zero(node: Node) -> bool:
    low, high = clip_ends(node)
    return low <= 0 <= high


def _grids(static: Static) -> dict[str, Grid]:
    """Return the grid of each value that is int8 somewhere: those between which values only move share one."""
    graph = static.model.graph
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    wanted: dict[str, None] = {}
    for node in graph.nodes:
        how = static.plan.get(node.name)
        if how in (None, "embedding"):
            continue
        inputs = [name for name in static.data(node) if name not in static.model.tensors]
        outputs = list(filter(None, node.outputs))
        wanted |= dict.fromkeys(inputs if how == "scaled" else (*inputs, *outputs))
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
