"""Deep Compression: prune and retrain in rounds, then share the weights that are left and retrain the shared values in
rounds. Both are loops: prune, retrain, prune again; cluster, retrain, cluster again. Each round is measured.

**Source** Han, Mao, Dally 2016 (arXiv 1510.00149); the pruning is section 3 of Han, Pool, Tran, Dally 2015
(arXiv 1506.02626). The third stage of the paper, Huffman coding, is the container's, when the result is written.

**Departs** The paper's threshold is a quality parameter times the standard deviation of a layer; here the share of
weights to keep is given, which is the same threshold named by its effect. The optimiser is Adam. Figure 1 of the paper
draws a loop around clustering and retraining, and the text does not say where the weights stand when they are clustered
again: here each has moved with its centroid.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .. import arguments, ops, reference
from ..constants import SMALLEST_NORMAL
from ..errors import RefcompressError
from ..formats import Shared
from ..training import Adam, GraphNetwork, Masked, Network, SharedCentroids, error_rate, fit, mean_loss
from .dropout import adapt_dropout


@dataclass(frozen=True)
class Settings:
    """What Deep Compression is told.

    keep : share of each weight array that survives pruning, by name; weights not named are left alone, and are stored
    as they are. bits : of each code, so 2**bits codes with the one for zero. rounds : how often to prune and retrain;
    each round keeps the same share of what the round before it kept. share_rounds : how often to cluster and retrain
    the centroids. epochs and learning rates are for the retraining after each round of pruning but the last, after the
    last one, and of the centroids in each round.
    """

    keep: Mapping[str, float]
    bits: Mapping[str, int]
    rounds: int = 5
    round_epochs: int = 4
    round_learning_rate: float = 2e-3
    last_epochs: int = 12
    last_learning_rate: float = 2e-3
    share_rounds: int = 2
    share_epochs: int = 4
    share_learning_rate: float = 1e-4
    batch: int = 256
    weight_decay: float = 0.0

    def __post_init__(self):
        keep = {
            name: arguments.real(share, f"keep[{name!r}]", SMALLEST_NORMAL, 1)
            for name, share in self.keep.items()
        }
        bits = {name: arguments.integer(count, f"bits[{name!r}]", 1, 16) for name, count in self.bits.items()}
        for argument, given, other, wanted in (("bits", bits, "keep", keep), ("keep", keep, "bits", bits)):
            for name in wanted:
                if name not in given:
                    raise RefcompressError(argument, f"must name {name!r}, which {other} names")
        arguments.settle(self, keep=keep, bits=bits)
        for count in ("rounds", "share_rounds", "batch"):
            arguments.settle(self, **{count: arguments.integer(getattr(self, count), count, 1)})
        for stage in ("round", "last", "share"):  # here, and not after the minutes that the stages before it take
            epochs, rate = f"{stage}_epochs", f"{stage}_learning_rate"
            arguments.settle(self, **{epochs: arguments.integer(getattr(self, epochs), epochs, 0),
                                      rate: arguments.real(getattr(self, rate), rate, 0, 1)})
        arguments.settle(self, weight_decay=arguments.real(self.weight_decay, "weight_decay", 0, 1))


@dataclass(frozen=True)
class Stage:
    """What one stage left: the share of weights kept, by name, and the error rate on the validation examples.

    gain : by how much the error is less than where the same stage ended in the round before; in the first round of a
    loop, than where the loop began. Negative: it is more. Pruning again removes more weights, so that no gain there
    may well be what was wanted; clustering again keeps them, and is to gain.
    """

    name: str
    kept: Mapping[str, float]
    validation_error: float
    gain: float = 0.0


@dataclass(frozen=True, eq=False)
class Result:
    """What came out: ``compressed`` by parameter name, in the network's order: Shared for pruned and shared weights,
    the float32 array for all else. ``network`` computes with exactly these values. ``implementations``: operation → the
    one used. ``share_round``: the round of sharing that this is, counted from 1; ``losses``: the mean loss on the
    training examples after each of these rounds, which chose it.
    """

    compressed: dict[str, Shared | np.ndarray]
    network: Network | GraphNetwork
    stages: list[Stage] = field(default_factory=list)
    implementations: dict[str, str] = field(default_factory=dict)
    share_round: int = 1
    losses: tuple[float, ...] = ()

    def gains(self) -> list[str]:
        """Return a sentence for each round of both loops: what it was, its validation error, and the gain or none."""
        said = []
        for stage in self.stages:
            if stage.name.startswith(("prune", "tune")):
                change = 100 * stage.gain
                gain = f"a gain of {change:.2f} points" if change > 0 else (
                    f"no gain, {-change:.2f} points more" if change < 0 else "no gain")
                said.append(f"{stage.name}: validation error {100 * stage.validation_error:.2f} %, {gain}")
        return said


def deep_compression(
    network: Network | GraphNetwork,
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    settings: Settings,
    *,
    implementation: object = reference,
    seed: int = 0,
    progress: Callable[[str, int, int, float], None] | None = None,
) -> Result:
    """Compress a trained ``network`` (which stays as it is): prune → retrain, in rounds; share → retrain centroids, in
    rounds.

    training, validation : pairs (inputs, labels); nothing is chosen on the latter, it is only reported on.
    implementation : a namespace; its prune_magnitude and share_kmeans are used where it has them, else the reference's.
    The training between them is NumPy's always, so every implementation gives the same result. seed : of the order of
    the examples and of dropout. progress : called with (stage, epochs done, epochs, loss) after each epoch.

    In the paper's notation, in round r of R a layer keeps keep^(r / R) of its weights, those of largest magnitude.
    In a round of sharing the weights are clustered, and the centroids retrained; then each weight is moved by what its
    centroid was moved, so that it keeps its distance, and in the next round it may belong to another one. The round
    with the least loss on the training examples is the result (the first of equals), so clustering again never makes
    that loss worse.
    While the pruned network is retrained each Dropout drops D_r = D_o sqrt(C_ir / C_io) (Han 2015, eq. 2), with C_ir /
    C_io the share of connections that the layer after it has kept; the centroids are retrained without dropout.
    """
    for name in settings.keep:
        if name not in network.parameters:
            raise RefcompressError(f"settings.keep[{name!r}]", f"must be one of {', '.join(network.parameters)}")
    prune, pruned_by = ops.implementation_of(implementation, "prune_magnitude")
    share, shared_by = ops.implementation_of(implementation, "share_kmeans")
    original, network, rng = network, network.copy(), np.random.default_rng(seed)
    weights = {name: network.parameters[name] for name in settings.keep}
    stages = [Stage("reference", _kept(weights), error_rate(network, *validation))]

    last_of: dict[str, float] = {}  # the error where each kind of stage ended last

    def measure(kind, stage, before):
        error = error_rate(network, *validation)
        stages.append(Stage(stage, _kept(weights), error, last_of.get(kind, before) - error))
        last_of[kind] = error

    def retrain(kind, stage, epochs, learning_rate, weight_decay, tuning, before):
        optimizer = Adam(learning_rate, weight_decay=weight_decay)
        told = None if progress is None else lambda done, total, loss: progress(stage, done, total, loss)
        fit(network, *training, optimizer=optimizer, epochs=epochs, rng=rng, batch=settings.batch, tuning=tuning,
            progress=told)
        measure(kind, stage, before)

    for r in range(1, settings.rounds + 1):
        masks = {name: prune(w, keep=max(1, round(settings.keep[name] ** (r / settings.rounds) * w.size)))
                 for name, w in weights.items()}
        tuning = Masked(network, masks)
        adapt_dropout(network, original, {name: float(mask.mean()) for name, mask in masks.items()})
        last = r == settings.rounds
        retrain("prune", f"prune {r} of {settings.rounds}", settings.last_epochs if last else settings.round_epochs,
                settings.last_learning_rate if last else settings.round_learning_rate, settings.weight_decay, tuning,
                stages[0].validation_error)

    adapt_dropout(network, original, None)
    single = {name: w.copy() for name, w in weights.items()}  # what the weights are where they do not share
    pruned_error, rounds, losses = stages[-1].validation_error, [], []
    for r in range(1, settings.share_rounds + 1):
        of = f"{r} of {settings.share_rounds}"
        shared = {name: share(w, bits=settings.bits[name], init="linear", pruned=True) for name, w in single.items()}
        centroids = SharedCentroids(network, shared)
        measure("share", f"share {of}", pruned_error)
        retrain("tune", f"tune centroids {of}", settings.share_epochs, settings.share_learning_rate, 0.0, centroids,
                pruned_error)
        for name, s in shared.items():
            moved = single[name] + (centroids.parameters[name] - s.codebook)[s.codes]
            np.copyto(single[name], moved, where=(s.codes != 0) & (moved != 0))  # one at 0 would count as pruned
        rounds.append((centroids.shared(), {name: p.copy() for name, p in network.parameters.items()}))
        losses.append(mean_loss(network, *training))

    best = int(np.argmin(losses))
    shared, values = rounds[best]
    network.assign(values)
    compressed = {name: shared.get(name, value) for name, value in values.items()}
    return Result(compressed, network, stages, {"prune_magnitude": pruned_by, "share_kmeans": shared_by}, best + 1,
                  tuple(losses))


def _kept(weights: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: np.count_nonzero(w) / w.size for name, w in weights.items()}
