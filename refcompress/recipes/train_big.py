"""Train big, then compress: networks of several widths get the same number of operations, and end in the same bytes.

**Source** Li et al. 2020, Train Big, Then Compress (ICML, PMLR 119:5958): at equal cost of training a larger network
that is compressed more is better than a smaller one that is compressed less. **Departs** their networks are
transformers; here they are fully connected, and the budget is counted in operations, not in hours, those of the
compression with those of the training.
"""

from dataclasses import dataclass

import numpy as np

from .. import arguments, container, ops, reference
from ..errors import RefcompressError
from ..formats import Shared
from ..training import Adam, Dense, Free, Gradual, Masked, Network, ReLU, SharedCentroids, cubic, fit
from ..training.layers import Layer
from .ladder import drop_dead_units, weights_of

__all__ = ["Flops", "Small", "widths", "flops_an_example", "planned", "train_for", "compress_to"]

BIAS_BITS = 3
PRUNING, TUNING = 0.7, 0.1  # the shares of a file's steps in which weights go, and in which the shared values learn


@dataclass
class Flops:
    """A ledger of floating-point operations: a multiplication and an addition are two."""

    budget: float
    spent: float = 0.0

    @property
    def left(self) -> float:
        return self.budget - self.spent


@dataclass(frozen=True, eq=False)
class Small:
    """A network compressed to a file: ``layers`` as a container holds them, ``data`` the file, ``kept`` weights that
    are not zero, ``bits`` of a weight's code, ``network`` which computes with what they stand for, ``steps`` of
    training that it took; ``whole``: it fitted as it was, so that next to nothing was pruned."""

    layers: dict
    data: bytes
    kept: int
    bits: int
    network: Network
    steps: int
    whole: bool


class Counted:
    """A hook around a hook: each step enters its operations in the ledger, those of the weights that it was computed
    with."""

    def __init__(self, tuning, network: Network, ledger: Flops, batch: int, dense: bool):
        self.parameters, self.gradients = tuning.parameters, tuning.gradients
        self._tuning, self._network, self._ledger, self._batch, self._dense = tuning, network, ledger, batch, dense
        self._next = flops_an_example(network, dense=dense)

    def apply(self) -> None:
        self._ledger.spent += self._batch * self._next
        self._tuning.apply()  # only now are pruned weights at zero again: an optimizer's means move them in every step
        self._next = flops_an_example(self._network, dense=self._dense)


def widths(inputs: int, hidden: tuple[int, ...], outputs: int, rng: np.random.Generator) -> Network:
    """Return an untrained network of fully connected layers with ReLU between them: fc1, fc2, ..."""
    sizes = (inputs, *hidden, outputs)
    layers: list[tuple[str, Layer]] = []
    for i, (k, m) in enumerate(zip(sizes, sizes[1:]), 1):
        layers += [(f"fc{i}", Dense(k, m, rng=rng)), (f"relu{i}", ReLU())]
    return Network(layers[:-1])


def flops_an_example(network: Network, *, dense: bool = False) -> int:
    """Return the operations of one example's training step in the products: 2 a weight forward, 2 for the gradient of
    the weights, 2 for that of the inputs but in the first layer.

    Weights at zero cost nothing, for sparse products leave them out; with ``dense`` they cost what the others do. What
    is done an activation or a weight (ReLU, the optimizer: some 1 in 100 of these, at a batch of 128) is left out.
    """
    counts = [p.size if dense else int(np.count_nonzero(p)) for p in weights_of(network).values()]
    return 6 * sum(counts) - 2 * counts[0]


