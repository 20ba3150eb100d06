"""Post-training quantization of a network: one layer after the other, each on what the quantized ones before it give.
"""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ... import reference
from ...errors import RefcompressError
from ...formats import Graph, Node
from ...graph import Model
from .calibration import batches
from .fit import DEAD, Fit, Settings, fit_matrices, rounded, stored
from .layers import Layer, finite_value, layers_of, ruled
from .lockstep import Lockstep
from .matrices import MULTIPLIED, input_rows, matrices_of
from .moments import Moments, ridge_of
from .report import Result, Row, stored_bytes
from .scales import Group, awq, groups_of_layers, on_integers, smooth

__all__ = ["quantize_network"]

ROUNDS = "the bias stays: what rounding its inputs does is not in the moments"


def quantize_network(model: Model, calibration: Any, *, method: str = "gptq", bits: int = 8, group: int | None = None,
                     scheme: str = "symmetric", clip: bool = False, correct_bias: bool = False,
                     target: str = "network", damping: float = 0.01, iterations: int = 1000, alpha: float = 0.5,
                     rules: Mapping[str, Mapping[str, Any] | None] | None = None,
                     implementation: Any = reference) -> Result:
    """Quantize the weights of a network in the order of its graph, each for the inputs that it will really get.

        minimise over w':  ||x @ w.T - z @ w'.T||**2     x : the layer's inputs in the network as it came,
                                                         z : in the network whose layers before are quantized

    Parameters
    ----------
    model : Model
    calibration : inputs, or a sequence of batches of inputs, as ``Model.run`` takes them
        The moments of each layer are summed batch by batch. All values that are still needed are held, in both
        networks.
    method : "nearest", "gptq", "adaround", "awq" or "smooth"
        As quantize_nearest, quantize_gptq, quantize_adaround, quantize_awq and quantize_smooth. The last two find one
        scale an input channel for all layers that take a value. It is folded into the norm or the layer before, through
        ReLU and pooling too, whatever a rule says of that layer; where others take the value, or a function stands
        between that scales do not pass, a node multiplies. With "smooth" nodes become linear_a8 and conv_a8, whose
        inputs are rounded to 8 bits as they come, and the errors are those of these nodes.
    bits, group, scheme : as of quantize_nearest, with one scale an output, or a group of inputs of an output
        8 bits become a Quantized, fewer a Packed.
    clip : bool
        Whether the scales are first those of quantize_clip.
    correct_bias : bool
        Whether the mean error of each output is taken off its bias, as quantize_bias does.
    target : "network" or "layer"
        Whether a layer makes up for the error of its inputs (the objective above), or keeps to its own weights (x is z
        in the objective that the method sees; the rows tell the error above all the same).
    damping, iterations, alpha : of the methods that have them
    rules : from the name of a weight, or a pattern, to some of these settings, or to None: the weight stays
        Of several rules that match, the last holds.
    implementation : who computes, both the network and the methods

    Returns
    -------
    Result
        A row for each weight that could be compressed. No layer has a larger error on the calibration inputs than
        rounded to nearest: where a method would, the next simpler one is taken, and the row says so. The Hessian is
        z.T @ z, of the inputs that the layer will get. Convolutions are matrices (outputs, channels x kernel), one for
        each group; the weights of an embedding are rounded to nearest. A weight that several nodes take is quantized
        once, for the first of them. A layer that calibration never reached is rounded to nearest, and named.

    Raises
    ------
    RefcompressError : also where a layer's input on the calibration inputs is not finite, by its node.

    **Source** Frantar, Ashkboos, Hoefler & Alistarh, GPTQ (2022, arXiv 2210.17323); the inputs of each layer are those
    behind the quantized layers before it, as in the authors' code, there block by block. The target of the network as
    it came: Zhang, Zhang, Colbert & Saab, Qronos (2025, arXiv 2505.11695). AWQ: Lin et al. (2023, arXiv 2306.00978);
    SmoothQuant: Xiao et al. (2022, arXiv 2211.10438); both fold as their authors' code does.

    **Departs** the error that is inherited from the layers before is corrected once, by least squares, and then the
    method rounds those weights. Qronos corrects it with each input that it rounds. The squares have a ridge, which is
    chosen on rows that the weights have not seen; where none helps there, nothing is corrected.

    Cost that of the method for each layer, n k**2 + n m k for its moments, and two runs of the network.

    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> hidden = b.relu(b.linear(b.input("x", ("batch", 2)), np.float32([[0.9, 0.4], [-7, 2]]), name="first"))
    >>> model = b.model(b.linear(hidden, np.float32([[7, -3]]), name="second"))
    >>> found = quantize_network(model, np.float32([[1, 2], [3, 1], [-1, 1]]), bits=4)
    >>> [(row.node, row.method, row.after <= row.before) for row in found.rows]
    [('first', 'gptq', True), ('second', 'gptq', True)]
    """
    default = Settings(method, bits, group, scheme, clip, correct_bias, target, damping, iterations, alpha)
    given = batches(model, calibration)
    layers = layers_of(model, ("linear", "conv", "embedding"))
    settings = ruled(layers, default, {} if rules is None else rules)
    matrices = [layer for layer in layers if layer.node.operation in MULTIPLIED]
    groups = {layer.weight: each for name in ("awq", "smooth")
              for each in groups_of_layers(model, matrices, settings, name) for layer in each.layers}
    kept: dict[str, int] = {}
    for each in groups.values():
        kept |= {name: max(i, kept.get(name, 0)) for name, i in each.last_kept.items()}
    lock = Lockstep(model, given, implementation, kept)
    by_index: dict[int, list[Layer]] = {}
    for layer in layers:
        by_index.setdefault(layer.index, []).append(layer)
    rows: list[Row] = []
    ready: dict[str, Ready] = {}
    for i in range(len(model.graph.nodes)):
        nodes = None
        for layer in by_index.get(i, []):
            wanted = settings[layer.weight]
            if layer.why or wanted is None:
                rows.append(left(lock, layer))
            elif layer.node.operation == "embedding":
                rows.append(embedded(lock, layer, wanted))
            else:
                if layer.weight in groups and layer.weight not in ready:
                    ready |= scaled(lock, groups[layer.weight], wanted)
                row, nodes = quantized(lock, layer, wanted, ready.pop(layer.weight, None))
                rows.append(row)
        lock.step(i, nodes)
    return finished(lock, rows)


