"""Build a network in a few lines of Python: each operation is a method that gives the name of its output."""

from collections.abc import Callable
from typing import Any

from ..errors import RefcompressError
from ..formats import Graph, Input, Node
from .model import Model
from .table import OPERATIONS
from .use import Weight

__all__ = ["Builder"]


class Builder:
    """Nodes and tensors as they are added; ``model`` makes a Model of them.

    An operation of OPERATIONS is a method: its inputs are names of values, or arrays and formats, which become tensors;
    its attributes are keywords; ``name`` is the node's own, and its tensors are "<name>.weight", "<name>.bias", ... or
    what ``tensors`` says.

    >>> b = Builder()
    >>> x = b.input("x", ("batch", 2))
    >>> hidden = b.relu(b.linear(x, np.float32([[1, -1]]), np.float32([0.5]), name="fc1"))
    >>> model = b.model(hidden)
    >>> model(np.float32([[3, 1], [1, 3]])).tolist()
    [[2.5], [0.0]]
    """

    PARTS = ("weight", "bias", "third", "fourth", "fifth", "sixth", "seventh")  # of tensors without a name of their own

    def __init__(self):
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

    def node(self, operation: str, *inputs: str | Weight | None, name: str = "", outputs: int = 1,
             **attributes: Any) -> Any:
        """Add a node and return the name of its output, or a tuple of names."""
        name = name or f"{operation}{sum(node.operation == operation for node in self._nodes) + 1}"
        given, parts = [], iter(self.PARTS)
        for i, each in enumerate(inputs):
            if each is None or isinstance(each, str):
                given.append(each or "")
            else:
                given.append(self.tensor(f"{name}.{next(parts)}", each))
        names = tuple([name] if outputs == 1 else [f"{name}:{i}" for i in range(outputs)])
        self._nodes.append(Node(operation, tuple(given), names, attributes, name))
        return names[0] if outputs == 1 else names

    def __getattr__(self, operation: str) -> Callable:
        if operation not in OPERATIONS:
            raise AttributeError(f"a Builder has no operation {operation!r}")
        return lambda *inputs, **options: self.node(operation, *inputs, **options)

    def model(self, *outputs: str) -> Model:
        """Return the model whose outputs have these names."""
        return Model(Graph(tuple(self._inputs), outputs, tuple(self._nodes)), self._tensors)
