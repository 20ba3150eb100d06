"""A network: layers in a row, each under a name."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from .. import arguments
from ..errors import RefcompressError
from .layers import Layer


class Trainable(Protocol):
    """What training asks of a network: a Network, a GraphNetwork, and either behind an autocast."""

    gradient_scale: float

    @property
    def parameters(self) -> dict[str, np.ndarray]: ...

    @property
    def gradients(self) -> dict[str, np.ndarray]: ...

    def forward(self, x: Any, rng: np.random.Generator | None = None) -> np.ndarray: ...

    def backward(self, dy: np.ndarray) -> None: ...

    def assign(self, values: Mapping[str, np.ndarray]) -> None: ...


class Network:
    """Layers in a row: the output of each is the input of the next.

    ``layers`` : pairs (name, layer). The parameters are known by "layer.parameter", such as "fc1.weight"; the names and
    their order never change, and neither do the arrays behind them: training writes into them. ``gradient_scale`` : by
    what the gradients are multiplied.
    """

    gradient_scale = 1.0

    def __init__(self, layers: Iterable[tuple[str, Layer]]):
        pairs = list(layers)
        self.layers = dict(pairs)
        if not pairs or len(self.layers) != len(pairs):
            raise RefcompressError("layers", "must be pairs of a name, each given once, and a layer")

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters themselves (no copies), by name."""
        return {f"{name}.{p}": a for name, layer in self.layers.items() for p, a in layer.parameters.items()}

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """The gradients of the last ``backward``, by the name of their parameter; the next one overwrites them."""
        return {f"{name}.{p}": a for name, layer in self.layers.items() for p, a in layer.gradients.items()}

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the output for the (n, k) inputs ``x``; with ``rng`` as in training, without it as in use."""
        for layer in self.layers.values():
            x = layer.forward(x, rng)
        return x

    def backward(self, dy: np.ndarray) -> None:
        """Fill ``gradients`` from the gradient ``dy`` of the loss with respect to the last output."""
        layers = list(self.layers.values())
        # Only what lies before the first layer with parameters needs no gradient: this saves a third of the work.
        first = next((i for i, layer in enumerate(layers) if layer.parameters), len(layers))
        passed: np.ndarray | None = dy
        for i in range(len(layers) - 1, first - 1, -1):
            assert passed is not None  # only the first layer that is visited gives None, and it comes last
            passed = layers[i].backward(passed, input_gradient=i > first)

    def assign(self, values: Mapping[str, np.ndarray]) -> None:
        """Copy ``values`` into the parameters of these names; refuse an unknown name, another dtype or shape."""
        assign(self.parameters, values)

    def copy(self) -> "Network":
        """Return a network of its own with the same layers and values."""
        return copy.deepcopy(self)

    def astype(self, dtype: DTypeLike) -> "Network":
        """Return a network of its own that computes in another dtype, its parameters converted.

        In float64 what a float32 network says of an example hardly ever depends on the order in which a BLAS sums.
        """
        network = self.copy()
        for layer in network.layers.values():
            for name, p in layer.parameters.items():
                layer.parameters[name] = p.astype(dtype)
                layer.gradients[name] = np.zeros_like(layer.parameters[name])
        return network


def assign(parameters: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray]) -> None:
    """Copy ``values`` into the parameters of these names; refuse an unknown name, another dtype or shape."""
    checked = {}
    for name, value in values.items():
        if name not in parameters:
            raise RefcompressError(f"values[{name!r}]", f"must be one of {', '.join(parameters)}")
        checked[name] = arguments.array(value, f"values[{name!r}]", parameters[name].dtype)
        if checked[name].shape != parameters[name].shape:
            raise RefcompressError(f"values[{name!r}]", f"must have the shape {parameters[name].shape}, "
                                                        f"not {checked[name].shape}")
    for name, value in checked.items():
        parameters[name][...] = value
