"""Train big, then compress: networks of several widths get the same number of operations, and end in the same bytes.

**Source** Li et al. 2020, Train Big, Then Compress (ICML, PMLR 119:5958): at equal cost of training a larger network
that is compressed more is better than a smaller one that is compressed less. **Departs** their networks are large
transformers; here they are small ones (a GraphNetwork) or fully connected, and the budget is counted in operations, not
in hours, those of the compression with those of the training.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .. import arguments, container, ops, reference
from ..checkpoints.source_networks import graph_name
from ..errors import RefcompressError
from ..formats import Shared
from ..training import Adam, Dense, Free, Gradual, GraphNetwork, Masked, Network, ReLU, SharedCentroids, cubic, fit
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
    network: Network | GraphNetwork
    steps: int
    whole: bool


@dataclass(frozen=True)
class Prices:
    """What a training step costs an example in products: ``fixed``, and operations for each weight, by the name of its
    tensor; a tensor without a price costs nothing."""

    fixed: float
    weights: Mapping[str, float]

    def of(self, network: Network | GraphNetwork, *, dense: bool) -> float:
        """Return the operations of an example; weights at zero cost nothing, or with ``dense`` what the others do."""
        parameters = network.parameters
        return self.fixed + sum(price * (parameters[name].size if dense else int(np.count_nonzero(parameters[name])))
                                for name, price in self.weights.items())


def prices(network: Network | GraphNetwork) -> Prices:
    """Return what a step costs: 2 operations a weight and place forward, 2 for the gradient of the weights, 2 for that
    of the inputs but in the first layer of a Network. Of a graph it is three times what ``Model.table`` says.

    What is done an activation or a weight (ReLU, norms, the optimizer) is left out.
    """
    if isinstance(network, Network):
        first, *others = weights_of(network)
        return Prices(0, {first: 4, **dict.fromkeys(others, 6)})
    model, parameters = network.model(), network.parameters
    table = model.table({size: 1 for each in model.graph.inputs for size in each.shape[:1] if isinstance(size, str)})
    fixed, found = 0, dict[str, float]()
    owner = {node.name: name for name, node in model.weighted().items() if name in parameters}
    for row in table:
        if not isinstance(row.operations, int):
            raise RefcompressError("network", f"must have fixed sizes beside the batch: node {row.name!r} costs "
                                              f"{row.operations}")
        if row.operations and row.name in owner:
            found[owner[row.name]] = 3 * row.operations / parameters[owner[row.name]].size
        else:
            fixed += 3 * row.operations
    return Prices(fixed, found)


class Counted:
    """A hook around a hook: each step enters its operations in the ledger, those of the weights that it was computed
    with."""

    def __init__(self, tuning, network: Network | GraphNetwork, ledger: Flops, batch: int, dense: bool,
                 watch: Callable[[], None] | None = None):
        self.parameters, self.gradients = tuning.parameters, tuning.gradients
        self._tuning, self._network, self._ledger, self._batch, self._dense = tuning, network, ledger, batch, dense
        self._prices, self._watch = prices(network), watch
        self._next = self._prices.of(network, dense=dense)

    def apply(self) -> None:
        self._ledger.spent += self._batch * self._next
        self._tuning.apply()  # only now are pruned weights at zero again: an optimizer's means move them in every step
        if not self._dense:
            self._next = self._prices.of(self._network, dense=False)
        if self._watch is not None:
            self._watch()


def widths(inputs: int, hidden: tuple[int, ...], outputs: int, rng: np.random.Generator) -> Network:
    """Return an untrained network of fully connected layers with ReLU between them: fc1, fc2, ..."""
    sizes = (inputs, *hidden, outputs)
    layers: list[tuple[str, Layer]] = []
    for i, (k, m) in enumerate(zip(sizes, sizes[1:]), 1):
        layers += [(f"fc{i}", Dense(k, m, rng=rng)), (f"relu{i}", ReLU())]
    return Network(layers[:-1])


def flops_an_example(network: Network | GraphNetwork, *, dense: bool = False) -> float:
    """Return the operations of one example's training step in the products (``prices``).

    Weights at zero cost nothing, for sparse products leave them out; with ``dense`` they cost what the others do.
    """
    return prices(network).of(network, dense=dense)


def planned(network: Network | GraphNetwork, keep: int, flops: float, *, batch: int, dense: bool = False) -> int:
    """Return how many steps of pruning to ``keep`` weights, retraining and tuning ``flops`` pay for, whatever layers
    they lie in.

    A step costs most where the weights that are left are the dearest; so each is planned as if all of the others went
    first. The steps may thus spend a little less, and never more.
    """
    sizes, of = {name: w.size for name, w in weights_of(network).items()}, prices(network)
    total = sum(sizes.values())

    def cost(steps):
        alive = np.full(steps, total)
        if not dense:
            for begin, count in _pruned_at(total, keep, steps):
                alive[begin:] = count
        spent, left = np.full(steps, of.fixed, np.float64), alive
        for name in sorted(sizes, key=lambda name: -of.weights.get(name, 0)):
            here = np.minimum(left, sizes[name])
            spent, left = spent + of.weights.get(name, 0) * here, left - here
        return batch * float(np.sum(spent))

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
    network: Network | GraphNetwork,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    flops: float,
    ledger: Flops,
    rng: np.random.Generator,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.0,
    batch: int = 128,
    watch: Callable[[], None] | None = None,
) -> int:
    """Train for as many whole steps as ``flops`` pay for, the rate along one cosine; enter them in the ledger.

    ``watch`` is called after each step. Returns the steps. Raises RefcompressError where the ledger has less left, or
    no step is paid for.
    """
    one = flops_an_example(network, dense=True) * batch
    steps = int(flops // one)
    if steps < 1:
        raise RefcompressError("flops", f"must pay for one step at least, {one}, not {flops:g}")
    if steps * one > ledger.left:
        raise RefcompressError("flops", f"must be at most what the ledger has left, {ledger.left:g}, not {flops:g}")
    _train(network, inputs, labels, steps, Adam(learning_rate, weight_decay=weight_decay), rng, batch,
           Counted(Free(network), network, ledger, batch, True, watch))
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
    network: Network | GraphNetwork,
    nbytes: int,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    bits: int,
    flops: float,
    ledger: Flops,
    rng: np.random.Generator,
    weight_decay: float = 0.0,
    learning_rate: float = 1e-3,
    batch: int = 128,
    dense: bool = False,
    implementation=reference,
) -> Small:
    """Prune while training, share and retrain the values, such that the network's file has at most ``nbytes`` bytes.

    The weights of smallest magnitude over all layers go, along the cubic schedule (Zhu and Gupta 2017) in the first
    seven tenths of the steps that ``flops`` pay for; in the last tenth the values that weights and biases share learn.
    How many weights the bytes ask for is found by halving, on files of the weights as they are, and again after the
    pruning. A network that fits with all of its weights loses none; its codes have as many bits, from ``bits`` to 8, as
    fit. The file of a GraphNetwork holds its graph as well, and runs (``rc.load_model``). learning_rate : while
    pruning; the shared values learn at a tenth of it. dense : whether pruned weights are paid for like the others.

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
    _train(small, inputs, labels, steps - tuned, Adam(learning_rate, weight_decay=weight_decay), rng, batch,
           Counted(tuning, small, paid, batch, dense))
    steps, room = steps - tuned, nbytes
    while True:  # what the values learn may change a file by some bytes
        keep = _fitting(small, keep, room, bits, implementation)
        narrow = pruned(small, keep, implementation)
        kept = sum(int(np.count_nonzero(w)) for w in weights_of(narrow).values())
        if kept == 0:
            raise RefcompressError(
                "nbytes", f"must hold more weights than {keep}: of these none leads from an input to an output"
            )
        centroids = SharedCentroids(narrow, all_shared(narrow, bits, implementation))
        tuned = min(tuned, int(paid.left // (batch * flops_an_example(narrow, dense=dense))))
        counted = Counted(centroids, narrow, paid, batch, dense)
        _train(narrow, inputs, labels, tuned, Adam(learning_rate / 10), rng, batch, counted)
        steps, layers = steps + tuned, _entries(narrow, centroids.shared())
        data = container.dumps(layers, implementation=implementation)
        if len(data) <= nbytes:
            ledger.spent += paid.spent
            return Small(layers, data, kept, bits, narrow, steps, whole)
        room -= len(data) - nbytes


def _entries(network: Network | GraphNetwork, shared: dict[str, Shared]) -> dict:
    """Return what the file holds: the parameters, and of a graph itself and its constants too."""
    if isinstance(network, Network):
        return dict(shared)
    model = network.model()
    return {graph_name(model.tensors): model.graph, **model.tensors, **shared}


def _fits(network: Network | GraphNetwork, keep: int, nbytes: int, bits: int, implementation) -> bool:
    narrow = pruned(network, keep, implementation)
    layers = _entries(narrow, all_shared(narrow, bits, implementation))
    return len(container.dumps(layers, implementation=implementation)) <= nbytes


def _fitting(network: Network | GraphNetwork, most: int, nbytes: int, bits: int, implementation) -> int:
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


def _masks(network: Network | GraphNetwork, keep: int, implementation) -> dict[str, np.ndarray]:
    return ops.implementation_of(implementation, "prune_magnitude")[0](weights_of(network), keep=keep)


def pruned(network: Network | GraphNetwork, keep: int, implementation) -> Network | GraphNetwork:
    """Return a copy in which ``keep`` weights are left, less those of units that nothing reads or feeds."""
    network = network.copy()
    Masked(network, _masks(network, keep, implementation))
    if isinstance(network, Network):  # of a graph no unit is looked for
        drop_dead_units(network)
    return network


def all_shared(network: Network | GraphNetwork, bits: int, implementation) -> dict[str, Shared]:
    share, _ = ops.implementation_of(implementation, "share_kmeans")
    return {name: share(p, bits=bits if p.ndim > 1 else BIAS_BITS, init="density", pruned=True)
            for name, p in network.parameters.items()}
