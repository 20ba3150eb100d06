"""Build a network in a few lines of Python: each operation is a method that gives the name of its output."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Graph, Input, Node, is_array_format
from ..formats.graph import node_inputs
from .model import Model
from .table import OPERATIONS
from .use import Weight

__all__ = ["Builder"]


class Builder:
    """Nodes and tensors as they are added; ``model`` makes a Model of them.

    An operation of OPERATIONS is a method: its inputs are names of values, or arrays and formats, which become tensors;
    its attributes are keywords; ``name`` is the node's own, and its tensors are "<name>.weight", "<name>.bias", ...;
    ``tensor`` gives one another name.

    >>> b = Builder()
    >>> x = b.input("x", ("batch", 2))
    >>> hidden = b.relu(b.linear(x, np.float32([[1, -1]]), np.float32([0.5]), name="fc1"))
    >>> model = b.model(hidden)
    >>> model(np.float32([[3, 1], [1, 3]])).tolist()
    [[2.5], [0.0]]

    take : (name, *shape) -> a tensor. With one, ``b.take("fc1.weight", 32, 64)`` adds the tensor that it gives, under
    the same name. So one function of ``take`` builds a network from a checkpoint (``load_model(path, network)``) and a
    new one (``network(training.Fresh(rng))``).
    """

    PARTS = ("weight", "bias", "third", "fourth", "fifth", "sixth", "seventh")  # of tensors without a name of their own

    def __init__(self, take: Callable[..., Weight] | None = None):
        self._take = take
        self._inputs: list[Input] = []
        self._nodes: list[Node] = []
        self._tensors: dict[str, Weight] = {}

    def input(self, name: str, shape: tuple[int | str, ...], type: str = "float32") -> str:
        """Add an input and return its name."""
        self._inputs.append(Input(name, type, shape))
        return name

    def tensor(self, name: str, value: Weight) -> str:
        """Add a tensor and return its name: for one that several nodes take."""
        if name in self._tensors:
            raise RefcompressError("name", f"{name!r} is the name of a tensor already")
        self._tensors[name] = value
        return name

    def take(self, name: str, *shape: int, turned: bool = True) -> str:
        """Add the tensor of that name and shape that ``take`` gives, and return its name; asked again, it is the same.

        turned : False for a table of an embedding, which no layout of checkpoints turns.
        """
        if self._take is None:
            raise RefcompressError("take", "must be given to the Builder before it is asked for tensors: Builder(take)")
        value = self._take(name, *shape, turned=turned)
        return name if name in self._tensors else self.tensor(name, value)

    def node(self, operation: str, *inputs: str | Weight | None, name: str = "", outputs: int = 1,
             **attributes: Any) -> Any:
        """Add a node and return the name of its output, or a tuple of names."""
        name = name or f"{operation}{sum(node.operation == operation for node in self._nodes) + 1}"
        given, parts = [], iter(self.PARTS)
        for i, each in enumerate(inputs):  # all of them before the first is added
            if each is not None and not isinstance(each, str):
                _check_input(each, f"node {name!r}", i)
        for each in inputs:
            if each is None or isinstance(each, str):
                given.append(each or "")
            else:
                given.append(self.tensor(f"{name}.{next(parts)}", each))
        names = tuple([name] if outputs == 1 else [f"{name}:{i}" for i in range(outputs)])
        pairs = {key: _of_python(value) for key, value in attributes.items()}
        self._nodes.append(Node(operation, tuple(given), names, pairs, name))
        return names[0] if outputs == 1 else names

    def __getattr__(self, operation: str) -> Callable:
        if operation not in OPERATIONS:
            raise AttributeError(f"a Builder has no operation {operation!r}")
        return lambda *inputs, **options: self.node(operation, *inputs, **options)

    def model(self, *outputs: str) -> Model:
        """Return the model whose outputs have these names."""
        known = [*(each.name for each in self._inputs), *self._tensors,
                 *(name for node in self._nodes for name in node.outputs)]
        for node in self._nodes:
            for name in node_inputs(node):
                _known(name, known, f"node {node.name!r}", "takes")
        for i, name in enumerate(outputs):
            if isinstance(name, str):
                _known(name, known, f"outputs[{i}]", "is")
        return Model(Graph(tuple(self._inputs), outputs, tuple(self._nodes)), self._tensors)


def _check_input(value: Any, where: str, i: int) -> None:
    """Refuse numbers of Python as a tensor, and the float64 that NumPy makes of them."""
    if is_array_format(value):
        return
    if not isinstance(value, np.ndarray | np.generic):
        cure = {bool: "np.bool_", int: "np.int64(...) or np.float32"}.get(type(value), "np.float32")
        raise ArgumentTypeError(where, f"input {i} must be the name of a value, an array of NumPy or a format, not "
                                       f"{type(value).__name__}: give {cure}(...)")
    if value.dtype == np.float64:
        raise ArgumentTypeError(where, f"input {i} must not be float64, for networks compute in float32: give "
                                       "np.float32(...); where float64 is meant, add it by tensor(name, value)")


def _of_python(value: Any) -> Any:
    """Return an attribute with Python's numbers in place of NumPy's."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return tuple(map(_of_python, value)) if isinstance(value, tuple | list) else value


def _known(name: str, known: list[str], where: str, verb: str) -> None:
    """Refuse a name that nothing has, with those that are like it."""
    if name not in known:
        near = get_close_matches(name, known) or known[-3:]
        raise RefcompressError(where, f"{verb} {name!r}, and no node, input or tensor has this name; the nearest: "
                                      f"{', '.join(map(repr, near)) or 'there is none'}")
