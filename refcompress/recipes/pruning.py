"""Prune a network: at once, in rounds, along a schedule, with weights that may return, or from its first weights again.

Every way takes a criterion by its name (criteria.py) and a sparsity, the share of the weights of all Dense layers and
Convolutions that go; biases stay, and a layer of another kind that has a matrix of weights is refused by name. Networks
that are given stay as they are; what comes back is a copy, with its masks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .. import arguments, reference
from ..errors import RefcompressError
from ..training import Adam, Gradual, Masked, Network, Splicing, collect, constant, cosine, fit, shrink, weighted
from . import criteria
from .criteria import Evidence, Operations
from .dropout import adapt_dropout

__all__ = ["Pruned", "Retraining", "fine_tune", "gradual", "iterative", "layerwise", "lottery_ticket", "one_shot",
           "splicing", "threshold", "units"]

LAYERWISE = ("obs", "sparsegpt")


@dataclass(frozen=True)
class Retraining:
    """How a pruned network learns: by Adam, its rate along a cosine, over ``epochs``."""

    epochs: int = 3
    learning_rate: float = 1e-3
    batch: int = 256
    weight_decay: float = 0.0

    def __post_init__(self):
        arguments.settle(
            self,
            epochs=arguments.integer(self.epochs, "epochs", 0),
            batch=arguments.integer(self.batch, "batch", 1),
            learning_rate=arguments.real(self.learning_rate, "learning_rate", 0, 1),
            weight_decay=arguments.real(self.weight_decay, "weight_decay", 0, 1),
        )


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned ``network``, the ``masks`` of its weights by parameter name (True = kept), and whose operations pruned
    it.

    history: what a schedule has to tell, name → value. ``gone``: the layers of which nothing is left but their biases;
    each example gives the network the same output then.
    """

    network: Network
    masks: Mapping[str, np.ndarray]
    operations: Mapping[str, str]
    history: Mapping[str, object] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """How many weights the masks keep."""
        return sum(int(np.count_nonzero(mask)) for mask in self.masks.values())

    @property
    def gone(self) -> list[str]:
        return [name for name, mask in self.masks.items() if not mask.any()]


def one_shot(network: Network, criterion: str, sparsity: float | None, evidence: Evidence, *, scope: str = "global",
             pattern: tuple[int, int] | None = None, implementation=reference) -> Pruned:
    """Prune once, by the scores of the network as it is; ``evidence`` must be of this network.

    Of all weights rint(sparsity · size) go, within the scope that ``criteria.masks`` describes; or each
    row (of a Convolution, each filter's channels x height x width) keeps n of every m consecutive weights, with
    ``pattern`` = (n, m), and sparsity and scope are not read.
    """
    network, op = network.copy(), Operations(implementation)
    values = criteria.scores(criterion, evidence, op)
    if pattern is None:
        masks = criteria.masks(values, _keep(network, sparsity), scope, op)
    else:
        n, m = pattern
        masks = {name: criteria.patterned(a, n, m, op) for name, a in values.items()}
    Masked(network, masks)
    return Pruned(network, masks, op.used)


def threshold(network: Network, sparsity: float, *, implementation=reference) -> Pruned:
    """Prune by one quality parameter for all layers: what is below it times the layer's standard deviation goes.

    The quality is the one at which the share ``sparsity`` of all weights goes; of equal |w| / deviation all stay.

    **Source** Han et al. 2015 (arXiv 1506.02626), section 4. **Departs** the quality follows from the sparsity.
    """
    network, op = network.copy(), Operations(implementation)
    weights = _weights(network)
    keep = _keep(network, sparsity)
    deviations = {name: np.std(w, dtype=np.float64) for name, w in weights.items()}
    # Weights that are all equal are never below the threshold, which is 0 then: as if their ratio were infinite.
    ratios = np.concatenate([np.abs(w.ravel()) / deviations[name] if deviations[name] > 0 else np.full(w.size, np.inf)
                             for name, w in weights.items()])
    # A little less than the ratio of the last that stays: its own rounding must not drop it.
    quality = float(np.partition(ratios, ratios.size - keep)[ratios.size - keep]) * (1 - 2.0**-40) if keep else 2e38
    masks = {name: op.prune_threshold(w, quality) for name, w in weights.items()}
    Masked(network, masks)
    return Pruned(network, masks, op.used, {"quality": quality})


