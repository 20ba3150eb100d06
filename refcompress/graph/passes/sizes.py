"""Sizes and values that become known before a run."""

from collections.abc import Mapping

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Graph, Input
from ..model import Model

__all__ = ["with_inputs", "with_sizes"]


def with_sizes(model: Model, sizes: Mapping[str, int]) -> Model:
    """Return the model with inputs whose open sizes of these names are numbers.

    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> model = b.model(b.relu(b.input("x", ("batch", 3))))
    >>> with_sizes(model, {"batch": 2}).graph.inputs[0].shape
    (2, 3)
    """
    open_sizes = {size for each in model.graph.inputs for size in each.shape if isinstance(size, str)}
    for name in sizes:
        if name not in open_sizes:
            raise RefcompressError(f"sizes[{name!r}]", f"is no open size of an input; those are {sorted(open_sizes)}")
    known = {name: arguments.integer(size, f"sizes[{name!r}]", 0) for name, size in sizes.items()}
    inputs = tuple(Input(each.name, each.type, tuple(known.get(size, size) if isinstance(size, str) else size
                                                     for size in each.shape)) for each in model.graph.inputs)
    return Model(Graph(inputs, model.graph.outputs, model.graph.nodes), model.tensors)


def with_inputs(model: Model, values: Mapping[str, np.ndarray]) -> Model:
    """Return the model with these values in the place of inputs: each becomes a tensor of the input's name."""
    named = {each.name: each for each in model.graph.inputs}
    checked = {}
    for name, value in values.items():
        where = f"values[{name!r}]"
        if name not in named:
            raise RefcompressError(where, f"is no input of the model; those are {', '.join(named)}")
        if not isinstance(value, np.ndarray | np.generic):
            raise ArgumentTypeError(where, f"must be an array, not {type(value).__name__}")
        checked[name] = arguments.array(value, where, np.dtype(named[name].type), ndim=len(named[name].shape))
        for axis, (size, wanted) in enumerate(zip(checked[name].shape, named[name].shape)):
            if isinstance(wanted, int) and size != wanted:
                raise RefcompressError(where, f"must have a size {wanted} along axis {axis}, not {size}")
    inputs = tuple(each for each in model.graph.inputs if each.name not in checked)
    graph = Graph(inputs, model.graph.outputs, model.graph.nodes)
    return Model(graph, {**model.tensors, **{name: checked[name] for name in checked if name in graph.parameters}})
