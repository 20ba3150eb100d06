"""What pruning wants to know of a graph at work: the statistics of statistics.py, for its linear and conv nodes.

A weight is known by the name of its tensor, without ".weight" where it ends so. Where several nodes take one weight,
its statistics are over what all of them were given and gave.
"""

import math
from collections.abc import Iterator

import numpy as np

from ..errors import RefcompressError
from ..formats import Node
from ..graph.operations.windows import resolved
from .arithmetic import Precision
from .gradients.convolution import patches
from .gradients.windows import padded
from .graph_network import GraphNetwork
from .losses import softmax_cross_entropy
from .measured import GradientStatistics, Statistics, add_moment, mirror

__all__ = ["collect_graph", "collect_graph_gradients", "graph_weights"]

PASSED_ON = ("relu", "max_pool", "batch_norm")  # what may stand between a weight and the activation that it feeds


def graph_weights(network: GraphNetwork) -> dict[str, tuple[np.ndarray, list[Node]]]:
    """Return by name the weight, as it lies, and the nodes that take it."""
    found: dict[str, tuple[np.ndarray, list[Node]]] = {}
    for node in network.nodes:
        if node.operation in ("linear", "conv") and node.inputs[1] in network.tensors:
            name = node.inputs[1].removesuffix(".weight")
            found.setdefault(name, (network.tensors[node.inputs[1]], []))[1].append(node)
    return found


def is_transposed(node: Node) -> bool:
    return bool(dict(node.attributes).get("transposed", False))


def outputs_of(weight: np.ndarray, node: Node) -> int:
    return weight.shape[1] if is_transposed(node) else weight.shape[0]


def collect_graph(network: GraphNetwork, inputs, batch, moments: bool, names: list[str]) -> dict[str, Statistics]:
    """Return the statistics of the named weights of a graph."""
    found: dict[str, list] = {}
    for name, x, y in graph_batches(network, inputs, batch, names):
        k, m = x.shape[1], y.shape[1]
        if name not in found:
            found[name] = [0, np.zeros(k), np.zeros((k, k)) if moments else None, np.zeros(m, np.int64), np.zeros(m), 0]
        sums = found[name]
        sums[0] += len(x)
        sums[1] += np.einsum("nk,nk->k", x, x)
        if moments:
            add_moment(sums[2], x)
        sums[3] += np.count_nonzero(y == 0, axis=0)
        sums[4] += y.sum(axis=0, dtype=np.float64)
        sums[5] += len(y)
    for sums in found.values():
        if moments:
            mirror(sums[2])
    return {name: Statistics(*found[name]) for name in names}


def collect_graph_gradients(network: GraphNetwork, inputs, labels, batch, kinds) -> dict[str, GradientStatistics]:
    """Return the derivatives by the weights of a graph, in the weights' shapes."""
    weights = graph_weights(network)
    sums = {name: {kind: np.zeros((1, 1)) for kind in kinds} for name in weights}
    for name, examples, pairs in graph_gradient_batches(network, inputs, labels, batch):
        if "gradient" in kinds:
            whole = [g.reshape(-1, g.shape[2]).T @ x.reshape(-1, x.shape[2]) for g, x in pairs]
            sums[name]["gradient"] = sums[name]["gradient"] + sum(whole)
        if "square" in kinds:  # of each example alone, over all places and nodes
            sums[name]["square"] = sums[name]["square"] + sum(
                sum(g[i].T @ x[i] for g, x in pairs) ** 2 for i in range(examples))
    found = {}
    for name, (weight, nodes) in weights.items():
        means = {kind: (a.T if is_transposed(nodes[0]) else a).reshape(weight.shape) / len(inputs)
                 for kind, a in sums[name].items()}
        found[name] = GradientStatistics(len(inputs), means.get("gradient"), means.get("square"), None)
    return found


