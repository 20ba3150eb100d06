"""Learning-compression: train towards weights that can be compressed, and compress exactly, in turn.

    minimise  loss(w) + mu / 2 ||w - theta||**2,   theta = what a compression can stand for,   mu rising

    L step: train w with the penalty;    C step: theta = the compression of w, solved exactly

**Source** Carreira-Perpinan 2017 (arXiv 1707.01209), the quadratic-penalty form and, with multipliers, the augmented
Lagrangian; ranks learnt with the weights: Idelbayev and Carreira-Perpinan 2020 (CVPR); sums of compressions: their LC
toolkit. **Departs** L steps of few epochs, warm: the papers train 30 an L step.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from .. import arguments, ops, reference
from ..constants import LARGEST, SMALLEST_NORMAL
from ..errors import RefcompressError
from ..formats import CSR, LowRank, Shared
from ..training import SGD, Network, Penalized, error_rate, fit

__all__ = ["Ranks", "Sparse", "Shrunk", "Values", "Sum", "LCResult", "learning_compression", "geometric"]


class Step(Protocol):
    """A compression: its C step, and what its result is."""

    def step(self, w: np.ndarray, mu: float): ...


@dataclass(frozen=True)
class Ranks:
    """Low rank, the rank free: cost alpha for each unit of ``count``, "parameters", "bytes" or "flops", a layer takes.

    C step: lowrank_svd at the rank that allocate_rank finds, with the costs of allocate_rank_cost. Where that rank's
    factors take no less than the matrix, the layer stays dense: the step gives the matrix itself.
    """

    alpha: float
    count: str = "parameters"

    def __post_init__(self):
        arguments.settle(self, alpha=arguments.real(self.alpha, "alpha", 0, 1e30),
                         count=arguments.choice(self.count, "count", ("parameters", "bytes", "flops")))

    def cost(self, shape: tuple[int, int]) -> np.ndarray:
        """Return alpha times the cost of each rank from 0 on."""
        return self.alpha * reference.allocate_rank_cost(shape, count=self.count)

    def step(self, w: np.ndarray, mu: float) -> LowRank | np.ndarray:
        w = arguments.array(w, "w", np.float32, ndim=2)
        full = np.linalg.svd(w.astype(np.float64), compute_uv=False)
        rank = reference.allocate_rank(full, self.cost(w.shape), mu=mu)
        taken = reference.allocate_rank_cost(w.shape, count=self.count)
        return w.copy() if rank and taken[rank] == taken[-1] else reference.lowrank_svd(w, rank=rank)


@dataclass(frozen=True)
class Sparse:
    """At most ``keep`` weights (a constraint), or each at the price ``alpha`` (a penalty); exactly one is given."""

    keep: int | None = None
    alpha: float | None = None

    def __post_init__(self):
        if arguments.exactly_one(keep=self.keep, alpha=self.alpha) == "keep":
            arguments.settle(self, keep=arguments.integer(self.keep, "keep", 0))
        else:
            arguments.settle(self, alpha=arguments.real(self.alpha, "alpha", 0, 1e30))

    def step(self, w: np.ndarray, mu: float) -> CSR:
        if self.keep is not None:
            return reference.csr_from_dense(reference.prune_project_l0(w, keep=self.keep))
        assert self.alpha is not None  # one of the two was given
        kept = reference.prune_penalty_l0(w, penalty=self.alpha / mu)
        return reference.csr_from_dense(kept)


@dataclass(frozen=True)
class Shrunk:
    """Magnitudes that sum to at most ``radius`` (a constraint), or at the price ``alpha`` (a penalty); one is given."""

    radius: float | None = None
    alpha: float | None = None

    def __post_init__(self):
        if arguments.exactly_one(radius=self.radius, alpha=self.alpha) == "radius":
            arguments.settle(self, radius=arguments.real(self.radius, "radius", 0, LARGEST))
        else:
            arguments.settle(self, alpha=arguments.real(self.alpha, "alpha", 0, 1e30))

    def step(self, w: np.ndarray, mu: float) -> CSR:
        if self.radius is not None:
            return reference.csr_from_dense(reference.prune_project_l1(w, radius=self.radius))
        assert self.alpha is not None  # one of the two was given
        kept = reference.prune_penalty_l1(w, penalty=self.alpha / mu)
        return reference.csr_from_dense(kept)


@dataclass(frozen=True)
class Values:
    """So many values, learnt: the C step is share_optimal, exact k-means.

    implementation : a namespace; its share_optimal is used where it has one. The reference's takes minutes for a layer
    of more than some ten thousand weights.
    """

    clusters: int
    implementation: object = reference

    def __post_init__(self):
        arguments.settle(self, clusters=arguments.integer(self.clusters, "clusters", 1, 2**16))

    def step(self, w: np.ndarray, mu: float) -> Shared:
        share, _ = ops.implementation_of(self.implementation, "share_optimal")
        return share(w, clusters=min(self.clusters, w.size))


@dataclass(frozen=True)
class Sum:
    """The sum of two compressions; the C step is theirs in turn, each of what the other leaves, until it gains
    nothing."""

    first: Step
    second: Step
    turns: int = 10

    def __post_init__(self):
        arguments.settle(self, turns=arguments.integer(self.turns, "turns", 1))

    def step(self, w: np.ndarray, mu: float) -> tuple:
        least, best, second = np.inf, (np.zeros_like(w), np.zeros_like(w)), np.zeros_like(w)
        for turn in range(self.turns):
            a = self.first.step(w - second, mu)
            b = self.second.step(w - stands_for(a), mu)
            second = stands_for(b)
            error = float(np.sum((w.astype(np.float64) - stands_for(a) - second) ** 2))
            if turn and error >= least * (1 - 1e-6):
                break
            least, best = error, (a, b)
        return best


def stands_for(theta) -> np.ndarray:
    """Return the float32 array that the result of a C step stands for: of a sum, the sum."""
    if isinstance(theta, tuple):
        first, second = map(stands_for, theta)
        return first + second
    return theta if isinstance(theta, np.ndarray) else theta.dense()


def entries(name: str, theta) -> dict:
    """Return what a container holds of it: parts of a sum by the names "<name>.0" and "<name>.1"."""
    return {f"{name}.{i}": part for i, part in enumerate(theta)} if isinstance(theta, tuple) else {name: theta}


def geometric(first: float, factor: float, steps: int) -> list[float]:
    """Return the mu of each LC step: first, first * factor, first * factor**2, ..."""
    return [first * factor**i for i in range(steps)]


@dataclass(frozen=True, eq=False)
class LCResult:
    """``compressed``: a container's entries, uncompressed parameters among them. ``network`` computes with what they
    stand for. ``steps``: for each LC step mu, the mean loss of its last epoch, ||w - theta||, the validation error of
    theta, and for each layer what the C step chose (a rank, a count of entries, of values)."""

    compressed: dict
    network: Network
    steps: list[dict] = field(default_factory=list)


def learning_compression(
    network: Network,
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    compressions: Mapping[str, Step],
    *,
    mus: Iterable[float],
    epochs: int = 2,
    learning_rate: float = 0.05,
    decay: float = 0.98,
    batch: int = 256,
    multipliers: bool = True,
    seed: int = 0,
    progress: Callable[[int, int, dict], None] | None = None,
) -> LCResult:
    """Compress the named parameters of a trained ``network`` (which stays as it is) while training it.

    compressions : parameter name → Ranks, Sparse, Shrunk, Values or Sum. mus : the penalty of each LC step, rising.
        epochs,
    learning_rate, decay : of each L step, SGD with momentum 0.9, its rate times decay**step, capped at 1 / mu (so that
        a
    step cannot leap over theta). multipliers : the augmented Lagrangian, lambda = lambda - mu (w - theta), where theta
    compresses w - lambda / mu; without, the quadratic penalty. validation : only reported on. progress : called after
    each LC step with (steps done, steps, its record).

    The parameters of the result are theta, which every compression can stand for exactly; biases are those of the last
    L step. Raises RefcompressError by name.
    """
    for name in compressions:
        if name not in network.parameters:
            raise RefcompressError(f"compressions[{name!r}]", f"must be one of {', '.join(network.parameters)}")
    epochs = arguments.integer(epochs, "epochs", 0)
    learning_rate, decay = (
        arguments.real(value, name, 0, 1) for value, name in ((learning_rate, "learning_rate"), (decay, "decay"))
    )
    multipliers = arguments.boolean(multipliers, "multipliers")
    mus = [arguments.real(mu, f"mus[{i}]", SMALLEST_NORMAL, 1e30) for i, mu in enumerate(mus)]
    if not mus or any(b < a for a, b in zip(mus, mus[1:])):
        raise RefcompressError("mus", "must be at least one, and not falling")
    network, rng = network.copy(), np.random.default_rng(seed)
    theta = {name: _first_step(name, step, network.parameters[name], mus[0]) for name, step in compressions.items()}
    dense = {name: stands_for(t) for name, t in theta.items()}
    lam = {name: np.zeros_like(network.parameters[name]) for name in compressions}
    steps = []
    for i, mu in enumerate(mus):
        aims = {name: dense[name] + lam[name] / np.float32(mu) for name in compressions}
        rate = min(learning_rate * decay**i, 1 / mu)
        losses = fit(network, *training, optimizer=SGD(rate), epochs=epochs, rng=rng, batch=batch,
                     tuning=Penalized(network, aims, mu))
        gap = 0.0
        for name, step in compressions.items():
            w = network.parameters[name]
            theta[name] = step.step(w - lam[name] / np.float32(mu), mu)
            dense[name] = stands_for(theta[name])
            if multipliers:
                lam[name] -= np.float32(mu) * (w - dense[name])
            gap += float(np.sum((w - dense[name]).astype(np.float64) ** 2))
        compressed = network.copy()
        compressed.assign(dense)
        steps.append({"mu": mu, "loss": losses[-1] if losses else float("nan"), "gap": gap**0.5,
                      "validation_error": error_rate(compressed, *validation),
                      "chosen": {name: _chosen(t) for name, t in theta.items()}})
        if progress is not None:
            progress(i + 1, len(mus), steps[-1])
    stored: dict = {}
    for name, value in compressed.parameters.items():
        stored |= entries(name, theta[name]) if name in theta else {name: value.copy()}
    return LCResult(stored, compressed, steps)


def _first_step(name: str, compression, w: np.ndarray, mu: float):
    """Return the C step of a parameter as it was given, or refuse it by its name: ranks and CSR are for matrices
    alone."""
    try:
        return compression.step(w, mu)
    except RefcompressError as error:
        raise type(error)(f"compressions[{name!r}]", str(error)) from None


def _chosen(theta):
    """Return the rank (the full one where the layer stays dense), the number of entries or of values, for each part
    of a sum."""
    if isinstance(theta, tuple):
        return [_chosen(part) for part in theta]
    if isinstance(theta, np.ndarray):
        return min(theta.shape)
    return theta.rank if isinstance(theta, LowRank) else theta.nnz if isinstance(theta, CSR) else len(theta.codebook)