def finished(lock: Lockstep, rows: list[Row]) -> Result:
    """Return the compressed network, when all its nodes were computed."""
    graph = Graph(lock.model.graph.inputs, lock.model.graph.outputs, tuple(lock.nodes))
    used = {name: lock.tensors[name] for name in graph.parameters}
    return Result(Model(graph, used), tuple(rows), lock.relative_error())


class Ready(NamedTuple):
    """A layer whose scale and weights were found with those of its group: its fit and moments, the node that takes the
    scaled value, and nodes to add before it."""

    fit: Fit
    moments: Moments
    node: Node
    nodes: list[Node]


def scaled(lock: Lockstep, group: Group, settings: Settings) -> dict[str, Ready]:
    """Find the scale of a group, put it where it goes, and return what is ready for each layer, by its weight."""
    parts = [moments_of(lock, layer) for layer in group.layers]
    found = awq(group, parts, settings, lock.use) if settings.method == "awq" else smooth(lock, group, parts, settings)
    value, said = group.layers[0].node.inputs[0], ""
    nodes: list[Node] = []
    if found.r is not None:
        value, nodes = group.place.scale(lock, found.r, group.layers[0].value.ndim)
        said = f"scales {group.place.said}"
    ready = {}
    for layer, fit, (_, moments) in zip(group.layers, found.fits, parts):
        node = on_integers(layer.node) if settings.method == "smooth" else layer.node
        node = Node(node.operation, (value, *node.inputs[1:]), node.outputs, node.attributes, node.name)
        fit = replace(fit, note="; ".join(filter(None, (DEAD if moments.dead else fit.note, said))))
        ready[layer.weight], nodes = Ready(fit, moments, node, nodes), []
    return ready


