"""A network: which operation follows which, and what each takes."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Union

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from .base import Format
from .element_types import ELEMENT_TYPES

Scalar = bool | int | float | str
Attribute = Union[Scalar, tuple[Scalar, ...], "Graph"]
MAX_DEPTH = 8  # of graphs in the attributes of nodes


@dataclass(frozen=True)
class Input:
    """What a graph is given: its name, its element type (ELEMENT_TYPES), and its sizes; a size that is open has a name.

    Two sizes of one name are equal.
    """

    name: str
    type: str
    shape: tuple[int | str, ...]

    def __post_init__(self):
        _name(self.name, "name")
        arguments.choice(self.type, "type", ELEMENT_TYPES)
        sizes = []
        if isinstance(self.shape, str) or not hasattr(self.shape, "__iter__"):
            raise ArgumentTypeError("shape", f"must be a tuple of sizes, not {type(self.shape).__name__}")
        for i, size in enumerate(self.shape):
            where = f"shape[{i}]"
            sizes.append(_name(size, where) if isinstance(size, str) else arguments.integer(size, where, 0))
        object.__setattr__(self, "shape", tuple(sizes))


@dataclass(frozen=True, eq=False)
class Node:
    """One operation of a graph: y, ... = operation(inputs, attributes).

    operation : a name of refcompress.graph.OPERATIONS, which says what it computes. inputs : names of values; "" for
    one that is left out. outputs : the names of what it gives; "" for what nothing needs. name : its own, for reports;
    by default the first output. attributes : pairs of a name and a value, in the order of their names (a mapping will
    do): a bool, an int, a float, a string, a tuple of one of these, or a Graph.
    """

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Any = ()
    name: str = ""

    def __post_init__(self):
        _name(self.operation, "operation")
        for part in ("inputs", "outputs"):
            names = tuple(getattr(self, part))
            for i, each in enumerate(names):
                if each != "":
                    _name(each, f"{part}[{i}]")
            object.__setattr__(self, part, names)
        if not any(self.outputs):
            raise RefcompressError("outputs", f"must name what the {self.operation} gives")
        object.__setattr__(self, "name", _name(self.name or next(filter(None, self.outputs)), "name"))
        pairs = self.attributes.items() if isinstance(self.attributes, Mapping) else self.attributes
        checked = {key: _attribute(value, f"attributes[{key!r}]") for key, value in pairs}
        object.__setattr__(self, "attributes", tuple(sorted(checked.items())))

    def __eq__(self, other):
        return self._content() == other._content() if isinstance(other, Node) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple:
        """Return what equal nodes have in common: True is not 1, and neither is 1.0; the sign of a zero counts."""
        attributes = tuple((key, value if isinstance(value, Graph) else repr(value)) for key, value in self.attributes)
        return self.operation, self.inputs, self.outputs, self.name, attributes

    def __getitem__(self, name: str) -> Any:
        """Return the attribute of that name; KeyError where the node has none."""
        return dict(self.attributes)[name]


@dataclass(frozen=True, eq=False, repr=False)
class Graph(Format):
    """A network without its arrays: nodes in an order in which each stands behind those whose outputs it takes.

    inputs : what is given. outputs : the names of what comes out. nodes : see :class:`Node`. A name that a node takes,
    and that is neither given nor an output of a node, is a parameter: an entry of the file, or an array, of that name.
    A graph in an attribute (a branch of "if") may take the values of the graph around it.

    Every name of a value is given once, by an input or by a node; the names of nodes differ.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    _depth: ClassVar[int] = 0  # of an instance its own

    def __post_init__(self):
        for part, kind in (("inputs", Input), ("outputs", str), ("nodes", Node)):
            items = tuple(getattr(self, part))
            for i, each in enumerate(items):
                if not isinstance(each, kind):
                    raise ArgumentTypeError(f"{part}[{i}]", f"must be of {kind.__name__}, not {type(each).__name__}")
            object.__setattr__(self, part, items)
        given: set[str] = set()
        for i, each in enumerate(self.inputs):
            _once(each.name, given, f"inputs[{i}]")
        names: set[str] = set()
        later = {output for node in self.nodes for output in node.outputs if output}
        for i, node in enumerate(self.nodes):
            _once(node.name, names, f"node {node.name!r}", "is the name of an earlier node")
            for name in node_inputs(node):
                if name in later and name not in given:
                    raise RefcompressError(f"node {node.name!r}", f"takes {name!r}, which it or a later node gives: "
                                           "nodes stand behind those whose outputs they take, and a cycle has no order")
            for output in filter(None, node.outputs):
                _once(output, given, f"node {node.name!r}")
        taken = set(self.parameters)
        if both := taken & given:
            raise RefcompressError("nodes", f"take {min(both)!r} as a parameter, and a node gives it")
        if not self.outputs:
            raise RefcompressError("outputs", "must name at least one value")
        outputs: set[str] = set()
        for i, name in enumerate(self.outputs):
            _once(_name(name, f"outputs[{i}]"), outputs, f"outputs[{i}]")
            if name not in given and name not in taken:
                raise RefcompressError(f"outputs[{i}]", f"{name!r} is given by no node")
        depth = 1 + max((inner._depth for node in self.nodes for inner in subgraphs(node)), default=0)
        if depth > MAX_DEPTH:
            raise RefcompressError("nodes", f"have graphs in graphs beyond the depth {MAX_DEPTH}")
        object.__setattr__(self, "_depth", depth)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names that nodes take and nothing gives, in the order in which they are first taken."""
        given = {each.name for each in self.inputs} | {output for node in self.nodes for output in node.outputs}
        taken = (name for node in self.nodes for name in node_inputs(node))
        return tuple(dict.fromkeys(name for name in taken if name not in given))

    @cached_property
    def forgotten(self) -> tuple[tuple[str, ...], ...]:
        """Of each node, the values that no later node and no output takes: a run forgets them behind it."""
        given = {each.name for each in self.inputs} | {output for node in self.nodes for output in node.outputs}
        last = {name: i for i, node in enumerate(self.nodes) for name in (*node.outputs, *node_inputs(node))}
        found: list[list[str]] = [[] for _ in self.nodes]
        for name, i in last.items():
            if name and name in given and name not in self.outputs:
                found[i].append(name)
        return tuple(map(tuple, found))

    def users(self, name: str) -> list[Node]:
        """Return the nodes that take the value of that name, in their order."""
        return [node for node in self.nodes if name in node_inputs(node)]

    def giver(self, name: str) -> Node | None:
        """Return the node that gives the value of that name; None for an input and a parameter."""
        return next((node for node in self.nodes if name in node.outputs), None)

    def __repr__(self) -> str:
        counts = ((name, len(getattr(self, name))) for name in ("inputs", "outputs", "nodes"))
        return f"Graph({', '.join(f'{count} {name}' for name, count in counts)}, nbytes={self.nbytes})"

    def describe(self) -> str:
        count = len(self.nodes)
        return f"network of {count} node{'s' * (count != 1)}"


def subgraphs(node: Node) -> list["Graph"]:
    """Return the graphs that stand in a node's attributes."""
    return [value for _, value in node.attributes if isinstance(value, Graph)]


