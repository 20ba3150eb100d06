"""Train big, then compress: networks of several widths get the same number of operations, and end in the same bytes.

**Source** Li et al. 2020, Train Big, Then Compress (ICML, PMLR 119:5958): at equal cost of training a larger network that is
compressed more is better than a smaller one that is compressed less. **Departs** their networks are transformers; here they
are fully connected, and the budget is counted in operations, not in hours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .. import arguments, container, ops, reference
from ..errors import RefcompressError
from ..formats import Shared
from ..training import Adam, Dense, Gradual, Network, ReLU, SharedCentroids, fit

__all__ = ["Flops", "Small", "widths", "flops_an_example", "train_for", "compress_to"]


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
    """A network compressed to a file: ``layers`` as a container holds them, ``data`` the file, ``kept`` weights that are
    not zero, ``network`` which computes with what they stand for."""

    layers: dict
    data: bytes
    kept: int
    network: Network


def widths(inputs: int, hidden: tuple[int, ...], outputs: int, rng: np.random.Generator) -> Network:
    """Return an untrained network of fully connected layers with ReLU between them: fc1, fc2, ..."""
    sizes = (inputs, *hidden, outputs)
    layers = []
    for i, (k, m) in enumerate(zip(sizes, sizes[1:]), 1):
        layers += [(f"fc{i}", Dense(k, m, rng=rng)), (f"relu{i}", ReLU())]
    return Network(layers[:-1])


def flops_an_example(network: Network) -> int:
    """Return the operations of one example's training step in the products: 2 a weight forward, 2 for the gradient of the
    weights, 2 for that of the inputs but in the first layer. What is done an activation or a weight (ReLU, the optimizer:
    some 1 in 100 of these, at a batch of 128) is left out."""
    matrices = [p.size for p in network.parameters.values() if p.ndim == 2]
    return 6 * sum(matrices) - 2 * matrices[0]


def train_for(network: Network, inputs: np.ndarray, labels: np.ndarray, *, flops: float, ledger: Flops, rng: np.random.Generator,
              learning_rate: float = 2e-3, batch: int = 128, tuning=None) -> int:
    """Train for as many whole steps as ``flops`` pay for, the rate along one cosine; enter them in the ledger.

    Returns the steps. Raises RefcompressError where the ledger has less left, or no step is paid for.
    """
    one = flops_an_example(network) * batch
    steps = int(flops // one)
    if steps < 1:
        raise RefcompressError("flops", f"must pay for one step at least, {one}, not {flops:g}")
    if steps * one > ledger.left:
        raise RefcompressError("flops", f"must be at most what the ledger has left, {ledger.left:g}, not {flops:g}")
    done, optimizer = 0, Adam(learning_rate)
    while done < steps:  # fit knows epochs: of as many shuffled examples as are needed
        count = min(steps - done, len(inputs) // batch)
        rows = rng.permutation(len(inputs))[: count * batch]
        begin = done

        def along(t, begin=begin, count=count):
            return 0.5 * (1 + np.cos(np.pi * (begin + t * count) / steps))

        fit(network, inputs[rows], labels[rows], optimizer=optimizer, epochs=1, rng=rng, batch=batch, schedule=along,
            tuning=tuning)
        done += count
    ledger.spent += steps * one
    return steps


def compress_to(network: Network, nbytes: int, inputs: np.ndarray, labels: np.ndarray, *, bits: int, flops: float,
                ledger: Flops, rng: np.random.Generator, batch: int = 128, implementation=reference) -> Small:
    """Prune while training, share and retrain the values, such that the network's file has at most ``nbytes`` bytes.

    The weights of smallest magnitude over all layers go, along the cubic schedule (Zhu and Gupta 2017) in the first two thirds
    of nine tenths of ``flops``; the last tenth retrains the shared values. How many weights the bytes ask for is found by
    halving, on files of the weights as they are. Should the file then be larger (its codes came out less even), a twentieth of
    the weights more goes, and it begins anew from the trained network. Raises RefcompressError where no weights fit the bytes.
    """
    nbytes = arguments.integer(nbytes, "nbytes", 1)
    names = [name for name, p in network.parameters.items() if p.ndim == 2]
    weights = {name: network.parameters[name] for name in names}
    keep = _fitting(network, weights, nbytes, bits, implementation)
    while True:
        small = network.copy()
        tuning = _gradual(small, names, keep, int(0.6 * flops // (flops_an_example(small) * batch)), implementation)
        spent = Flops(ledger.left)
        train_for(small, inputs, labels, flops=0.9 * flops, ledger=spent, rng=rng, learning_rate=1e-3, batch=batch,
                  tuning=tuning)
        tuning = SharedCentroids(small, {name: _shared(small.parameters[name], bits, implementation) for name in names})
        train_for(small, inputs, labels, flops=0.1 * flops, ledger=spent, rng=rng, learning_rate=1e-4, batch=batch,
                  tuning=tuning)
        layers = {**small.parameters, **tuning.shared()}
        data = container.dumps(layers, implementation=implementation)
        if len(data) <= nbytes:
            ledger.spent += spent.spent
            return Small({name: value.copy() if isinstance(value, np.ndarray) else value for name, value in layers.items()},
                         data, sum(int(np.count_nonzero(s.codes)) for s in layers.values() if isinstance(s, Shared)), small)
        keep -= max(keep // 20, 1)
        if keep < 1:
            raise RefcompressError("nbytes", f"must hold more than the biases and headers, {len(data)} bytes, not {nbytes}")


def _fitting(network, weights, nbytes, bits, implementation) -> int:
    """Return the largest count of weights whose file, shared but not retrained, has at most ``nbytes``."""
    low, high = 0, sum(w.size for w in weights.values())
    while high - low > max(low // 200, 1):
        middle = (low + high) // 2
        masks = _masks(weights, middle, implementation)
        layers = {name: _shared(np.where(masks[name], p, np.float32(0)), bits, implementation) if name in weights else p
                  for name, p in network.parameters.items()}
        if len(container.dumps(layers, implementation=implementation)) <= nbytes:
            low = middle
        else:
            high = middle
    if low == 0:
        raise RefcompressError("nbytes", f"must hold more than the biases and headers, not {nbytes}")
    return low


def _gradual(network: Network, names: list[str], keep: int, steps: int, implementation) -> Gradual:
    """Return the hook that prunes to ``keep`` weights over so many steps (at once, where these are none)."""
    total = sum(network.parameters[name].size for name in names)

    def choose(sparsity):
        return _masks({name: network.parameters[name] for name in names}, max(round((1 - sparsity) * total), keep), implementation)

    return Gradual(network, choose, final=1 - keep / total, steps=max(steps, 1), every=max(steps // 30, 1))


def _masks(weights: Mapping[str, np.ndarray], keep: int, implementation) -> dict[str, np.ndarray]:
    return ops.implementation_of(implementation, "prune_magnitude")[0](weights, keep=keep)


def _shared(w: np.ndarray, bits: int, implementation) -> Shared:
    return ops.implementation_of(implementation, "share_kmeans")[0](w, bits=bits, pruned=True)
