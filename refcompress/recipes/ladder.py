"""A ladder of ever smaller files of one network: prune a little more while training, share, code, and go on from there.

Each rung prunes the weights of the rung before further, along the cubic schedule, lets go of units that nothing reads
or feeds, shares the weights that are left and the biases, and retrains the shared values. What is kept of a rung for
the next one are the weights before they were shared.

**Source** Deep Compression (Han, Mao and Dally 2016, arXiv 1510.00149) with the schedule of Zhu and Gupta 2017 (arXiv
1710.01878); exact k-means in place of Lloyd's, a range coder with contexts in place of Huffman codes. **Departs** one
threshold for all layers: which layer keeps how much follows from the magnitudes that training under an L2 penalty
leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import arguments, ops, reference
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Shared
from ..training import (
    Adam,
    Convolution,
    Dense,
    Dropout,
    Gradual,
    MaxPool,
    Network,
    ReLU,
    Reshape,
    SharedCentroids,
    fit,
    mean_loss,
)
from ..training.network import Trainable

__all__ = ["Rung", "prune_to", "drop_dead_units", "share_all", "tuned"]


@dataclass(frozen=True)
class Rung:
    """What one rung is told.

    keep : weights over all layers. epochs : of training while pruning, in the first ``pruning`` of which weights go.
    clusters : values a layer's weights share, zero among them; bias_clusters : the same for its biases. tune_epochs :
        of the
    shared values afterwards, in each of ``share_rounds`` rounds of sharing and training.
    """

    name: str
    keep: int
    epochs: int
    clusters: int = 9
    bias_clusters: int = 9
    tune_epochs: int = 3
    share_rounds: int = 1
    pruning: float = 0.6
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    tune_rate: float = 1e-4
    batch: int = 128

    def __post_init__(self):
        for names, low, high in (
            (("keep", "epochs", "batch", "share_rounds"), 1, arguments.MAX_SIZE),
            (("tune_epochs",), 0, arguments.MAX_SIZE),
            (("clusters", "bias_clusters"), 2, 256),
        ):
            arguments.settle(self, **{name: arguments.integer(getattr(self, name), name, low, high) for name in names})
        for name in ("pruning", "learning_rate", "weight_decay", "tune_rate"):
            arguments.settle(self, **{name: arguments.real(getattr(self, name), name, 0, 1)})


def weights_of(network: Trainable) -> dict[str, np.ndarray]:
    """Return the matrices and kernels of a network by name: what is pruned."""
    return {name: p for name, p in network.parameters.items() if p.ndim > 1}


def prune_to(network: Network, rung: Rung, inputs: np.ndarray, labels: np.ndarray, *, seed: int, augment=None,
             implementation=reference, progress: Callable | None = None) -> list[str]:
    """Train ``network`` in place while its weights are pruned to ``rung.keep``, those of smallest magnitude first.

    Returns the names of the weights of which nothing is left: one threshold for all may take a layer whole.
    """
    prune, _ = ops.implementation_of(implementation, "prune_magnitude")
    weights = weights_of(network)
    total = sum(w.size for w in weights.values())
    if rung.keep > total:
        raise RefcompressError("rung.keep", f"must be at most the network's {total} weights, not {rung.keep}")
    steps = max(int(rung.pruning * rung.epochs * -(-len(inputs) // rung.batch)), 1)
    before = sum(int(np.count_nonzero(w)) for w in weights.values())

    def choose(sparsity):
        return prune(weights_of(network), keep=max(round((1 - sparsity) * total), rung.keep))

    final = 1 - rung.keep / total
    tuning = Gradual(
        network, choose, final=final, steps=steps, every=min(50, steps), initial=min(1 - before / total, final)
    )
    fit(network, inputs, labels, optimizer=Adam(rung.learning_rate, weight_decay=rung.weight_decay), epochs=rung.epochs,
        rng=np.random.default_rng(seed), batch=rung.batch, tuning=tuning, augment=augment, progress=progress)
    return [name for name, w in weights.items() if not w.any()]


def drop_dead_units(network: Network) -> int:
    """Set to zero, in place, what units do that nothing reads or nothing feeds; return how many weights that took.

    A unit whose outputs no weight reads loses its weights and its bias. A unit without weights gives relu(bias)
    whatever comes in: what it adds to the next layer's sums goes into that layer's biases (but for rounding), and its
    outgoing weights go. Between the layers of the network there may be pooling, flattening and dropout, which leave a
    constant what it is; every layer but the last must be followed by a ReLU. Raises ArgumentTypeError where it is not,
    and for a layer of another kind.
    """
    _followed_by_relu(network)
    before = sum(int(np.count_nonzero(w)) for w in weights_of(network).values())
    layers = [layer for layer in network.layers.values() if isinstance(layer, Dense | Convolution)]
    changed = True
    while changed:
        changed = False
        for layer, following in zip(layers, layers[1:]):
            weight, bias = layer.parameters["weight"], layer.parameters["bias"]
            out, next_bias = following.parameters["weight"], following.parameters["bias"]
            m = len(weight)
            # Of each unit, the weights that read it: (m, next outputs x places). Flattened images have channels last.
            reads = out if out.ndim == 4 else out.reshape(len(out), -1, m).swapaxes(1, 2)
            sums = reads.reshape(len(out), m, -1).sum(axis=2)
            used = np.any(reads.reshape(len(out), m, -1) != 0, axis=(0, 2))
            fed = np.any(weight.reshape(m, -1) != 0, axis=1)
            idle = ~used & (fed | (bias != 0))
            constant = used & ~fed
            if idle.any():
                weight[idle], bias[idle] = 0, 0
                changed = True
            if constant.any():
                next_bias += sums[:, constant] @ np.maximum(bias[constant], 0)
                reads[:, constant] = 0
                bias[constant] = 0
                changed = True
    return before - sum(int(np.count_nonzero(w)) for w in weights_of(network).values())


def _followed_by_relu(network: Network) -> None:
    """Refuse a network with another activation than ReLU, or none, behind a layer that is not the last."""
    waiting = None  # the layer whose ReLU is still to come
    for name, layer in network.layers.items():
        if isinstance(layer, (Dense, Convolution)):
            if waiting is not None:
                raise ArgumentTypeError(f"network.layers[{waiting!r}]", f"must be followed by a ReLU before {name!r}")
            waiting = name
        elif isinstance(layer, ReLU):
            waiting = None
        elif not isinstance(layer, (MaxPool, Reshape, Dropout)):
            kind = type(layer).__name__
            raise ArgumentTypeError(
                f"network.layers[{name!r}]",
                f"must be Dense, Convolution, ReLU, MaxPool, Reshape or Dropout, not {kind}",
            )


def share_all(network: Network, rung: Rung, implementation=reference) -> dict[str, Shared]:
    """Return all parameters with few values each: exact k-means, zeros kept as zeros."""
    share, _ = ops.implementation_of(implementation, "share_optimal")
    shared = {}
    for name, p in network.parameters.items():
        most = rung.clusters if p.ndim > 1 else rung.bias_clusters
        shared[name] = share(p, clusters=max(min(most, p.size), 2), pruned=True)
    return shared


def tuned(network: Network, shared: dict[str, Shared], rung: Rung, inputs: np.ndarray, labels: np.ndarray, *,
          seed: int, augment=None, implementation=reference,
          progress: Callable | None = None) -> tuple[dict[str, Shared], Network]:
    """Return the shared parameters after their values were retrained, and a network of its own that computes with
    them.

    ``network`` has the parameters as they are where they do not share. With rung.share_rounds above 1 each of these is
    moved by what its shared value was moved, they are shared again, and trained again; the round with the least loss on
    the examples is returned, the first of equals.
    """
    single, network, rng = network.copy(), network.copy(), np.random.default_rng(seed)
    best: tuple[float, dict[str, Shared], Network] | None = None
    for r in range(1, rung.share_rounds + 1):
        tuning = SharedCentroids(network, shared)
        fit(network, inputs, labels, optimizer=Adam(rung.tune_rate), epochs=rung.tune_epochs, rng=rng,
            batch=rung.batch, tuning=tuning, augment=augment, progress=progress)
        if rung.share_rounds == 1:
            return tuning.shared(), network
        loss = mean_loss(network, inputs, labels)
        if best is None or loss < best[0]:
            best = loss, tuning.shared(), network.copy()
        if r < rung.share_rounds:
            for name, s in shared.items():
                p = single.parameters[name]
                moved = p + (tuning.parameters[name] - s.codebook)[s.codes]
                np.copyto(p, moved, where=(s.codes != 0) & (moved != 0))  # one at 0 would count as pruned
            shared = share_all(single, rung, implementation)
    assert best is not None  # there is a round at least
    return best[1:]
