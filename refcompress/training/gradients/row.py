"""A row of the table of gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Gradient", "summed_to"]

Gradients = Sequence[np.ndarray | None]


@dataclass(frozen=True)
class Gradient:
    """How an operation of a graph sends a gradient back.

    backward : (dy, y, *inputs, wanted, **attributes) -> the gradient of each input, None for those without. dy is that
    of the loss by the output y; where a node gives several, both are tuples. wanted : of which inputs a gradient is
    asked for, a bool each; of the others anything may come. inputs : the indices of the inputs that have a gradient,
    None for all. What has none is a constant of training: a shape, an index, an exponent, a running average. forward :
    (*inputs, **attributes) -> the output, where the graph's own function is for float32 alone.
    """

    name: str
    backward: Callable[..., Gradients]
    inputs: frozenset[int] | None = None
    forward: Callable | None = None


def summed_to(gradient: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return a gradient summed over the axes along which an input was repeated: of the input's shape.

    An axis is repeated where the input has size 1 or does not have it. Sums are NumPy's, in the gradient's dtype.
    """
    if gradient.shape == like.shape:
        return gradient
    added = gradient.ndim - like.ndim
    axes = tuple(i for i in range(gradient.ndim) if i < added or like.shape[i - added] == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=axes).reshape(like.shape)