def planned(network: Network, keep: int, flops: float, *, batch: int, dense: bool = False) -> int:
    """Return how many steps of pruning to ``keep`` weights, retraining and tuning ``flops`` pay for, whatever layers
    they lie in.

    A step costs most where the weights that are left lie behind the first layer; so each is planned as if all of the
    others went first. The steps may thus spend a little less, and never more.
    """
    sizes = [w.size for w in weights_of(network).values()]
    total, behind = sum(sizes), sum(sizes[1:])

    def cost(steps):
        alive = np.full(steps, total)
        if not dense:
            for begin, count in _pruned_at(total, keep, steps):
                alive[begin:] = count
        return batch * float(np.sum(4 * alive + 2 * np.minimum(alive, behind)))

    low, high = 0, 1
    while cost(high) <= flops:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) <= flops else (low, middle)
    return low


def _pruning(steps: int) -> tuple[int, int]:
    """Return over how many of so many steps weights go, and how many lie between two prunings."""
    pruning = max(int(PRUNING * steps), 1)
    return pruning, max(pruning // 30, 1)


def _kept_of(total: int, keep: int, sparsity: float) -> int:
    return max(round((1 - sparsity) * total), keep)


def _pruned_at(total: int, keep: int, steps: int):
    """Yield after how many steps Gradual prunes, and how many weights it leaves then."""
    pruning, every = _pruning(steps)
    for done in range(1, pruning + 1):
        if done % every == 0 or done == pruning:
            yield done, _kept_of(total, keep, cubic(done / pruning, 1 - keep / total))


def train_for(
    network: Network,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    flops: float,
    ledger: Flops,
    rng: np.random.Generator,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.0,
    batch: int = 128,
) -> int:
    """Train for as many whole steps as ``flops`` pay for, the rate along one cosine; enter them in the ledger.

    Returns the steps. Raises RefcompressError where the ledger has less left, or no step is paid for.
    """
    one = flops_an_example(network, dense=True) * batch
    steps = int(flops // one)
    if steps < 1:
        raise RefcompressError("flops", f"must pay for one step at least, {one}, not {flops:g}")
    if steps * one > ledger.left:
        raise RefcompressError("flops", f"must be at most what the ledger has left, {ledger.left:g}, not {flops:g}")
    _train(network, inputs, labels, steps, Adam(learning_rate, weight_decay=weight_decay), rng, batch,
           Counted(Free(network), network, ledger, batch, True))
    return steps


def _train(network, inputs, labels, steps, optimizer, rng, batch, tuning) -> None:
    done = 0
    while done < steps:  # fit knows epochs: of as many shuffled examples as are needed
        count = min(steps - done, len(inputs) // batch)
        rows = rng.permutation(len(inputs))[: count * batch]
        begin = done

        def along(t, begin=begin, count=count):
            return 0.5 * (1 + np.cos(np.pi * (begin + t * count) / steps))

        fit(network, inputs[rows], labels[rows], optimizer=optimizer, epochs=1, rng=rng, batch=batch, schedule=along,
            tuning=tuning)
        done += count


def compress_to(
    network: Network,
    nbytes: int,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    bits: int,
    flops: float,
    ledger: Flops,
    rng: np.random.Generator,
    weight_decay: float = 0.0,
    batch: int = 128,
    dense: bool = False,
    implementation=reference,
) -> Small:
    """Prune while training, share and retrain the values, such that the network's file has at most ``nbytes`` bytes.

    The weights of smallest magnitude over all layers go, along the cubic schedule (Zhu and Gupta 2017) in the first
    seven tenths of the steps that ``flops`` pay for; in the last tenth the values that weights and biases share learn.
    How many weights the bytes ask for is found by halving, on files of the weights as they are, and again after the
    pruning. A network that fits with all of its weights loses none; its codes have as many bits, from ``bits`` to 8, as
    fit. dense : whether pruned weights are paid for like the others (flops_an_example).

    Raises RefcompressError where no weights fit the bytes, or none that lead from an input to an output; where the
    ledger has less left than ``flops``, or no step is paid for.
    """
    nbytes, bits = arguments.integer(nbytes, "nbytes", 1), arguments.integer(bits, "bits", 1, 8)
    if flops > ledger.left:
        raise RefcompressError("flops", f"must be at most what the ledger has left, {ledger.left:g}, not {flops:g}")
    total = sum(w.size for w in weights_of(network).values())
    while bits < 8 and _fits(network, total, nbytes, bits + 1, implementation):
        bits += 1
    keep = _fitting(network, total, nbytes, bits, implementation)
    whole = keep == total
    steps = planned(network, keep, flops, batch=batch, dense=dense)
    if steps < 1:
        raise RefcompressError("flops", f"must pay for one step at least, not {flops:g}")
    paid, small = Flops(flops), network.copy()
    tuning: Free = Free(small)
    tuned = int(TUNING * steps)
    if not whole:
        pruning, every = _pruning(steps)
        tuning = Gradual(small, lambda sparsity: _masks(small, _kept_of(total, keep, sparsity), implementation),
                         final=1 - keep / total, steps=pruning, every=every)
    _train(small, inputs, labels, steps - tuned, Adam(1e-3, weight_decay=weight_decay), rng, batch,
           Counted(tuning, small, paid, batch, dense))
    steps, room = steps - tuned, nbytes
    while True:  # what the values learn may change a file by some bytes
        keep = _fitting(small, keep, room, bits, implementation)
        narrow = _pruned(small, keep, implementation)
        kept = sum(int(np.count_nonzero(w)) for w in weights_of(narrow).values())
        if kept == 0:
            raise RefcompressError(
                "nbytes", f"must hold more weights than {keep}: of these none leads from an input to an output"
            )
        centroids = SharedCentroids(narrow, _all_shared(narrow, bits, implementation))
        tuned = min(tuned, int(paid.left // (batch * flops_an_example(narrow, dense=dense))))
        _train(narrow, inputs, labels, tuned, Adam(1e-4), rng, batch, Counted(centroids, narrow, paid, batch, dense))
        steps, layers = steps + tuned, centroids.shared()
        data = container.dumps(layers, implementation=implementation)
        if len(data) <= nbytes:
            ledger.spent += paid.spent
            return Small(layers, data, kept, bits, narrow, steps, whole)
        room -= len(data) - nbytes


def _fits(network: Network, keep: int, nbytes: int, bits: int, implementation) -> bool:
    layers = _all_shared(_pruned(network, keep, implementation), bits, implementation)
    return len(container.dumps(layers, implementation=implementation)) <= nbytes


def _fitting(network: Network, most: int, nbytes: int, bits: int, implementation) -> int:
    """Return a count of weights, at most ``most``, whose file has at most ``nbytes``; within half a percent the
    largest."""
    low, high = 0, min(256, most)
    while _fits(network, high, nbytes, bits, implementation):
        if high == most:
            return most
        low, high = high, min(2 * high, most)
    while high - low > max(low // 200, 1):
        middle = (low + high) // 2
        fits = _fits(network, middle, nbytes, bits, implementation)
        low, high = (middle, high) if fits else (low, middle)
    if low == 0:
        raise RefcompressError("nbytes", f"must hold more than the biases and headers, not {nbytes}")
    return low


def _masks(network: Network, keep: int, implementation) -> dict[str, np.ndarray]:
    return ops.implementation_of(implementation, "prune_magnitude")[0](weights_of(network), keep=keep)


def _pruned(network: Network, keep: int, implementation) -> Network:
    """Return a copy in which ``keep`` weights are left, less those of units that nothing reads or feeds."""
    network = network.copy()
    Masked(network, _masks(network, keep, implementation))
    drop_dead_units(network)
    return network


def _all_shared(network: Network, bits: int, implementation) -> dict[str, Shared]:
    share, _ = ops.implementation_of(implementation, "share_kmeans")
    return {name: share(p, bits=bits if p.ndim > 1 else BIAS_BITS, init="density", pruned=True)
            for name, p in network.parameters.items()}
