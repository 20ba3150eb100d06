"""Which axes belong together in nodes without weights: an element at a time, pools, sums, and other shapes."""

import numpy as np

from ...graph.known import Size
from ...graph.sizes import product
from .step import Axes, Rule, Step, unknown
from .ties import Axis

__all__ = ["RULES", "groups_of_axes"]

UNARY = ("relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid", "erf", "exp", "sqrt", "reciprocal", "negative",
         "absolute", "floor", "ceil", "hard_sigmoid", "hard_swish", "identity", "cast", "not")
BROADCAST = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "where", "equal", "less",
             "greater", "both", "either", "clip")
REDUCED = ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_product")
POOLED = ("max_pool", "average_pool", "global_average_pool", "global_max_pool")


def unary(step: Step) -> list[Axes]:
    return [step.inputs[0]]


def broadcast(step: Step) -> list[Axes]:
    shape = step.output()
    found: list[Axis] = []
    for at in range(1, len(shape) + 1):  # from the last axis to the first
        here = [(axes[-at], step.shape(i)[-at]) for i, axes in enumerate(step.inputs)
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
    return [[*x[:2], *map(step.fixed, step.output()[2:])]]


def reduced(step: Step) -> list[Axes]:
    x, shape = step.inputs[0], step.shape(0)
    given = step.get("axes", None)
    if given is None and len(step.inputs) > 1:
        value = step.value(1)
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
    x, before, after = step.inputs[0], step.shape(0), step.output()
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
    at, begin = step.get("axis", 0) % len(x), 0
    found: list[Axes] = []
    for i, name in enumerate(step.node.outputs):
        size = step.output(i)[at] if name else None
        if x[at] is None or not isinstance(size, int):
            step.fix(x[at])
            return unknown(step)
        found.append([x[at][begin : begin + size] if axis == at else x[axis] for axis in range(len(x))])
        begin += size
    return found


def cut(step: Step) -> list[Axes]:
    """Follow the axes of a slice or of pads whose size stays; the others are fixed."""
    x, before, after = step.inputs[0], step.shape(0), step.output()
    step.fix(*(axis for axis, a, b in zip(x, before, after) if a != b or a == "?"))
    return [[axis if a == b != "?" else step.fixed(b) for axis, a, b in zip(x, before, after)]]


def gather(step: Step) -> list[Axes]:
    x, indices = step.inputs
    axis = step.get("axis", 0) % len(x)
    step.fix(x[axis], *indices)
    return [[*x[:axis], *indices, *x[axis + 1 :]]]


def of_sizes(step: Step) -> list[Axes]:
    """The sizes of a value are computed anew in a run: they tie nothing."""
    return [[step.fixed(size) for size in step.output()]]


RULES: dict[str, Rule] = {
    **dict.fromkeys(UNARY, unary), **dict.fromkeys(BROADCAST, broadcast), **dict.fromkeys(POOLED, pooled),
    **dict.fromkeys(REDUCED, reduced), "transpose": transposed,
    **dict.fromkeys(("reshape", "flatten", "squeeze", "unsqueeze"), reshaped), "concat": concat, "split": split,
    "slice": cut, "pad": cut, "gather": gather, "shape": of_sizes,
}