def layerwise(network: Network, method: str, sparsity: float, inputs: np.ndarray, *, graded: bool = True,
              pattern: tuple[int, int] | None = None, block: int = 128, damping: float = 0.01,
              implementation=reference) -> Pruned:
    """Prune layer after layer by "obs" or "sparsegpt": what stays is adjusted to what went.

    Each layer's Hessian is of the inputs (of a Convolution, the patches) that it gets from the layers before it, pruned
    already. Each loses the share that ``criteria.counts`` gives it, or keeps n of every m, where ``pattern`` = (n, m)
    ("sparsegpt" only). block : SparseGPT's; a layer of fewer inputs has one block.
    """
    arguments.choice(method, "method", LAYERWISE)
    if pattern is not None and method != "sparsegpt":
        raise RefcompressError("pattern", "must be None for the method 'obs'")
    block = arguments.integer(block, "block", 1)
    if pattern is not None:
        n, m = pattern
        pattern = arguments.integer(n, "n", 1), arguments.integer(m, "m", 1)
    network, op = network.copy(), Operations(implementation)
    weights, masks = _weights(network), {}
    keep = criteria.counts({name: w.shape for name, w in weights.items()}, _keep(network, sparsity), graded=graded)
    for name, w in weights.items():
        layer = name.removesuffix(".weight")
        hessian, matrix = collect(network, inputs, layers=[layer])[layer].hessian, w.reshape(len(w), -1)
        if method == "obs":
            mask, adjusted = op.prune_obs(matrix, hessian, keep=keep[name], damping=damping)
        else:
            how = {"sparsity": 1 - keep[name] / w.size} if pattern is None else dict(zip("nm", pattern))
            mask, adjusted = op.prune_sparsegpt(matrix, hessian, block=block, damping=damping, **how)
        masks[name] = mask.reshape(w.shape)
        network.assign({name: adjusted.reshape(w.shape)})
    return Pruned(network, masks, op.used)


def units(network: Network, criterion: str, keep: Mapping[str, int], evidence: Evidence, *,
          implementation=reference) -> Pruned:
    """Remove whole hidden units or filters, and make the network smaller: ``keep`` says how many stay in each layer it
    names.

    The masks are of the units, by layer name; the network that comes back has no others.
    """
    op = Operations(implementation)
    values = criteria.scores(criterion, evidence, op, table=criteria.UNIT_CRITERIA)
    masks = criteria.unit_masks(values, keep, op)
    small, sizes = shrink(network, masks), {name: w.size for name, w in _weights(network).items()}
    adapt_dropout(small, network, {name: w.size / sizes[name] for name, w in _weights(small).items()})
    return Pruned(small, masks, op.used)


def fine_tune(pruned: Pruned, training: tuple[np.ndarray, np.ndarray], how: Retraining, *, seed: int = 0,
              progress: Callable[[int, int, float], None] | None = None) -> Pruned:
    """Return ``pruned`` after it was trained with its masks; dropout shrinks with what is kept (Han et al. 2015, eq.
    2).

    A shrunk network, whose masks are of units that it no longer has, trains freely, with the dropout that ``units``
    gave.
    """
    network = pruned.network.copy()
    masks = {name: mask for name, mask in pruned.masks.items() if name in network.parameters}
    adapt_dropout(network, pruned.network, _shares(masks))
    _train(network, training, how, Masked(network, masks), np.random.default_rng(seed), progress)
    adapt_dropout(network, pruned.network, {})
    return Pruned(network, pruned.masks, pruned.operations, pruned.history)


def iterative(network: Network, criterion: str, sparsity: float, training: tuple[np.ndarray, np.ndarray],
              how: Retraining, *, rounds: int = 5, scope: str = "global", calibration: int = 10_000, seed: int = 0,
              implementation=reference) -> Pruned:
    """Prune and retrain in ``rounds``: each keeps the same share of what the one before it kept, and trains how.epochs.

    calibration : how many training examples, the first ones, the criterion is given each time.

    **Source** Han et al. 2015 (arXiv 1506.02626), section 3.4. **Departs** nothing.
    """
    rounds, calibration = arguments.integer(rounds, "rounds", 1), arguments.integer(calibration, "calibration", 1)
    result = Pruned(network.copy(), {name: np.ones(w.shape, bool) for name, w in _weights(network).items()}, {})
    size = result.kept
    for r in range(1, rounds + 1):
        keep = round(size * (_keep(network, sparsity) / size) ** (r / rounds))
        op = Operations(implementation)
        masks = _narrower(result, criterion, keep, scope, _first(training, calibration), seed, op)
        result = fine_tune(Pruned(result.network, masks, op.used), training, how, seed=seed + r)
    return result


