"""A graph that is being rewritten: which node gives a value, which nodes take it, and nodes put in the place of others.

A rule is a function of an Editing. It sees one graph: ``rewritten`` calls it for the branches of "if" nodes too, from
the inside to the outside.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import RefcompressError
from ...formats import Graph, Node
from ...formats.graph import in_order, node_inputs, subgraphs
from ..attributes import new_node
from ..known import Known
from ..model import Model
from ..signature import known_outputs, known_tensor

__all__ = ["Editing", "Rule", "renamed", "rewritten"]

Rule = Callable[["Editing"], None]


class Editing:
    """One graph of a model. nodes : by their names. tensors : all of the model. outputs : names of values.

    A rule puts nodes in the place of others that give the same values, under the same names.
    """

    def __init__(self, graph: Graph, shared: "Shared", around: Mapping[str, Known]):
        self.inputs, self.outputs = graph.inputs, graph.outputs
        self.nodes: dict[str, Node] = {}
        self.tensors = shared.tensors
        self._shared = shared
        self._giver: dict[str, Node] = {}
        self._users: dict[str, dict[str, Node]] = {}
        self._known = dict(around) | {each.name: Known(each.type, each.shape) for each in self.inputs}
        for node in graph.nodes:
            self._add(node)
            self.learn(node)

    # what there is

    def each(self, *operations: str) -> Iterator[Node]:
        """Yield the nodes of these operations, as they stand when it is their turn."""
        for name in [node.name for node in self.nodes.values() if node.operation in operations]:
            if name in self.nodes and self.nodes[name].operation in operations:
                yield self.nodes[name]

    def giver(self, name: str, *operations: str) -> Node | None:
        """Return the node that gives a value, if it is one of these operations (of any, where none is named)."""
        node = self._giver.get(name)
        return node if node is not None and (not operations or node.operation in operations) else None

    def users(self, name: str) -> list[Node]:
        """Return the nodes that take a value; those too whose graphs do."""
        return list(self._users.get(name, {}).values())

    def only_user(self, name: str, *operations: str) -> Node | None:
        """Return the node that alone takes a value, once, if it is one of these operations and the value no output."""
        users = self.users(name)
        if len(users) != 1 or name in self.outputs or operations and users[0].operation not in operations:
            return None
        return users[0] if list(node_inputs(users[0])).count(name) == 1 else None

    def is_inside(self, name: str, *nodes: Node) -> bool:
        """Return whether a value is taken by these nodes only, and is no output."""
        return name not in self.outputs and {node.name for node in self.users(name)} <= {node.name for node in nodes}

    def known(self, name: str) -> Known:
        """Return what is known of a value. What takes its place has the same type and shape."""
        if name in self.tensors:
            return known_tensor(self.tensors[name])
        if name not in self._known:
            self.learn(self._giver[name])
        return self._known[name]

    def everything_known(self) -> dict[str, Known]:
        """Return what is known of all values here, for the graphs inside."""
        return self._known

    def learn(self, node: Node) -> None:
        """Find anew what is known of the outputs of a node."""
        for name in node_inputs(node):
            if name in self.tensors or name not in self._known:
                self._known[name] = self.known(name)
        self._known.update(zip(node.outputs, known_outputs(node, self._known)))

    def constant(self, name: str) -> np.ndarray | None:
        """Return a tensor that is an array; None for all else."""
        value = self.tensors.get(name)
        return value if isinstance(value, np.ndarray) else None

    def number(self, name: str) -> float | None:
        """Return the only element of a tensor, as a float; None where it is none, or has more."""
        value = self.constant(name)
        return float(value.reshape(())) if value is not None and value.size == 1 and value.dtype.kind in "fiu" else None

    def is_single(self, name: str) -> bool:
        """Return whether a tensor is taken once in the whole model, so that it may be changed."""
        return name in self.tensors and self._shared.taken[name] == 1

    # what changes

    def replace(self, old: Iterable[Node], *new: Node) -> None:
        """Put nodes in the place of others."""
        for node in old:
            self._drop(node)
            self._shared.count(node, -1)
        for node in new:
            self._add(node)
            self._shared.count(node, 1)

    def clear(self, nodes: Iterable[Node]) -> None:
        """Take out those of some nodes whose outputs nothing takes, and then those before them, and so on."""
        waiting = [node.name for node in nodes]
        while waiting:
            node = self.nodes.get(waiting.pop())
            if node is not None and not any(name in self.outputs or self.users(name) for name in node.outputs):
                self.replace([node])
                waiting += [giver.name for giver in map(self.giver, node_inputs(node)) if giver is not None]

    def rename(self, old: str, new: str) -> None:
        """Let all nodes that take the value ``old`` take ``new``."""
        for user in self.users(old):
            self.replace([user], renamed(user, {old: new}))

    def replace_inside(self, node: Node, attributes: Mapping[str, Any]) -> None:
        """Give a node other graphs, whose rules have counted what they take."""
        self._drop(node)
        self._add(new_node(node.operation, node.inputs, node.outputs, node.name, attributes))

    def add_tensor(self, name: str, value: np.ndarray) -> str:
        """Add a tensor; return its name, with "#2" after it where that is taken."""
        name = self.unique(name)
        self.tensors[name] = value
        return name

    def change(self, name: str, value: np.ndarray) -> None:
        """Give another value to a tensor that is taken once."""
        if not self.is_single(name):
            raise RefcompressError(f"tensors[{name!r}]", "is taken more than once, and may not be changed")
        self.tensors[name] = value

    def unique(self, name: str) -> str:
        """Return a name that nothing in the model has: this one, or with "#2" after it, ..."""
        found, number = name, 1
        while found in self._shared.names:
            number += 1
            found = f"{name}#{number}"
        self._shared.names.add(found)
        return found

    def graph(self) -> Graph:
        """Return the graph as it is now."""
        return Graph(self.inputs, self.outputs, in_order(self.nodes.values()))

    def _add(self, node: Node) -> None:
        self.nodes[node.name] = node
        for name in filter(None, node.outputs):
            self._giver[name] = node
        for name in node_inputs(node):
            self._users.setdefault(name, {})[node.name] = node

    def _drop(self, node: Node) -> None:
        del self.nodes[node.name]
        for name in filter(None, node.outputs):
            del self._giver[name]
        for name in node_inputs(node):
            self._users[name].pop(node.name, None)


class Shared:
    """What all graphs of a model have in common. names : of values, tensors and nodes. taken : how often a name is."""

    def __init__(self, model: Model):
        self.tensors = dict(model.tensors)
        self.names = set(self.tensors)
        self.taken: Counter[str] = Counter()
        self._count_graph(model.graph, 1)
        for graph in _all_graphs(model.graph):
            self.names |= {each.name for each in graph.inputs} | {node.name for node in graph.nodes}
            self.names |= {name for node in graph.nodes for name in node.outputs}

    def count(self, node: Node, step: int) -> None:
        """Count what a node takes, and what the graphs inside of it take."""
        for name in node.inputs:
            self.taken[name] += step
        for inner in subgraphs(node):
            self._count_graph(inner, step)

    def _count_graph(self, graph: Graph, step: int) -> None:
        for name in graph.outputs:
            self.taken[name] += step
        for node in graph.nodes:
            self.count(node, step)


def rewritten(model: Model, *rules: Rule) -> Model:
    """Return the model after these rules, one after the other, in each of its graphs from the inside to the outside.

    Tensors that nothing takes any more are left out.
    """
    for rule in rules:
        shared = Shared(model)
        graph = _rewritten(model.graph, rule, shared, {})
        model = Model(graph, {name: shared.tensors[name] for name in graph.parameters})
    return model


def _rewritten(graph: Graph, rule: Rule, shared: Shared, around: Mapping[str, Known]) -> Graph:
    editing = Editing(graph, shared, around)
    for node in list(editing.nodes.values()):
        if subgraphs(node):
            inner = {name: _rewritten(value, rule, shared, editing.everything_known())
                     for name, value in node.attributes if isinstance(value, Graph)}
            editing.replace_inside(node, {**dict(node.attributes), **inner})
    rule(editing)
    return editing.graph()


def _all_graphs(graph: Graph) -> Iterator[Graph]:
    yield graph
    for node in graph.nodes:
        for inner in subgraphs(node):
            yield from _all_graphs(inner)


def renamed(node: Node, names: Mapping[str, str]) -> Node:
    """Return a node that takes and gives values under other names; so do the graphs inside of it."""
    attributes = {key: renamed_graph(value, names) if isinstance(value, Graph) else value
                  for key, value in node.attributes}
    return new_node(node.operation, (names.get(name, name) for name in node.inputs),
                    (names.get(name, name) for name in node.outputs), node.name, attributes)


def renamed_graph(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Return a graph with other names of values. Its outputs are renamed too."""
    return Graph(graph.inputs, tuple(names.get(name, name) for name in graph.outputs),
                 tuple(renamed(node, names) for node in graph.nodes))