def node_inputs(node: Node) -> Iterator[str]:
    """Yield the names of all values that a node takes; those too that its graphs take from around it."""
    yield from filter(None, node.inputs)
    for inner in subgraphs(node):
        yield from inner.parameters


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Return nodes in an order in which each stands behind those whose outputs it takes; of several the first given.

    Raises RefcompressError for a cycle, with the names of its nodes.
    """
    nodes = list(nodes)
    giver = {output: i for i, node in enumerate(nodes) for output in node.outputs if output}
    order: list[Node] = []
    state = [0] * len(nodes)  # 0: not seen, 1: on the way, 2: in order
    for start in range(len(nodes)):
        stack = [start]
        while stack:
            i = stack[-1]
            if state[i] == 2:
                stack.pop()
                continue
            state[i] = 1
            before = [giver[name] for name in node_inputs(nodes[i]) if name in giver and state[giver[name]] != 2]
            on_the_way = [j for j in before if state[j] == 1]
            if on_the_way:
                cycle = [nodes[j].name for j in dict.fromkeys(stack[stack.index(on_the_way[0]):]) if state[j] == 1]
                raise RefcompressError("nodes", f"have a cycle: {' -> '.join([*cycle, cycle[0]])}")
            if before:
                stack.extend(reversed(before))
                continue
            state[i] = 2
            order.append(nodes[i])
            stack.pop()
    return tuple(order)


def _once(name: str, seen: set[str], where: str, rule: str = "") -> None:
    if name in seen:
        raise RefcompressError(where, rule or f"gives {name!r} a second time")
    seen.add(name)


def _name(value, argument: str) -> str:
    if not isinstance(value, str):
        raise ArgumentTypeError(argument, f"must be a string, not {type(value).__name__}")
    if not value:
        raise RefcompressError(argument, "must not be empty")
    return value


def _attribute(value, where: str) -> Attribute:
    """Return a value of Python's own types, or refuse it."""
    if isinstance(value, bool | str | Graph):
        return value
    if isinstance(value, int):
        return arguments.integer(value, where, -(2**63), 2**63 - 1)
    if isinstance(value, float):
        if math.isnan(value):
            raise RefcompressError(where, "must not be NaN")
        return value
    if isinstance(value, tuple | list):
        items = tuple(_attribute(each, f"{where}[{i}]") for i, each in enumerate(value))
        if len({type(each) for each in items}) > 1 or any(isinstance(each, tuple | Graph) for each in items):
            raise RefcompressError(where, "must have items of one type: bool, int, float or str")
        return items  # type: ignore[return-value]
    raise ArgumentTypeError(where, f"must be a bool, an int, a float, a string, a tuple or a Graph, not "
                                   f"{type(value).__name__}")
