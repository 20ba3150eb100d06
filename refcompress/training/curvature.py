"""The curvature of the loss, for the sensitivities of allocate_sensitivity.py: products with the Hessian, single
gradients.

All of it is computed in float64, with the network as in use (nothing dropped), on the mean softmax cross-entropy.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..errors import RefcompressError
from .layers import Dense, Dropout, Layer, ReLU
from .losses import softmax_cross_entropy
from .network import Network


def hessian_product(network: Network, inputs: np.ndarray, labels: np.ndarray, name: str) -> Callable:
    """Return the function v → H v, H the Hessian of the loss with respect to the parameter ``name``, flattened.

    H v = d/dt gradient(parameter + t v) at t = 0 = mean over examples of Jᵀ (diag(p) - p pᵀ) J v

    p is the softmax of the outputs and J their derivative with respect to the parameter. That is the whole Hessian:
    between the kinks of ReLU the outputs are linear in the parameters of one layer, so J does not change with them. J v
    is found by differentiating the forward pass along v, and Jᵀ by the backward pass; exact but for rounding.

    network : Dense, ReLU and Dropout layers. inputs : (n, k); labels : (n,). v and H v : (size of the parameter,)
        float64.
    Raises RefcompressError for another layer or an unknown name.

    **Source** Pearlmutter 1994, Fast Exact Multiplication by the Hessian (Neural Computation 6). **Departs** one layer
    at a time, so that the terms of J's own derivative vanish. Cost: about that of a gradient, a product.
    """
    layers = _wide(network, name)
    x = inputs.astype(np.float64)
    softmax_cross_entropy(Network(layers.items()).forward(x), labels)  # refuses labels that are none; else not needed
    owner, _, parameter = name.rpartition(".")

    def product(v: np.ndarray) -> np.ndarray:
        passed: list[tuple[str, Layer, np.ndarray]] = []
        y, ry = x, None  # ry: the derivative of y along v, nothing before the layer that v belongs to
        for layer_name, layer in layers.items():
            if isinstance(layer, Dense):
                weight, at = layer.parameters["weight"], y
                y = y @ weight.T + layer.parameters["bias"]
                if layer_name == owner:
                    ry = at @ v.reshape(weight.shape).T if parameter == "weight" else np.broadcast_to(v, y.shape)
                elif ry is not None:
                    ry = ry @ weight.T
                passed.append((layer_name, layer, at))
            elif isinstance(layer, ReLU):
                passed.append((layer_name, layer, y > 0))
                ry = None if ry is None else ry * (y > 0)
                y = np.maximum(y, 0)
        p = np.exp(y - y.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        rdy = p * (ry - (p * ry).sum(axis=1, keepdims=True)) / len(y)
        for layer_name, layer, kept in reversed(passed):
            if layer_name == owner:
                break
            rdy = rdy * kept if isinstance(layer, ReLU) else rdy @ layer.parameters["weight"]
        return (rdy.T @ kept).ravel() if parameter == "weight" else rdy.sum(axis=0)

    return product


def example_gradients(network: Network, inputs: np.ndarray, labels: np.ndarray, name: str) -> Iterator[np.ndarray]:
    """Yield the gradient of the loss of each example alone with respect to the parameter ``name``: what Fisher is made
    of.

    **Source** Theis et al. 2018 (arXiv 1801.05787), on Fisher pruning. **Departs** nothing. Cost: a gradient an
    example.
    """
    net = Network(_wide(network, name).items())
    for i in range(len(inputs)):
        _, dy = softmax_cross_entropy(net.forward(inputs[i : i + 1].astype(np.float64)), labels[i : i + 1])
        net.backward(dy)
        yield net.gradients[name].copy()


def _wide(network: Network, name: str) -> dict:
    """Return the layers of a copy of the network, its parameters and gradients float64; refuse what has no
    derivative here."""
    if name not in network.parameters:
        raise RefcompressError("name", f"must be one of {', '.join(network.parameters)}, not {name!r}")
    copied = network.copy().layers
    for layer_name, layer in copied.items():
        if not isinstance(layer, (Dense, ReLU, Dropout)):
            raise RefcompressError(f"network.layers[{layer_name!r}]", f"must be Dense, ReLU or Dropout, not "
                                                                      f"{type(layer).__name__}")
        for arrays in (layer.parameters, layer.gradients):
            arrays.update({p: a.astype(np.float64) for p, a in arrays.items()})
    return copied
