"""What a weight or a unit is worth: every criterion of the pruning family under its name, scored on a network and data.

A score only ranks; what is kept is chosen by ``masks`` and ``unit_masks``, in the same way for all criteria. A kernel
(m, c, h, w) is a matrix of m rows of k = c h w here: its filters are its units.
"""

import math
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from .. import arguments, ops, reference
from ..errors import RefcompressError
from ..training import SGD, GraphNetwork, Network, Summed, collect, collect_gradients, constant, fit, weighted

__all__ = ["CRITERIA", "UNIT_CRITERIA", "SCOPES", "Evidence", "Operations", "counts", "masks", "scores", "unit_masks"]

SCOPES = ("global", "layer", "graded", "row")


class Evidence:
    """What the criteria ask of a network and its examples; each kind is collected once, when it is first asked for.

    Scores are of the network as it was then. seed : of the criterion "random", and of the order of the examples in the
    epoch that "movement" watches: SGD without momentum, on a copy, at the constant ``learning_rate``.
    """

    def __init__(self, network: Network | GraphNetwork, inputs: np.ndarray, labels: np.ndarray, *, seed: int = 0,
                 batch: int = 256, learning_rate: float = 0.01):
        self.network, self.inputs, self.labels = network, inputs, labels
        self.seed, self.batch, self.learning_rate = seed, batch, learning_rate

    @cached_property
    def statistics(self):
        return collect(self.network, self.inputs, batch=self.batch, moments=False)

    @cached_property
    def gradients(self):
        return collect_gradients(self.network, self.inputs, self.labels, batch=self.batch)

    def curvature(self, layer: str) -> np.ndarray:
        found = self.gradients[layer].curvature
        if found is None:
            raise RefcompressError("criterion", "must not be 'obd' for a graph: how its operations pass second "
                                                "derivatives on is not known here")
        return found

    @cached_property
    def gradient_sums(self):
        network = self.network.copy()
        summed = Summed(network)
        fit(network, self.inputs, self.labels, optimizer=SGD(self.learning_rate, momentum=0), epochs=1, tuning=summed,
            rng=np.random.default_rng(self.seed), batch=self.batch, schedule=constant)
        return {name.removesuffix(".weight"): a for name, a in summed.sums.items()}

    def random(self, layer: str, shape) -> np.ndarray:
        """Draws from a stream of the layer's own, so that no layer's depend on which others are asked for."""
        names = weighted(self.network) if isinstance(self.network, GraphNetwork) else self.network.layers
        place = list(names).index(layer)
        return np.random.default_rng([self.seed, place]).random(shape)


class Operations:
    """The operations of an implementation by name, the reference's where it has none; ``used`` says whose they were."""

    def __init__(self, implementation=reference):
        self._implementation, self.used = implementation, {}

    def __getattr__(self, name: str) -> Callable:
        if name in ops.OPS:
            function, self.used[name] = ops.implementation_of(self._implementation, name)
        else:  # without a rule by which others could agree, there are no others
            function, self.used[name] = getattr(reference, name), "reference"
        return function


def _flat(a: np.ndarray) -> np.ndarray:
    """Return a weight's array with a row an output."""
    return a.reshape(len(a), -1)


# (operations, evidence, layer, its weight as a matrix) → scores of that shape; the larger, the more it matters.
CRITERIA = {
    "random": lambda op, e, layer, w: e.random(layer, w.shape),
    "magnitude": lambda op, e, layer, w: np.abs(w),
    "wanda": lambda op, e, layer, w: op.prune_score_wanda(w, e.statistics[layer].norms),
    "taylor": lambda op, e, layer, w: op.prune_score_taylor(w, _flat(e.gradients[layer].gradient)),
    "movement": lambda op, e, layer, w: op.prune_score_movement(w, _flat(e.gradient_sums[layer])),
    "fisher": lambda op, e, layer, w: op.prune_score_fisher(w, _flat(e.gradients[layer].square)),
    "obd": lambda op, e, layer, w: op.prune_score_obd(w, _flat(e.curvature(layer))),
}
# The same for the units of a layer: one score each, or a score a weight, of which a unit's sum counts.
UNIT_CRITERIA = CRITERIA | {
    "random": lambda op, e, layer, w: e.random(layer, len(w)),
    "apoz": lambda op, e, layer, w: op.prune_score_apoz(e.statistics[layer].zeros, e.statistics[layer].activations),
    "activation": lambda op, e, layer, w: op.prune_score_activation(e.statistics[layer].sums,
                                                                    e.statistics[layer].activations),
}


