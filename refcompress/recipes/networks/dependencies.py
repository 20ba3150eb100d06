"""Which axes of which tensors belong together in a network, node by node.

Each parameter has an atom for each index of each axis. A node ties the axes that it multiplies, adds or puts behind
each other, and says which axes its outputs have. What a node needs whole (the axis that a norm averages over, the
graph's inputs and outputs) is fixed. What a node does that is not known here fixes all that it takes.

**Source** the idea of such a graph of dependencies: Fang, Ma, Song, Mi & Wang, DepGraph: Towards Any Structural Pruning
(2023, arXiv 2301.12900).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...formats import Node
from ...formats.graph import node_inputs
from ...graph import Model
from ...graph.known import Known, Size
from ...graph.sizes import product
from .ties import Axis, Ties

__all__ = ["Axes", "Dependencies", "dependencies"]

Axes = list[Axis] | None  # of a tensor or value; None where its number of axes is not known
UNARY = ("relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid", "erf", "exp", "log", "sqrt", "reciprocal", "negative",
         "absolute", "floor", "ceil", "hard_sigmoid", "hard_swish", "identity", "cast", "softplus")
BROADCAST = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "where", "equal", "less", "greater",
             "both", "either", "not", "clip")
REDUCED = ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_product")
POOLED = ("max_pool", "average_pool", "global_average_pool", "global_max_pool")


@dataclass(eq=False)
class Dependencies:
    """The axes of all tensors and values of a network, by name, and the classes of their atoms."""

    ties: Ties
    axes: dict[str, Axes]


def dependencies(model: Model) -> Dependencies:
    """Return which axes of which tensors belong together in a network."""
    ties, axes = Ties(), {}
    for name, known in model.known.items():
        if name in model.tensors and known.shape is not None:
            axes[name] = [ties.new(size) for size in known.shape]
    for each in model.graph.inputs:
        axes[each.name] = [ties.new(size, f"the input {each.name!r} of the network") for size in each.shape]
    for node in model.graph.nodes:
        rule = RULES.get(node.operation, unknown)
        if any(axes.get(name) is None or model.known[name].shape is None for name in node.inputs if name):
            rule = unknown
        found = rule(Step(ties, node, model, [axes.get(name) if name else None for name in node.inputs]))
        for name, value in zip(node.outputs, found):
            if name:
                axes[name] = value
        if rule is unknown:
            for name in node_inputs(node):
                for axis in axes.get(name) or []:
                    ties.fix(axis, f"node {node.name!r}")
    for name in model.graph.outputs:
        for axis in axes[name] or []:
            ties.fix(axis, f"the output {name!r} of the network")
    return Dependencies(ties, axes)


@dataclass(eq=False)
class Step:
    """What a rule is told: the ties, the node, its model, and the axes of its inputs."""

    ties: Ties
    node: Node
    model: Model
    inputs: list[Axes]

    def get(self, name: str, default):
        """Return an attribute of the node, or the default."""
        return dict(self.node.attributes).get(name, default)

    def known(self, i: int) -> Known:
        """Return what is known of input i."""
        return self.model.known[self.node.inputs[i]]

    def output(self, i: int = 0) -> Known:
        return self.model.known[self.node.outputs[i]]

    @property
    def why(self) -> str:
        return f"node {self.node.name!r}"

    def fixed(self, size: Size) -> Axis:
        """Return the axis of an output that is needed whole."""
        return self.ties.new(size, self.why)

    def fix(self, *axes: Axis) -> None:
        for axis in axes:
            self.ties.fix(axis, self.why)

    def tie(self, a: Axis, b: Axis) -> Axis:
        return self.ties.tie_axes(a, b, self.why)


def unknown(step: Step) -> list[Axes]:
    """Fix all axes: what the node does is not known here."""
    shapes = [step.model.known[name].shape if name else () for name in step.node.outputs]
    return [None if shape is None else [step.fixed(size) for size in shape] for shape in shapes]


def linear(step: Step) -> list[Axes]:
    x, (out, inner), *bias = step.inputs
    step.tie(x[-1], inner)
    for each in bias:
        if each is not None:
            step.tie(each[0], out)
    return [[*x[:-1], out]]


def conv(step: Step) -> list[Axes]:
    x, weight, *bias = step.inputs
    g, shape = step.get("groups", 1), step.output().shape
    step.fix(*x[2:], *weight[2:])
    if g == 1:
        step.tie(x[1], weight[1])
    else:  # a group goes whole: its inputs and its outputs
        step.fix(weight[1])
        if x[1] is None:
            step.fix(weight[0])
        else:
            step.ties.tie(step.ties.blocks(x[1], g), step.ties.blocks(weight[0], g))
    for each in bias:
        if each is not None:
            step.tie(each[0], weight[0])
    return [[x[0], weight[0], *map(step.fixed, shape[2:])]]


def conv_transposed(step: Step) -> list[Axes]:
    x, weight, *bias = step.inputs
    if step.get("groups", 1) != 1:
        step.fix(*x, *weight, *(axis for each in bias if each for axis in each))
        return unknown(step)
    step.fix(*x[2:], *weight[2:])
    step.tie(x[1], weight[0])
    for each in bias:
        if each is not None:
            step.tie(each[0], weight[1])
    return [[x[0], weight[1], *map(step.fixed, step.output().shape[2:])]]


def batch_norm(step: Step) -> list[Axes]:
    x, *others = step.inputs
    for each in others:
        step.tie(each[0], x[1])
    return [x]


def norm(step: Step) -> list[Axes]:
    x, *others = step.inputs
    first = step.get("axis", -1) % len(x)
    step.fix(*x[first:], *(axis for each in others if each is not None for axis in each))
    return [x]


def softmax(step: Step) -> list[Axes]:
    (x,) = step.inputs
    step.fix(x[step.get("axis", -1) % len(x)])
    return [x]


def unary(step: Step) -> list[Axes]:
    return [step.inputs[0]]


def broadcast(step: Step) -> list[Axes]:
    shape, found = step.output().shape, []
    for at in range(1, len(shape) + 1):  # from the last axis to the first
        here = [(axes[-at], step.known(i).shape[-at]) for i, axes in enumerate(step.inputs)
                if axes is not None and at <= len(axes)]
        whole = [axis for axis, size in here if size == shape[-at]]
        step.fix(*(axis for axis, size in here if size != shape[-at]))
        first = whole[0] if whole else step.fixed(shape[-at])
        for axis in whole[1:]:
            first = step.tie(first, axis)
        found.insert(0, first)
    return [found]


def pooled(step: Step) -> list[Axes]:
    x = step.inputs[0]
    step.fix(*x[2:])
    return [[*x[:2], *map(step.fixed, step.output().shape[2:])]]


def reduced(step: Step) -> list[Axes]:
    x, shape = step.inputs[0], step.known(0).shape
    given = step.get("axes", None)
    if given is None and len(step.inputs) > 1:
        value = step.known(1).value
        given = None if value is None else [int(each) for each in np.ravel(value)]
        if given is None:
            step.fix(*x)
            return unknown(step)
    axes = {axis % len(shape) for axis in given} if given else set(range(len(shape)))
    step.fix(*(x[axis] for axis in axes))
    kept = step.get("keep", True)
    return [[step.fixed(1) if axis in axes else x[axis] for axis in range(len(shape)) if kept or axis not in axes]]


def transposed(step: Step) -> list[Axes]:
    (x,) = step.inputs
    order = step.get("axes", None) or range(len(x))[::-1]
    return [[x[axis] for axis in order]]


def reshaped(step: Step) -> list[Axes]:
    """Follow axes that stay, that are put into one, or that are cut in several; of those the first has the units.

    Of the axes that become one, the first of those that are not fixed has the units, and the others are fixed.
    """
    x, before, after = step.inputs[0], step.known(0).shape, step.output().shape
    found: list[Axis] = []
    for ins, outs in groups_of_axes(before, after):
        inside = [i for i in ins if before[i] != 1]
        outside = [j for j in outs if after[j] != 1]
        step.fix(*(x[i] for i in ins if before[i] == 1))
        new = {j: step.fixed(1) for j in outs if after[j] == 1}
        if len(inside) == len(outside) == 1:
            new[outside[0]] = x[inside[0]]
        elif len(inside) > 1 and len(outside) == 1 and not any(x[i] is None for i in inside):
            new[outside[0]] = merged(step, [x[i] for i in inside])
        elif len(inside) == 1 and len(outside) > 1 and isinstance(after[outside[0]], int) and x[inside[0]] is not None:
            new[outside[0]] = step.ties.blocks(x[inside[0]], after[outside[0]])
            new |= {j: step.fixed(after[j]) for j in outside[1:]}
        else:
            step.fix(*(x[i] for i in inside))
            new |= {j: step.fixed(after[j]) for j in outside}
        found += [new[j] for j in outs]
    return [found]


def merged(step: Step, axes: list[np.ndarray]) -> np.ndarray:
    """Return the atoms of axes that become one, in C order: those of one of them, each as often as it occurs."""
    free = [i for i, axis in enumerate(axes) if not any(step.ties.why(atom) for atom in axis)]
    units = free[0] if free else 0
    step.fix(*(axis for i, axis in enumerate(axes) if i != units))
    shape = [1] * len(axes)
    shape[units] = len(axes[units])
    return np.broadcast_to(axes[units].reshape(shape), [len(axis) for axis in axes]).reshape(-1)


def groups_of_axes(before: tuple[Size, ...], after: tuple[Size, ...]) -> list[tuple[range, range]]:
    """Return which axes become which: the smallest runs of axes with equal products, in their order."""
    ahead, behind = ([product(shape[:i]) for i in range(len(shape) + 1)] for shape in (before, after))
    found, i, j = [], 0, 0
    while i < len(before) or j < len(after):
        if i < len(before) and j < len(after) and before[i] == after[j] != "?":
            here = (i + 1, j + 1)
        else:
            here = next(((a, b) for length in range(1, len(before) + len(after) + 1)
                         for a in range(i, min(i + length, len(before)) + 1) for b in [j + length - (a - i)]
                         if j <= b <= len(after) and ahead[a] == behind[b] != "?"), (len(before), len(after)))
        found.append((range(i, here[0]), range(j, here[1])))
        i, j = here
    return found


def matmul(step: Step) -> list[Axes]:
    a, b = step.inputs
    if len(a) < 2 or len(b) < 2:
        step.fix(*a, *b)
        return unknown(step)
    step.tie(a[-1], b[-2])
    outer, shape = [], step.output().shape
    for at in range(3, len(shape) + 1):
        here = [(axes[-at], step.known(i).shape[-at]) for i, axes in enumerate((a, b)) if at <= len(axes)]
        whole = [axis for axis, size in here if size == shape[-at]]
        step.fix(*(axis for axis, size in here if size != shape[-at]))
        first = whole[0] if whole else step.fixed(shape[-at])
        outer.insert(0, step.tie(first, whole[1]) if len(whole) > 1 else first)
    return [[*outer, a[-2], b[-1]]]


def attention(step: Step) -> list[Axes]:
    """Tie heads: those of queries with the keys and values that they see. A head goes whole, and with its group."""
    (q, k, v), others = step.inputs[:3], step.inputs[3:]
    for each in others:
        if each is not None:
            step.fix(*each)
    outputs = unknown(step)
    graph = step.model.graph
    more = any(name and (graph.users(name) or name in graph.outputs) for name in step.node.outputs[1:])
    if any(axes is None for axes in outputs) or more:
        step.fix(*q, *k, *v)
        return outputs
    flat = len(q) == 3
    h = step.get("heads", 0) if flat else step.known(0).shape[1]
    g = (step.get("kv_heads", 0) or h) if flat else step.known(1).shape[1]
    if not isinstance(h, int) or not isinstance(g, int) or any(axes[-1] is None for axes in (q, k, v)):
        step.fix(*q, *k, *v)
        return outputs
    heads = [step.ties.blocks(axes[-1 if flat else 1], count) for axes, count in ((q, h), (k, g), (v, g))]
    of_group = step.ties.blocks(heads[0], g)
    step.ties.tie(of_group, heads[1])
    step.ties.tie(of_group, heads[2])
    if flat:
        return [[*outputs[0][:2], np.repeat(heads[0], step.output().shape[2] // h)], *outputs[1:]]
    step.fix(q[3], k[3], v[3])
    return [[outputs[0][0], heads[0], *outputs[0][2:]], *outputs[1:]]


def rotary(step: Step) -> list[Axes]:
    x, *others = step.inputs
    for each in others:
        if each is not None:
            step.fix(*each)
    if len(x) == 3 and step.get("heads", 0) and x[2] is not None:
        step.ties.blocks(x[2], step.get("heads", 0))
    else:
        step.fix(x[-1])
    return [x]


def embedding(step: Step) -> list[Axes]:
    indices, (rows, columns) = step.inputs
    step.fix(rows)
    return [[*indices, columns]]


def concat(step: Step) -> list[Axes]:
    at = step.get("axis", 0) % len(step.inputs[0])
    found: list[Axis] = []
    for axis, parts in enumerate(zip(*step.inputs)):
        if axis == at:
            if any(part is None for part in parts):
                step.fix(*parts)
                found.append(None)
            else:
                found.append(np.concatenate(parts))
            continue
        first = parts[0]
        for part in parts[1:]:
            first = step.tie(first, part)
        found.append(first)
    return [found]


def split(step: Step) -> list[Axes]:
    x = step.inputs[0]
    at, found, begin = step.get("axis", 0) % len(x), [], 0
    for i, name in enumerate(step.node.outputs):
        size = step.output(i).shape[at] if name else None
        if x[at] is None or not isinstance(size, int):
            step.fix(x[at])
            return unknown(step)
        found.append([x[at][begin : begin + size] if axis == at else x[axis] for axis in range(len(x))])
        begin += size
    return found


def cut(step: Step) -> list[Axes]:
    """Follow the axes of a slice or of pads whose size stays; the others are fixed."""
    x, before, after = step.inputs[0], step.known(0).shape, step.output().shape
    step.fix(*(axis for axis, a, b in zip(x, before, after) if a != b or a == "?"))
    return [[axis if a == b != "?" else step.fixed(b) for axis, a, b in zip(x, before, after)]]


def gather(step: Step) -> list[Axes]:
    x, indices = step.inputs
    axis = step.get("axis", 0) % len(x)
    step.fix(x[axis], *indices)
    return [[*x[:axis], *indices, *x[axis + 1 :]]]


def of_sizes(step: Step) -> list[Axes]:
    """The sizes of a value are computed anew in a run: they tie nothing."""
    return [[step.fixed(size) for size in step.output().shape]]


RULES: dict[str, Callable[[Step], list[Axes]]] = {
    "linear": linear, "conv": conv, "conv_transposed": conv_transposed, "batch_norm": batch_norm, "layer_norm": norm,
    "rms_norm": norm, "softmax": softmax, **dict.fromkeys(UNARY, unary), **dict.fromkeys(BROADCAST, broadcast),
    **dict.fromkeys(POOLED, pooled), **dict.fromkeys(REDUCED, reduced), "transpose": transposed,
    **dict.fromkeys(("reshape", "flatten", "squeeze", "unsqueeze"), reshaped), "matmul": matmul, "attention": attention,
    "rotary": rotary, "embedding": embedding, "concat": concat, "split": split, "slice": cut, "pad": cut,
    "gather": gather, "shape": of_sizes,
}
