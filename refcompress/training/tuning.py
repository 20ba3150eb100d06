"""What a compressed network may still learn: hooks that stand between the network and its optimizer.

A hook has ``parameters`` (what the optimizer changes, by name), ``gradients()`` (theirs, from the network's last
backward pass) and ``apply()`` (make the network's weights follow). ``fit`` calls them around each step.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from ..formats import Shared
from .network import Trainable


class Hook(Protocol):
    """What ``fit`` asks of a hook."""

    @property
    def parameters(self) -> Mapping[str, np.ndarray]: ...

    def gradients(self) -> Mapping[str, np.ndarray]: ...

    def apply(self) -> None: ...


class Free:
    """No restriction: the parameters of the network as they are."""

    def __init__(self, network: Trainable):
        self.parameters = network.parameters
        self._network = network

    def gradients(self) -> dict[str, np.ndarray]:
        return self._network.gradients

    def apply(self) -> None:
        """Leave the weights as the optimizer made them."""


class Masked:
    """Pruned weights stay pruned: where a mask is False the weight is +0.0, and so is its gradient.

    masks : name → bool array of the parameter's shape, True = kept; parameters without a mask are free. The weights are
    pruned at once. tuning : the hook that trains what is kept, Free by default; one on a grid (StraightThrough,
    LearnedSteps) keeps 0 where it is, so that pruned weights are on the grid too.

    **Source** Han et al. 2015 (arXiv 1506.02626), section 3: retrain the remaining connections. **Departs** nothing.
    """

    def __init__(self, network: Trainable, masks: Mapping[str, np.ndarray], *, tuning: Hook | None = None):
        self._tuning: Hook = Free(network) if tuning is None else tuning
        self.parameters = self._tuning.parameters
        self._pruned = {}
        for name, mask in masks.items():
            kept = arguments.array(mask, f"masks[{name!r}]", np.bool_)
            _known(self.parameters, "masks", name, kept.shape)
            self._pruned[name] = np.flatnonzero(~kept)
        self._prune()
        if tuning is not None:
            tuning.apply()

    def gradients(self) -> dict[str, np.ndarray]:
        gradients = dict(self._tuning.gradients())
        for name, pruned in self._pruned.items():
            gradients[name].reshape(-1)[pruned] = 0
        return gradients

    def apply(self) -> None:
        self._prune()
        self._tuning.apply()

    def _prune(self) -> None:
        for name, pruned in self._pruned.items():
            self.parameters[name].reshape(-1)[pruned] = 0  # not multiplied by the mask: that leaves -0.0


class Penalized(Free):
    """Weights are drawn towards targets: the gradient of mu / 2 ||w - target||**2 joins that of the loss, scaled as
    that is.

    targets : name → float32 array of the parameter's shape; parameters not named are free. mu : float, at least 0.

    **Source** Carreira-Perpinan 2017 (arXiv 1707.01209), the L step of the quadratic penalty. **Departs** nothing.
    """

    def __init__(self, network: Trainable, targets: Mapping[str, np.ndarray], mu: float):
        super().__init__(network)
        self._mu = arguments.real(mu, "mu", 0, 1e30)
        self._targets = {}
        for name, target in targets.items():
            self._targets[name] = arguments.array(target, f"targets[{name!r}]", np.float32, np.float64)
            _known(self.parameters, "targets", name, self._targets[name].shape)

    def gradients(self) -> dict[str, np.ndarray]:
        gradients = super().gradients()
        for name, target in self._targets.items():
            factor = gradients[name].dtype.type(self._mu * self._network.gradient_scale)
            gradients[name] += factor * (self.parameters[name] - target)
        return gradients


class SharedCentroids:
    """Weights that share values learn together: the codebook is the parameter, weight = codebook[code].

    The gradient of a centroid is the sum of the gradients of its members: dL/dC_k = sum over i, j of dL/dW_ij [I_ij =
    k]. Where the weights were pruned, code 0 is +0.0 and stays so. shared : name → Shared of the parameter's shape;
    parameters not named are free. The sums are taken in float64, in C order, and rounded once.

    **Source** Han et al. 2016 (arXiv 1510.00149), section 3.3, eq. 3. **Departs** nothing.
    """

    def __init__(self, network: Trainable, shared: Mapping[str, Shared]):
        self._network = network
        self._weights = network.parameters
        self._shared = dict(shared)
        self._members = {}
        self.parameters = dict(self._weights)
        for name, s in self._shared.items():
            _known(self._weights, "shared", name, s.shape)
            # The zero code has no gradient, and nine members in ten: the others are all that a step touches.
            places = np.flatnonzero(s.codes) if s.pruned else np.arange(s.codes.size)
            self._members[name] = places, s.codes.reshape(-1)[places].astype(np.intp)
            self.parameters[name] = s.codebook.astype(self._weights[name].dtype)
        self._network.assign({name: s.dense().astype(self._weights[name].dtype, copy=False)
                              for name, s in self._shared.items()})

    def gradients(self) -> dict[str, np.ndarray]:
        gradients = self._network.gradients
        for name, (places, codes) in self._members.items():
            codebook = self.parameters[name]
            members = gradients[name].reshape(-1)[places]
            gradients[name] = np.bincount(codes, weights=members, minlength=len(codebook)).astype(codebook.dtype)
        return gradients

    def apply(self) -> None:
        for name, (places, codes) in self._members.items():
            self._weights[name].reshape(-1)[places] = self.parameters[name][codes]

    def shared(self) -> dict[str, Shared]:
        """Return what was learnt, by name: the codebooks in ascending order (after a zero code), the codes to match."""
        result = {}
        for name, s in self._shared.items():
            codebook = self.parameters[name].astype(np.float32)
            order = np.argsort(codebook, kind="stable")
            if s.pruned:
                order = np.concatenate([[0], order[order != 0]])
            rank = np.empty_like(order)
            rank[order] = np.arange(len(order))
            result[name] = Shared(rank.astype(s.codes.dtype)[s.codes], codebook[order])
        return result


def _known(parameters: Mapping[str, np.ndarray], argument: str, name: str, shape: tuple[int, ...]) -> None:
    """Refuse a name that the network does not have, or another shape than it has there."""
    if name not in parameters:
        raise RefcompressError(f"{argument}[{name!r}]", f"must be one of {', '.join(parameters)}")
    if shape != parameters[name].shape:
        raise RefcompressError(f"{argument}[{name!r}]", f"must have the shape {parameters[name].shape}, not {shape}")
