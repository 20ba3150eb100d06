"""The arithmetic of training: a graph's operations with NumPy's own functions, in the dtype of what comes."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .. import reference
from ..formats import Node
from ..graph.use import Use
from .layers import product

__all__ = ["Arithmetic", "Precision"]


class Arithmetic(Use):
    """What computes the nodes of a graph in training: products in runs of terms (layers.product), and NumPy.

    The operations of the table below compute in float32 and float64 alike; all others are the reference's.
    """

    def __init__(self) -> None:
        super().__init__(reference)

    def __call__(self, name: str) -> Callable:
        return FUNCTIONS[name] if name in FUNCTIONS else super().__call__(name)

    def product(self, x: np.ndarray, weight) -> np.ndarray:
        return product(x, weight.T)


class Precision:
    """In which format a node computes: as it is, whatever comes. Autocast has another answer."""

    def entering(self, node: Node, values: list) -> list:
        """Return what a node takes."""
        return values

    def leaving(self, node: Node, values: tuple) -> tuple:
        """Return what a node gives."""
        return values

    def returning(self, node: Node, gradients: tuple) -> tuple:
        """Return the gradients of what a node gives."""
        return gradients

    def sending(self, node: Node, gradients: Sequence) -> Sequence:
        """Return the gradients of what a node takes."""
        return gradients


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), without an exponential that overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, x.dtype.type(1), e) / (1 + e)


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function, by the C library in float64."""
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x.astype(np.float64)), np.float64).astype(x.dtype)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x * x.dtype.type(math.sqrt(0.5)))) / 2


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.tanh(x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * (x * x * x)))) / 2


ACTIVATIONS: Mapping[str, Callable] = {"exp": np.exp, "tanh": np.tanh, "sigmoid": sigmoid, "erf": erf, "gelu": gelu,
                                       "gelu_tanh": gelu_tanh, "silu": lambda x: x * sigmoid(x)}


def softmax(x: np.ndarray) -> np.ndarray:
    p = np.exp(x - x.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def layer_norm(x: np.ndarray, weight=None, bias=None, *, epsilon: float) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    y = rms_norm(centred, weight, epsilon=epsilon)
    return y if bias is None else y + bias


def rms_norm(x: np.ndarray, weight=None, *, epsilon: float) -> np.ndarray:
    y = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + x.dtype.type(epsilon))
    return y if weight is None else y * weight


def gemm(x: np.ndarray, weight: np.ndarray, *, transposed: bool = False) -> np.ndarray:
    """Return x @ weight.T; ``transposed`` : x @ weight."""
    return product(x, weight if transposed else weight.T)


FUNCTIONS: Mapping[str, Callable] = {
    "gemm_f32f32": gemm,
    "nn_activation": lambda x, function: ACTIVATIONS[function](x), "nn_softmax": softmax, "nn_layer_norm": layer_norm,
    "nn_rms_norm": rms_norm}
