"""Pruning while training: hooks, like those of tuning.py, whose masks change from step to step."""

from collections.abc import Callable, Mapping

import numpy as np

from .. import arguments, reference
from ..errors import ArgumentTypeError, RefcompressError
from .network import Trainable
from .precision import Mixed
from .tuning import Free, Hook, Masked


def cubic(t: float, final: float, initial: float = 0.0) -> float:
    """Return the sparsity at the share ``t`` of the pruning: fast at first, while there is much to spare, then slower.

        s = final + (initial - final) (1 - t)³, with t cut to [0, 1]

    **Source** Zhu and Gupta 2017 (arXiv 1710.01878), eq. 1. **Departs** nothing.

    >>> cubic(0.0, 0.9), round(cubic(0.5, 0.9), 4), cubic(1.0, 0.9), cubic(2.0, 0.9)
    (0.0, 0.7875, 0.9, 0.9)
    """
    return final + (initial - final) * (1 - min(max(t, 0.0), 1.0)) ** 3


class Summed(Free):
    """No restriction; the gradients of the steps are summed in float64, by the name of their parameter, in ``sums``.

    What movement pruning asks for: Sanh, Wolf and Rush 2020 (arXiv 2005.07683), section 4. Their eq. 3 multiplies the
    gradient of a step by the weight of that step; here the gradients alone are summed. A network whose gradients are
    scaled is refused: a step that its scaler leaves out would be summed all the same.
    """

    def __init__(self, network: Trainable):
        super().__init__(network)
        if isinstance(network, Mixed):
            raise ArgumentTypeError("network", f"must not scale its gradients, as {type(network).__name__} does")
        self.sums = {name: np.zeros(p.shape) for name, p in self.parameters.items()}

    def apply(self) -> None:
        for name, gradient in self._network.gradients.items():
            self.sums[name] += gradient


class Gradual(Free):
    """Prune a little more every few steps, along the cubic schedule: a weight once pruned stays +0.0.

    choose : sparsity → masks by name, from the network as it is; it must give a pruned weight the lowest rank (as every
    score that is a product with the weight does). steps : over which the sparsity rises from ``initial`` to ``final``;
    every : how many lie between two prunings. After ``steps`` the masks stay, and training goes on. What was pruned
        before the first
    step may come back until the first pruning.

    **Source** Zhu and Gupta 2017 (arXiv 1710.01878). **Departs** nothing.
    """

    def __init__(self, network: Trainable, choose: Callable[[float], Mapping[str, np.ndarray]], *, final: float,
                 steps: int, every: int = 100, initial: float = 0.0):
        super().__init__(network)
        self._choose, self._final = choose, arguments.real(final, "final", 0, 1)
        self._initial = arguments.real(initial, "initial", 0, self._final)
        self._steps, self._every = arguments.integer(steps, "steps", 1), arguments.integer(every, "every", 1)
        self._done = 0
        self.masks: dict[str, np.ndarray] = {}
        self._masked: Hook = Free(network)

    def gradients(self) -> dict[str, np.ndarray]:
        return dict(self._masked.gradients())

    def apply(self) -> None:
        self._done += 1
        if self._done <= self._steps and (self._done % self._every == 0 or self._done == self._steps):
            self.masks = dict(self._choose(cubic(self._done / self._steps, self._final, self._initial)))
            self._masked = Masked(self._network, self.masks)
        self._masked.apply()


class Splicing:
    """Dynamic network surgery: all weights go on learning, only some take part, and a pruned one may come back.

    The network computes with W ∘ T; the gradient by W ∘ T changes all of W, also where T is 0. Where T is revised, each
    layer has a threshold t, the magnitude of the weight that ``keep`` makes its last: T becomes 0 where |W| < 0.9 t
    and 1 where |W| >= 1.1 t, and stays in between, so that a weight at the threshold does not flicker.

    keep : name → count of weights to keep. A step revises T with the probability (1 + 1e-4 step)^-1, drawn from
    ``rng``; ``finish`` fixes T at exactly ``keep`` weights, those of largest magnitude in W, for training with Masked.

    **Source** Guo, Yao, Chen 2016 (arXiv 1608.04493), algorithm 1. **Departs** the paper's thresholds come from the
    mean and deviation of the weights and a factor chosen by hand; here from the count, which the last step keeps
    exactly.
    """

    def __init__(self, network: Trainable, keep: Mapping[str, int], *, rng: np.random.Generator):
        self._network, self._rng, self._done = network, rng, 0
        weights, self._keep = network.parameters, {}
        for name, count in keep.items():
            if name not in weights:
                raise RefcompressError(f"keep[{name!r}]", f"must be one of {', '.join(weights)}")
            self._keep[name] = arguments.integer(count, f"keep[{name!r}]", 1, weights[name].size)
        self.parameters = weights | {name: weights[name].copy() for name in keep}
        self.masks = {name: np.ones(weights[name].shape, bool) for name in keep}
        self.returned = 0  # how often a pruned weight came back
        self._revise()

    def gradients(self) -> dict[str, np.ndarray]:
        return self._network.gradients

    def apply(self) -> None:
        self._done += 1
        if self._rng.random() < 1 / (1 + 1e-4 * self._done):
            self._revise()
        for name, mask in self.masks.items():
            _write(self._network.parameters[name], self.parameters[name], mask)

    def finish(self) -> dict[str, np.ndarray]:
        """Fix the masks at the exact counts, leave the network with them, and return them."""
        self.masks = {name: reference.prune_magnitude(self.parameters[name], keep=count)
                      for name, count in self._keep.items()}
        for name, mask in self.masks.items():
            _write(self._network.parameters[name], self.parameters[name], mask)
        return self.masks

    def _revise(self) -> None:
        for name, count in self._keep.items():
            size = np.abs(self.parameters[name])
            threshold = np.partition(size, size.size - count, axis=None)[size.size - count]
            mask = (self.masks[name] & (size >= 0.9 * threshold)) | (size >= 1.1 * threshold)
            self.returned += int(np.count_nonzero(mask & ~self.masks[name]))
            self.masks[name] = mask


def _write(target: np.ndarray, values: np.ndarray, mask: np.ndarray) -> None:
    target[...] = 0
    np.copyto(target, values, where=mask)
