"""A trained network as a graph with its tensors: what is stored with the weights, and runs from the file."""

import math
from typing import Any

from ..errors import ArgumentTypeError
from ..graph import Builder, Model
from .convolution import Convolution, MaxPool, Reshape
from .grids import grid_nodes
from .layers import Dense, Dropout, ReLU, Tanh
from .network import Network
from .quantized import QuantizedInputs

__all__ = ["model_of"]


def model_of(network: Network) -> Model:
    """Return the graph of a network in use, with its parameters under their names.

    Nodes have the names of the layers. Dropout is nothing in use, and has none. Images are (n, channels, rows, columns)
    in a graph and have their channels last in a Network: where they are made flat again they are turned, so that the
    weights behind stay as they are. QuantizedInputs are the nodes that grids.py makes of them. The input "x" is what
    the network is given.

    Raises ArgumentTypeError for a layer of another kind than Dense, Convolution, ReLU, Tanh, MaxPool, Reshape,
    QuantizedInputs and Dropout.

    >>> rng = np.random.default_rng(0)
    >>> network = Network([("fc1", Dense(2, 3, rng=rng)), ("relu", ReLU()), ("fc2", Dense(3, 1, rng=rng))])
    >>> model = model_of(network)
    >>> [node.operation for node in model.graph.nodes], list(model.tensors) == list(network.parameters)
    (['linear', 'relu', 'linear'], True)
    """
    b = Builder()
    readers = (layer for layer in network.layers.values() if isinstance(layer, Dense | Convolution | Reshape))
    reader = next(readers, None)
    images = isinstance(reader, Convolution)  # whether the value at hand has rows, columns and channels
    if isinstance(reader, Convolution):
        y = b.input("x", ("batch", "rows", "columns", reader.parameters["weight"].shape[1]))
        y = b.transpose(y, axes=(0, 3, 1, 2), name="channels_first")
    else:
        size = ("values" if reader is None else math.prod(reader.shape) if isinstance(reader, Reshape)
                else reader.parameters["weight"].shape[1])
        y = b.input("x", ("batch", size))
    for name, layer in network.layers.items():
        if isinstance(layer, Dense | Convolution):
            add = b.conv if isinstance(layer, Convolution) else b.linear
            y = add(y, layer.parameters["weight"].copy(), layer.parameters["bias"].copy(), name=name)
        elif isinstance(layer, ReLU | Tanh):
            y = (b.relu if isinstance(layer, ReLU) else b.tanh)(y, name=name)
        elif isinstance(layer, MaxPool):
            y = b.max_pool(y, kernel=(2, 2), strides=(2, 2), name=name)
        elif isinstance(layer, Reshape):
            if images:
                y = b.transpose(y, axes=(0, 2, 3, 1), name=f"{name}.channels_last")
            images = len(layer.shape) == 3
            if images and layer.shape[2] == 1:  # one channel is first and last
                y = b.reshape(y, shape=(-1, 1, *layer.shape[:2]), name=name)
            else:
                y = b.reshape(y, shape=(-1, *layer.shape), name=name)
                if images:
                    y = b.transpose(y, axes=(0, 3, 1, 2), name=f"{name}.channels_first")
        elif isinstance(layer, QuantizedInputs):
            for node in grid_nodes(y, layer, f"network.layers[{name!r}]"):
                attributes: dict[str, Any] = dict(node.attributes)
                y = b.node(node.operation, *node.inputs, name=node.name, **attributes)
        elif not isinstance(layer, Dropout):
            raise ArgumentTypeError(f"network.layers[{name!r}]", f"must be of a kind that a graph has, not "
                                                                 f"{type(layer).__name__}")
    return b.model(y)
