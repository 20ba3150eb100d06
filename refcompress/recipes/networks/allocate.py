"""A budget shared out over a network: how many bits, what rank, how many zeros each layer gets."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import arguments, reference
from ...errors import ArgumentTypeError, RefcompressError
from ...graph import Model
from ...graph.use import Use
from ...reference.allocate import allocate_cost  # of one form
from .calibration import Batch, batches
from .layers import Layer, layers_of
from .lockstep import Lockstep
from .quantize import moments_of
from .report import Result, Row
from .versions import Version, candidate, dense, version

__all__ = ["Allocated", "allocate_network"]

UNITS = ("bytes", "operations", "nanoseconds")
STEPS = 2**14  # into which the budget is cut: what allocate_exact holds is no more than this for each layer
BITS = tuple({"bits": bits} for bits in range(2, 9))


@dataclass(frozen=True, eq=False)
class Allocated(Result):
    """As Result; also what was chosen for each weight, its total in units of the budget, and the cost expected."""

    choices: Mapping[str, Mapping[str, Any]]
    spent: int
    cost: float


def allocate_network(model: Model, calibration: Any, *, budget: int, candidates: Sequence[Mapping[str, Any]] = BITS,
                     unit: str = "bytes", measure: str | Mapping[str, np.ndarray] = "output",
                     implementation: Any = reference) -> Allocated:
    """Choose for each weight of a network one of several forms, such that the cost is least within a budget.

        minimise sum over layers of cost[layer, choice]   subject to   sum of size[layer, choice] <= budget

    Parameters
    ----------
    model, calibration : as of quantize_network
    budget : int
        For all weights of linear nodes and convolutions together; other tensors are not counted.
    candidates : sequence of mappings
        {} for a weight as it is; {"bits": 4, "group": 64, ...} with settings of quantize_network; {"rank": 0.25}, a
        share of the smaller side; {"sparsity": 0.5, ...} or {"n": 2, "m": 4, ...} with settings of prune_network. What
        an operation has no form for (a rank, for a convolution with groups) is not among its choices.
    unit : "bytes", "operations" or "nanoseconds"
        Bytes of the entries in a file, as they would be written. Operations: additions and multiplications of the
        products, counted, on the first batch. Nanoseconds: measured, the least of three runs of the node on the first
        batch by ``implementation``; they differ from run to run and from machine to machine.
    measure : "output", "layer", or a mapping from the name of each weight to the diagonal of allocate_fisher
        "output": the squared error of the network's outputs. It is measured once for each layer, with that layer alone
        in the form of largest error, and taken to grow in proportion to the error of the layer's own output. "layer":
        that error as a share of the layer's output. A mapping: allocate_cost with that curvature.

    Returns
    -------
    Allocated
        Errors of layers are those on the inputs of the network as it came. Sizes are rounded up to the 2**14th part of
        the budget, and within that the choice is the optimum of allocate_exact.

    **Source** Dong et al., HAWQ-V2 (2020, arXiv 1911.03852), and Yao et al., HAWQ-V3 (2021, arXiv 2011.10680): one
    choice a layer, costs that add up.

    **Departs** the cost is an error that was measured, not a second-order estimate; a mapping gives that estimate.

    Cost the candidates of each layer, and for "output" a run of the network for each.

    >>> from refcompress.graph import Builder
    >>> b, rng = Builder(), np.random.default_rng(0)
    >>> w = rng.normal(size=(2, 16, 16)).astype(np.float32)
    >>> model = b.model(b.linear(b.linear(b.input("x", ("batch", 16)), w[0], name="a"), w[1], name="b"))
    >>> found = allocate_network(model, rng.normal(size=(40, 16)).astype(np.float32), budget=480)
    >>> found.spent <= 480, found.choices
    (True, {'a.weight': {'bits': 5}, 'b.weight': {'bits': 5}})
    """
    given, layers = batches(model, calibration), [layer for layer in layers_of(model) if not layer.why]
    budget, unit = arguments.integer(budget, "budget", 1), arguments.choice(unit, "unit", UNITS)
    if isinstance(candidates, Mapping | str) or not isinstance(candidates, Sequence) or not candidates:
        raise ArgumentTypeError("candidates", "must be a sequence of at least one mapping")
    choices = [candidate(each, f"candidates[{i}]") for i, each in enumerate(candidates)]
    fisher = checked_measure(measure, layers)
    if not layers:
        raise RefcompressError("model", "has no weight of a linear node or a convolution")
    options, sizes, outputs, notes = [], [], [], []
    lock = Lockstep(model, given, implementation)
    at = {layer.index: layer for layer in layers}
    for i in range(len(model.graph.nodes)):
        if layer := at.get(i):
            _, moments = moments_of(lock, layer)
            found = [each for each in (version(layer, choice, moments, lock.use) for choice in choices) if each]
            if not found:
                raise RefcompressError("candidates", f"must have one for node {layer.node.name!r}")
            options.append(found)
            sizes.append([size_of(each, unit, lock, layer) for each in found])
            outputs.append(moments.output)
            notes.append("calibration never reached it: all its inputs were 0" if moments.dead else "")
        lock.step(i)
    costs = [costs_of(model, given, layer, found, output, measure, fisher, lock.use)
             for layer, found, output in zip(layers, options, outputs)]
    best = optimum(costs, sizes, budget, lock.use)
    chosen = [found[j] for found, j in zip(options, best)]
    compressed = model.replaced({layer.weight: each.weight for layer, each in zip(layers, chosen)})
    error = relative_error(model, compressed, given, lock.use)
    rows = tuple(Row(layer.node.name, layer.weight, said(each.choice), each.error, each.error, output, each.nbytes,
                     note)
                 for layer, each, output, note in zip(layers, chosen, outputs, notes))
    return Allocated(compressed, rows, error, {layer.weight: each.choice for layer, each in zip(layers, chosen)},
                     sum(size[j] for size, j in zip(sizes, best)),
                     float(sum(cost[j] for cost, j in zip(costs, best))))


def checked_measure(measure, layers: list[Layer]) -> Mapping[str, np.ndarray] | None:
    """Return the diagonals by name, None for a measure by name; or refuse them."""
    if isinstance(measure, Mapping):
        for layer in layers:
            if layer.weight not in measure:
                raise RefcompressError("measure", f"must have an entry {layer.weight!r}")
        return measure
    arguments.choice(measure, "measure", ("output", "layer"))
    return None


def costs_of(model: Model, given: list[Batch], layer: Layer, options: list[Version], output: float, measure: Any,
             fisher: Mapping[str, np.ndarray] | None, use: Use) -> np.ndarray:
    """Return the cost of each version of a layer."""
    errors = np.array([each.error for each in options])
    if fisher is not None:
        return allocate_cost(layer.value, [dense(each.weight) for each in options], curvature=fisher[layer.weight])
    if measure == "layer":
        return errors / output if output else errors
    worst = int(np.argmax(errors))
    if not errors[worst]:
        return errors
    alone = model.replaced({layer.weight: options[worst].weight})
    return errors / errors[worst] * squared_error(model, alone, given, use)[0]


def size_of(found: Version, unit: str, lock: Lockstep, layer: Layer) -> int:
    """Return what a version takes, in units of the budget."""
    if unit == "bytes":
        return found.nbytes
    if unit == "operations":
        values = lock.came[0][layer.node.inputs[0]]
        rows = values.size // values.shape[-1] if layer.node.operation == "linear" else lock.outputs_of(layer.node)
        return 2 * found.products * rows
    return lock.nanoseconds(layer.node, {layer.weight: found.weight}, time.perf_counter_ns)


def optimum(costs: list[np.ndarray], sizes: list[list[int]], budget: int, use: Use) -> list[int]:
    """Return the choice of each layer; a layer of fewer choices than others has its last one several times."""
    most, step = max(map(len, costs)), max(1, -(-budget // STEPS))
    cost = np.stack([np.append(each, [each[-1]] * (most - len(each))) for each in costs])
    size = np.array([[-(-n // step) for n in [*each, *[each[-1]] * (most - len(each))]] for each in sizes], np.int64)
    least = sum(min(each) for each in sizes)
    if budget < least or budget // step < int(size.min(axis=1).sum()):
        raise RefcompressError("budget", f"must be at least {least + step * len(sizes) * (step > 1)}, the sum of each "
                                         f"weight's smallest form, not {budget}")
    found = use("allocate_exact")(cost, size, budget // step)
    return [min(int(j), len(each) - 1) for j, each in zip(found.choice, costs)]


@np.errstate(invalid="ignore", over="ignore")  # what is not finite is refused at the end
def squared_error(model: Model, compressed: Model, given: list[Batch], use: Use) -> tuple[float, float]:
    """Return the squared error of a network's outputs on all batches, and the sum of the outputs' squares."""
    error = output = 0.0
    for batch in given:
        wanted, found = model.run(batch, use=use), compressed.run(batch, use=use)
        for name, value in wanted.items():
            value = value.astype(np.float64)
            error, output = error + float(np.sum((found[name] - value) ** 2)), output + float(np.sum(value**2))
    if not np.isfinite(error):
        raise RefcompressError("model", "gives outputs on the calibration inputs that are not finite")
    return error, output


def relative_error(model: Model, compressed: Model, given: list[Batch], use: Use) -> float:
    error, output = squared_error(model, compressed, given, use)
    return (error / output) ** 0.5 if output else float(error > 0)


def said(choice: Mapping[str, Any]) -> str:
    """Return a candidate in words."""
    return ", ".join(f"{name} {value}" for name, value in choice.items()) or "as it is"
