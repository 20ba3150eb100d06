"""Gradient descent: a step changes the parameters in place, by name.

Both add ``weight_decay`` times the weight to its gradient (the L2 penalty that Han et al. 2015, section 3.1, found to
serve pruning with retraining best). The penalty is for matrices only: biases and codebooks (one dimension) go free.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from .. import arguments
from ..constants import LARGEST


class Optimizer(Protocol):
    """What training asks of an optimizer: a rate that it may set, and a step, which tells by False that it was left
    out."""

    learning_rate: float

    def step(self, parameters: Mapping[str, np.ndarray], gradients: Mapping[str, np.ndarray]) -> bool | None: ...


class _Optimizer:
    """What both share: the rates, the state by parameter, the decay."""

    def __init__(self, learning_rate: float, weight_decay: float):
        self.learning_rate = arguments.real(learning_rate, "learning_rate", 0, LARGEST)
        self.weight_decay = arguments.real(weight_decay, "weight_decay", 0, LARGEST)
        self._state: dict[str, tuple[np.ndarray, ...]] = {}

    def step(self, parameters: Mapping[str, np.ndarray], gradients: Mapping[str, np.ndarray]) -> None:
        """Change each parameter in place by one step along its gradient; the gradients stay as they are."""
        self._begin()
        for name, w in parameters.items():
            if name not in self._state:  # two moving means at most, and two arrays to work in
                self._state[name] = np.zeros_like(w), np.zeros_like(w), np.empty_like(w), np.empty_like(w)
            *means, scratch, decayed = self._state[name]
            g = gradients[name]
            if self.weight_decay and w.ndim > 1:
                g = np.add(g, np.multiply(w, self.weight_decay, out=decayed), out=decayed)
            self._update(w, g, means[0], means[1], scratch)

    def _begin(self) -> None:
        """Count the step, where the rule depends on it."""

    def _update(self, w: np.ndarray, g: np.ndarray, first: np.ndarray, second: np.ndarray, scratch: np.ndarray) -> None:
        """Change w by the rule, along g; first and second are its moving means, scratch is free."""
        raise NotImplementedError


class SGD(_Optimizer):
    """Stochastic gradient descent with momentum: v = momentum v - learning_rate (g + weight_decay w); w = w + v.

    **Source** Sutskever et al. 2013 (ICML) (and Caffe, which Han et al. trained with). **Departs** nothing.
    """

    def __init__(self, learning_rate: float, *, momentum: float = 0.9, weight_decay: float = 0.0):
        super().__init__(learning_rate, weight_decay)
        self.momentum = arguments.real(momentum, "momentum", 0, 1)

    def _update(self, w, g, v, _, scratch) -> None:
        v *= self.momentum
        np.multiply(g, self.learning_rate, out=scratch)
        v -= scratch
        w += v


class Adam(_Optimizer):
    """Adam: steps along a moving mean of gradients, each in units of the root of their moving mean square.

    m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; w = w - a m / (sqrt(v) + e'), in which the corrections of the moving
    means' start, 1 - b1^t and 1 - b2^t, are in a = learning_rate sqrt(1 - b2^t) / (1 - b1^t) and e' = e sqrt(1 - b2^t).

    **Source** Kingma and Ba 2015 (arXiv 1412.6980), algorithm 1, in the order that section 2 gives for efficiency.
    **Departs** nothing.
    """

    def __init__(self, learning_rate: float = 1e-3, *, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8,
                 weight_decay: float = 0.0):
        super().__init__(learning_rate, weight_decay)
        self.beta1 = arguments.real(beta1, "beta1", 0, np.nextafter(1, 0))
        self.beta2 = arguments.real(beta2, "beta2", 0, np.nextafter(1, 0))
        self.epsilon = arguments.real(epsilon, "epsilon", np.finfo(np.float64).tiny, LARGEST)
        self.steps = 0

    def _begin(self):
        self.steps += 1

    def _update(self, w, g, m, v, scratch):
        correction = (1 - self.beta2**self.steps) ** 0.5
        m *= self.beta1
        m += np.multiply(g, 1 - self.beta1, out=scratch)
        v *= self.beta2
        np.multiply(g, g, out=scratch)
        scratch *= 1 - self.beta2
        v += scratch
        np.sqrt(v, out=scratch)
        scratch += self.epsilon * correction
        np.divide(m, scratch, out=scratch)
        scratch *= self.learning_rate * correction / (1 - self.beta1**self.steps)
        w -= scratch