def gradual(network: Network, criterion: str, sparsity: float, training: tuple[np.ndarray, np.ndarray],
            how: Retraining, *, prune_epochs: int, every: int = 100, scope: str = "global", calibration: int = 2_000,
            seed: int = 0, implementation=reference) -> Pruned:
    """Prune along the cubic schedule while training: for ``prune_epochs`` of how.epochs, every ``every`` steps.

    **Source** Zhu and Gupta 2017 (arXiv 1710.01878). **Departs** nothing.
    """
    prune_epochs = arguments.integer(prune_epochs, "prune_epochs", 1, how.epochs)
    calibration = arguments.integer(calibration, "calibration", 1)
    original, network, op = network, network.copy(), Operations(implementation)
    size = sum(w.size for w in _weights(network).values())

    def choose(share):
        now = Pruned(network, tuning.masks, {})
        masks = _narrower(now, criterion, size - round(share * size), scope, _first(training, calibration), seed, op)
        adapt_dropout(network, original, _shares(masks))
        return masks

    steps = prune_epochs * -(-len(training[1]) // how.batch)
    tuning = Gradual(network, choose, final=_sparsity(sparsity), steps=steps, every=every)
    _train(network, training, how, tuning, np.random.default_rng(seed), None)
    adapt_dropout(network, original, {})
    return Pruned(network, tuning.masks, op.used)


def splicing(network: Network, sparsity: float, training: tuple[np.ndarray, np.ndarray], how: Retraining, *,
             splice_epochs: int, graded: bool = True, seed: int = 0) -> Pruned:
    """Prune by dynamic network surgery for ``splice_epochs``, then fix the masks and train for how.epochs more.

    What pruned is reference.prune_magnitude. history: "returned", how often a pruned weight came back.

    **Source** Guo, Yao, Chen 2016 (arXiv 1608.04493). **Departs** see Splicing.
    """
    original, network, rng = network, network.copy(), np.random.default_rng(seed)
    weights = _weights(network)
    keep = criteria.counts({name: w.shape for name, w in weights.items()}, _keep(network, sparsity), graded=graded)
    tuning = Splicing(network, {name: max(1, count) for name, count in keep.items()}, rng=rng)
    adapt_dropout(network, original, _shares(tuning.masks))
    first = Retraining(splice_epochs, how.learning_rate, how.batch, how.weight_decay)
    _train(network, training, first, tuning, rng, None, constant)
    spliced = Pruned(network, tuning.finish(), {"prune_magnitude": "reference"}, {"returned": tuning.returned})
    adapt_dropout(network, original, {})
    return fine_tune(spliced, training, how, seed=seed + 1)


def lottery_ticket(initial: Network, sparsity: float, training: tuple[np.ndarray, np.ndarray], how: Retraining, *,
                   rounds: int = 5, scope: str = "global", seed: int = 0, implementation=reference) -> Pruned:
    """Train ``initial``, prune by magnitude, set what is left back to its first values, and again, in ``rounds``.

    Each training is how.epochs long, with the same order of examples; the last one is of the ticket that is returned.

    **Source** Frankle and Carbin 2019 (arXiv 1803.03635), strategy 1 of its appendix: iterative pruning with
    resetting. **Departs** nothing.
    """
    rounds = arguments.integer(rounds, "rounds", 1)
    masks = {name: np.ones(w.shape, bool) for name, w in _weights(initial).items()}
    size, op = sum(mask.size for mask in masks.values()), Operations(implementation)
    for r in range(rounds + 1):
        ticket = initial.copy()
        trained = fine_tune(Pruned(ticket, masks, op.used), training, how, seed=seed)
        if r < rounds:
            keep = round(size * (_keep(initial, sparsity) / size) ** ((r + 1) / rounds))
            masks = _narrower(trained, "magnitude", keep, scope, training, seed, op)
    return trained


def _train(network: Network, training, how: Retraining, tuning, rng, progress, schedule=cosine) -> None:
    fit(network, *training, optimizer=Adam(how.learning_rate, weight_decay=how.weight_decay), epochs=how.epochs,
        rng=rng, batch=how.batch, tuning=tuning, schedule=schedule, progress=progress)


def _narrower(pruned: Pruned, criterion: str, keep: int, scope: str, examples, seed: int, op: Operations) -> dict:
    """Choose ``keep`` weights among those that the masks keep; what is pruned already ranks below everything."""
    values = criteria.scores(criterion, Evidence(pruned.network, *examples, seed=seed), op)
    values = {name: np.where(pruned.masks[name], a, -np.inf) if name in pruned.masks else a
              for name, a in values.items()}
    return criteria.masks(values, keep, scope, op)


def _shares(masks: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(mask.mean()) for name, mask in masks.items()}


def _first(examples, count: int) -> tuple[np.ndarray, np.ndarray]:
    return tuple(part[:count] for part in examples)


def _weights(network: Network) -> dict[str, np.ndarray]:
    return {f"{name}.weight": w for name, w in weighted(network).items()}


def _sparsity(sparsity) -> float:
    return arguments.real(sparsity, "sparsity", 0, 1)


def _keep(network: Network, sparsity) -> int:
    """Return how many weights stay: the rule of prune_magnitude, for all layers as one."""
    size = sum(w.size for w in _weights(network).values())
    return size - int(np.rint(_sparsity(sparsity) * size))