def graph_batches(network: GraphNetwork, inputs: np.ndarray, batch: int,
                  names) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield for each batch and each node of the named weights: the name, the rows that it was given, float64, and the
    activation that it feeds, (rows, outputs)."""
    weights = graph_weights(network)
    for start in range(0, len(inputs), batch):
        _forward(network, inputs[start : start + batch], start)
        for name in names:
            for node in weights[name][1]:
                given, outputs, _ = network.passed(_activation(network, node))
                y = outputs[0]
                axis = 1 if node.operation == "conv" else -1
                m = outputs_of(weights[name][0], node)
                yield name, _rows(network, node), np.moveaxis(y, axis, -1).reshape(-1, m)


def graph_gradient_batches(network: GraphNetwork, inputs: np.ndarray, labels: np.ndarray,
                           batch: int) -> Iterator[tuple[str, int, list[tuple[np.ndarray, np.ndarray]]]]:
    """Yield for each batch and weight: its name, the examples, and of each node that takes it a pair (g, x), float64.

    g (examples, places, m) is the gradient of each example's own loss by the output, x (examples, places, k) the input.
    """
    wide = network.astype(np.float64)
    weights, watch = graph_weights(wide), _Watch()
    for start in range(0, len(inputs), batch):
        part = inputs[start : start + batch]
        n = len(part)
        logits = _forward(wide, part.astype(np.float64) if part.dtype.kind == "f" else part, start)
        wide.backward(softmax_cross_entropy(logits, labels[start : start + batch])[1] * n, precision=watch)
        for name, (weight, nodes) in weights.items():
            pairs = []
            for node in nodes:
                g = np.moveaxis(watch.gradients[node.name], 1 if node.operation == "conv" else -1, -1)
                if len(g) != n:
                    raise RefcompressError(f"node {node.name!r}", f"must have the {n} examples along its first axis, "
                                                                  f"not {len(g)}")
                x = _rows(wide, node)
                pairs.append((g.reshape(n, -1, g.shape[-1]), x.reshape(n, -1, x.shape[1])))
            yield name, n, pairs


class _Watch(Precision):
    """Keeps the gradient of what each node gave."""

    def __init__(self) -> None:
        self.gradients: dict[str, np.ndarray] = {}

    def returning(self, node, gradients):
        self.gradients[node.name] = gradients[0]
        return gradients


def _forward(network: GraphNetwork, x: np.ndarray, start: int) -> np.ndarray:
    """Run a batch in use; refuse what is not finite by the node that gave it."""
    _finite(x, "inputs", start)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below by its index, not warned of
        y = network.forward(x)
    for node in network.nodes:
        for each in network.passed(node)[1]:
            _finite(each, f"output of {node.name!r}", start)
    return y


def _finite(x: np.ndarray, what: str, start: int) -> None:
    good = np.isfinite(x)
    if not good.all():
        at = tuple(int(i) for i in np.argwhere(~good)[0])
        index = ", ".join(map(str, (start + at[0], *at[1:]) if at else at))
        raise RefcompressError(f"{what}[{index}]", f"must be finite, not {x[at]}")


def _rows(network: GraphNetwork, node: Node) -> np.ndarray:
    """Return what a node multiplies by its weight, in float64: a row an example, token or place."""
    x, weight = network.passed(node)[0][:2]
    if node.operation == "linear":
        return x.reshape(-1, x.shape[-1]).astype(np.float64)
    attributes = dict(node.attributes)
    if attributes.get("groups", 1) != 1:
        raise RefcompressError(f"node {node.name!r}", "must have one group: with several, each output has other inputs")
    kernel, places = weight.shape[2:], network.passed(node)[1][0].shape[2:]
    window = resolved(x.shape, kernel, *(attributes.get(name, ()) for name in (  # type: ignore[arg-type]
        "strides", "pads", "dilations")))
    whole = padded(x, kernel, places, *window)
    (found,) = patches(whole, kernel, places, window[0], window[2], 1)
    apart = np.moveaxis(found.reshape(len(x) * math.prod(places), *kernel, -1), -1, 1)  # channels first, as the weight
    return apart.reshape(len(apart), -1).astype(np.float64)


def _activation(network: GraphNetwork, node: Node) -> Node:
    """Return the node whose output is the activation of a weight: the ReLU behind it, else the node itself.

    Between the two there may be pooling and a batch norm, and each value has one user.
    """
    reached = node
    while True:
        users = network.graph.users(reached.outputs[0])
        if len(users) != 1 or users[0].operation not in PASSED_ON:
            return node
        reached = users[0]
        if reached.operation == "relu":
            return reached