def scores(criterion: str, evidence: Evidence, operations: Operations, *, table=CRITERIA) -> dict[str, np.ndarray]:
    """Return the scores of the weight of each Dense layer and Convolution, by its parameter's name, in its shape or
    a unit each."""
    function, found = table[arguments.choice(criterion, "criterion", table)], {}
    for name, w in weighted(evidence.network).items():
        values = function(operations, evidence, name, _flat(w))
        found[f"{name}.weight"] = values.reshape(w.shape) if values.ndim > 1 else values
    return found


def counts(shapes: Mapping[str, tuple[int, ...]], keep: int, *, graded: bool = False) -> dict[str, int]:
    """Share out ``keep`` weights over layers: the same density for all or, graded, more for small layers.

    Graded, the density of an (m, k) layer is min(1, e (m + k) / (m k)), with e such that the sum is ``keep``; an (m, c,
    h, w) kernel has k = c h w. Counts are rounded down, and what is left over goes to the largest remainders, the first
    of equals: they sum to ``keep``.

    **Source** Mocanu et al. 2018 (arXiv 1707.04780), the Erdős-Rényi densities. **Departs** they draw connections at
    random with this probability; here it is a count.

    >>> counts({"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}, 5324)
    {'fc1': 4704, 'fc2': 600, 'fc3': 20}
    >>> counts({"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}, 5324, graded=True)
    {'fc1': 3621, 'fc2': 1336, 'fc3': 367}
    """
    shapes = {name: (m, math.prod(rest)) for name, (m, *rest) in shapes.items()}
    sizes = {name: m * k for name, (m, k) in shapes.items()}
    keep = arguments.integer(keep, "keep", 0, sum(sizes.values()))
    weight = {name: m + k if graded else m * k for name, (m, k) in shapes.items()}
    exact, left, open_ = {}, keep, dict(weight)
    while open_:  # a layer that would keep more than it has is full, and the others share what is left
        total = sum(open_.values())
        full = [name for name, part in open_.items() if left * part > sizes[name] * total]
        for name in full or open_:
            exact[name] = (sizes[name], 0) if full else divmod(left * open_[name], total)
        left -= sum(sizes[name] for name in full)
        open_ = {name: part for name, part in open_.items() if name not in full} if full else {}
    result = {name: exact[name][0] for name in shapes}
    order = sorted(shapes, key=lambda name: -exact[name][1])
    for name in order[: keep - sum(result.values())]:
        result[name] += 1
    return result


def masks(values: Mapping[str, np.ndarray], keep: int, scope: str, operations: Operations) -> dict[str, np.ndarray]:
    """Choose ``keep`` weights by their scores, within one of four scopes.

    "global": all layers are ranked as one. "layer", "graded": each layer keeps what ``counts`` gives it. "row": each
    row of a layer keeps the same number, the layer's graded count over its rows rounded down, at least 1 (so the total
    may be a little off ``keep``): what Wanda compares (Sun et al. 2023).
    """
    arguments.choice(scope, "scope", SCOPES)
    if scope == "global":
        return operations.prune_select(values, keep=keep)
    each = counts({name: a.shape for name, a in values.items()}, keep, graded=scope != "layer")
    if scope == "row":
        return {
            name: patterned(a, max(1, each[name] // len(a)), a.size // len(a), operations) for name, a in values.items()
        }
    return {name: operations.prune_select(a, keep=each[name]) for name, a in values.items()}


def patterned(scores: np.ndarray, n: int, m: int, operations: Operations) -> np.ndarray:
    """Return the mask of n of every m consecutive weights of a row, a filter's c h w weights being one."""
    n, m = arguments.integer(n, "n", 0), arguments.integer(m, "m", 1)
    return operations.prune_select(_flat(scores), structure="nm", n=n, m=m).reshape(scores.shape)


def unit_masks(values: Mapping[str, np.ndarray], keep: Mapping[str, int], operations: Operations) -> dict:
    """Choose ``keep`` units of each layer that is named, by their scores or by the sums of their weights' scores."""
    found = {}
    for layer, count in keep.items():
        if f"{layer}.weight" not in values:
            raise RefcompressError(f"keep[{layer!r}]", "must name a Dense layer or a Convolution")
        a = values[f"{layer}.weight"]
        a = a if a.ndim == 1 else _flat(a)
        mask = operations.prune_select(a, keep=count, structure="element" if a.ndim == 1 else "filter")
        found[layer] = mask.reshape(len(mask), -1)[:, 0].copy()
    return found