def quantized(lock: Lockstep, layer: Layer, settings: Settings, ready: Ready | None) -> tuple[Row, list[Node]]:
    """Quantize a layer of the network in lockstep; return its row, and the nodes that stand for its node."""
    if ready is None:
        matrices, moments = moments_of(lock, layer)
        try:
            ready = Ready(fit_matrices(matrices, moments, settings, lock.use), moments, layer.node, [])
        except RefcompressError as error:
            raise type(error)(f"node {layer.node.name!r}: {error.argument}", error.rule) from None
    fit, moments, node, nodes = ready
    weight = stored(fit.weight, layer.value.shape, settings.bits, lock.use)
    lock.tensors[layer.weight] = weight
    after, notes = fit.after, [fit.note]
    if settings.correct_bias and not moments.dead:
        rounds = node.operation not in MULTIPLIED
        node, after, said = (node, after, ROUNDS) if rounds else with_bias(lock, node, moments, fit)
        notes.append(said)
    if layer.others:
        notes.append(f"also the weight of {', '.join(layer.others)}: quantized for the first that takes it")
    nbytes = stored_bytes(weight, lock.use)
    row = Row(layer.node.name, layer.weight, fit.method, fit.before, after, moments.output, nbytes,
              "; ".join(filter(None, notes)))
    return row, [*nodes, node]


def moments_of(lock: Lockstep, layer: Layer) -> tuple[np.ndarray, Moments]:
    """Return the weight of a layer as matrices, and the moments of its inputs on all batches."""
    matrices, shape = matrices_of(layer.node, layer.value), layer.value.shape
    halves, turn = (Moments.zeros(matrices), Moments.zeros(matrices)), 0
    for x, z in lock.pairs(layer.node.inputs[0]):
        came = input_rows(layer.node, finite_value(x, layer.node), shape)
        now = itertools.repeat(None) if z is None else input_rows(layer.node, finite_value(z, layer.node), shape)
        for rows, changed in zip(came, now):
            halves[turn % 2].add(matrices, rows, changed)
            turn += 1
    moments = (halves[0] + halves[1]).symmetric()
    if moments.cross.any():
        moments.ridge = ridge_of(matrices, halves)
    return matrices, moments


def with_bias(lock: Lockstep, node: Node, moments: Moments, fit: Fit) -> tuple[Node, float, str]:
    """Correct the bias of a layer; return its node, the error that is left, and what to say of it.

    A bias that another node takes too stays as it is for that one: the layer gets one of its own.
    """
    name = node.inputs[2] if len(node.inputs) > 2 else ""
    if name and name not in lock.model.tensors:
        return node, fit.after, "its bias is computed, and not corrected"
    mean = moments.mean_error(fit.change).reshape(-1)
    bias = np.asarray(lock.tensors[name]) if name else np.zeros(len(mean), np.float32)
    new = (bias - mean).astype(np.float32)
    moved = new.astype(np.float64) - bias
    errors = moments.error(fit.change).reshape(-1)
    corrected = errors + moments.count * moved * (2 * mean + moved)
    better = (corrected < errors) & np.isfinite(new)
    if not better.any():
        return node, fit.after, "the bias stays: rounding it would undo the correction"
    if not name or len(lock.model.graph.users(name)) > 1:
        name = lock.fresh(f"{node.name}.corrected_bias")
    lock.tensors[name] = np.where(better, new, bias)
    after = float(np.maximum(np.where(better, corrected, errors), 0).sum())
    return Node(node.operation, (*node.inputs[:2], name), node.outputs, node.attributes, node.name), after, ""


def embedded(lock: Lockstep, layer: Layer, settings: Settings) -> Row:
    """Round an embedding to nearest: each row is an output by itself, so no other rounding leaves less."""
    table = layer.value
    settings = Settings("nearest", settings.bits, settings.group, settings.scheme)
    weight = rounded(table[None], settings)
    packed = stored(weight, table.shape, settings.bits, lock.use)
    lock.tensors[layer.weight] = packed
    wrong = output = 0.0
    squares = np.sum((packed.dense().astype(np.float64) - table) ** 2, axis=1)
    of_row = np.sum(table.astype(np.float64) ** 2, axis=1)
    indices = layer.node.inputs[0]
    given = lock.model.tensors.get(indices)
    for each in [given] if given is not None else [came for came, _ in lock.pairs(indices)]:
        wrong, output = wrong + float(squares[each].sum()), output + float(of_row[each].sum())
    others = f"also the weight of {', '.join(layer.others)}" if layer.others else ""
    return Row(layer.node.name, layer.weight, "nearest", wrong, wrong, output,
               stored_bytes(packed, lock.use), others)


def left(lock: Lockstep, layer: Layer) -> Row:
    """Return the row of a weight that stays as it is."""
    return Row(layer.node.name, layer.weight, "", 0.0, 0.0, 0.0, stored_bytes(lock.tensors[layer.weight], lock.use),
               layer.why or "stays, as a rule says")
