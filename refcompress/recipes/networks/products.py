"""Which axes belong together in nodes with weights, in norms and in attention."""

import numpy as np

from .step import Axes, Rule, Step, unknown
from .ties import Axis

__all__ = ["RULES"]


def linear(step: Step) -> list[Axes]:
    x, (out, inner), *bias = step.inputs
    step.tie(x[-1], inner)
    for each in bias:
        if each is not None:
            step.tie(each[0], out)
    return [[*x[:-1], out]]


def conv(step: Step) -> list[Axes]:
    x, weight, *bias = step.inputs
    g, shape = step.get("groups", 1), step.output()
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
    return [[x[0], weight[1], *map(step.fixed, step.output()[2:])]]


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


def matmul(step: Step) -> list[Axes]:
    a, b = step.inputs
    if len(a) < 2 or len(b) < 2:
        step.fix(*a, *b)
        return unknown(step)
    step.tie(a[-1], b[-2])
    outer: list[Axis] = []
    shape = step.output()
    for at in range(3, len(shape) + 1):
        here = [(axes[-at], step.shape(i)[-at]) for i, axes in enumerate((a, b)) if at <= len(axes)]
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
    outputs, graph = unknown(step), step.model.graph
    first = outputs[0] or []
    more = any(name and (graph.users(name) or name in graph.outputs) for name in step.node.outputs[1:])
    if any(axes is None for axes in outputs) or more:
        step.fix(*q, *k, *v)
        return outputs
    flat = len(q) == 3
    h = step.get("heads", 0) if flat else step.shape(0)[1]
    g = (step.get("kv_heads", 0) or h) if flat else step.shape(1)[1]
    if not isinstance(h, int) or not isinstance(g, int) or any(axes[-1] is None for axes in (q, k, v)):
        step.fix(*q, *k, *v)
        return outputs
    heads = [step.ties.blocks(axes[-1 if flat else 1], count) for axes, count in ((q, h), (k, g), (v, g))]
    of_group = step.ties.blocks(heads[0], g)
    step.ties.tie(of_group, heads[1])
    step.ties.tie(of_group, heads[2])
    if flat:
        return [[*first[:2], np.repeat(heads[0], step.output()[2] // h)], *outputs[1:]]
    step.fix(q[3], k[3], v[3])
    return [[first[0], heads[0], *first[2:]], *outputs[1:]]


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


RULES: dict[str, Rule] = {
    "linear": linear, "conv": conv, "conv_transposed": conv_transposed, "batch_norm": batch_norm, "layer_norm": norm,
    "rms_norm": norm, "softmax": softmax, "matmul": matmul, "attention": attention, "rotary": rotary,
    "embedding": embedding,
}
