"""Structured pruning: filters, channels, heads and hidden units go, and with them what reads and what carries them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Graph, Node, is_array_format
from ...graph import Model
from ...graph.known import Size
from ...graph.sizes import product
from ...reference.prune import prune_select  # ties go to the lowest index
from .dependencies import Dependencies, dependencies
from .layers import weight_array, weight_of

__all__ = ["Shrunk", "filter_norms", "shrink_network", "zeroed_network"]

OUTPUTS = {"linear": 0, "conv": 0, "conv_transposed": 1}  # the axis of a weight along which its outputs lie


@dataclass(frozen=True, eq=False)
class Shrunk:
    """The smaller model; by the name of each weight that was scored which of its outputs stayed; sizes by tensor.

    changed : name -> (shape before, shape after), of each tensor that became smaller.
    """

    model: Model
    kept: dict[str, np.ndarray]
    changed: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]


def filter_norms(model: Model) -> dict[str, np.ndarray]:
    """Return the sum of magnitudes of each output of each weight whose outputs can go: scores for shrink_network.

    **Source** Li, Kadav, Durdanovic, Samet & Graf, Pruning Filters for Efficient ConvNets (2017, arXiv 1608.08710),
    section 3.1.
    """
    found, parts = {}, dependencies(model)
    for name, axis in outputs_of(model).items():
        atoms = atoms_of(parts, name, axis)
        if not all(parts.ties.why(atom) for atom in atoms):
            w = np.moveaxis(np.abs(weight_array(model, name).astype(np.float64)), axis, 0)
            found[name] = w.reshape(len(w), -1).sum(axis=1)
    return found


def shrink_network(model: Model, scores: Mapping[str, np.ndarray], *,
                   keep: float | int | Mapping[str, float | int]) -> Shrunk:
    """Take outputs of layers out of a network, and all that belongs to them, so that it becomes smaller and runs.

    Parameters
    ----------
    model : Model
        The tensors that change must be arrays: a network is shrunk before its weights are compressed.
    scores : from the name of a weight to (m,) float32 or float64, finite: what each of its m outputs matters
        The outputs of a linear node, the filters of a convolution. What belongs together stays or goes as one, and its
        scores are added: the channels that a residual adds, all that an attention head has, the group of a convolution.
    keep : float in (0, 1], int >= 1, or a mapping from the names of scores to these
        The share or the number of units that stay in a weight; of weights that share units, those of the first. At
        least one stays. Ties go to the lowest index.

    Returns
    -------
    Shrunk
        The neighbours shrink too: biases, norms, depthwise kernels, the inputs of what follows; shapes and numbers of
        groups and heads follow. The network is that of :func:`zeroed_network` without its zeros: where sums are exact,
        as with small integers, their outputs are equal to the last bit.

    Raises
    ------
    RefcompressError : also for a weight none of whose outputs can go, with what needs them: the network's output, or
        a norm that averages over them.

    **Source** dependencies as Fang et al., DepGraph (2023, arXiv 2301.12900); filters: Li et al. (2017, arXiv
    1608.08710); heads: Michel, Levy & Neubig, Are Sixteen Heads Really Better than One? (2019, arXiv 1905.10650).

    **Departs** the score of a unit is the sum of the scores that are given, over all that belongs to it.

    Cost O(the sizes of all axes).

    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> hidden = b.relu(b.linear(b.input("x", ("batch", 2)), np.float32([[1, 2], [0, 0], [3, -1]]), name="first"))
    >>> model = b.model(b.linear(hidden, np.float32([[1, 5, 1]]), name="second"))
    >>> small = shrink_network(model, filter_norms(model), keep=2).model
    >>> {name: tensor.tolist() for name, tensor in small.tensors.items()}
    {'first.weight': [[1.0, 2.0], [3.0, -1.0]], 'second.weight': [[1.0, 1.0]]}
    """
    parts = dependencies(model)
    roots = {name: parts.ties.roots(atoms) for name, atoms in scored_axes(model, parts, scores).items()}
    removed = set()
    for names in sharing(roots):
        units: dict[int, int] = {}
        total: dict[int, float] = {}
        for name in names:
            for root, score in zip(roots[name], np.asarray(scores[name], np.float64)):
                if not parts.ties.why(root):
                    units.setdefault(int(root), len(units))
                    total[int(root)] = total.get(int(root), 0.0) + float(score)
        stays = prune_select(np.array(list(total.values())), keep=count_kept(keep, names[0], len(units)))
        removed |= {root for root, kept in zip(units, stays) if not kept}
    kept = {name: np.array([int(root) not in removed for root in each]) for name, each in roots.items()}
    return without(model, parts, removed, kept)


def zeroed_network(model: Model, kept: Mapping[str, np.ndarray]) -> Model:
    """Return a network of the same shapes, in which all that belongs to the outputs that did not stay is zero.

    kept : as in Shrunk.
    """
    parts = dependencies(model)
    removed = set()
    if not isinstance(kept, Mapping):
        raise ArgumentTypeError("kept", f"must be a mapping from names of weights, not {type(kept).__name__}")
    kept = {name: arguments.array(each, f"kept[{name!r}]", np.dtype(bool), ndim=1) for name, each in kept.items()}
    for name, atoms in scored_axes(model, parts, {name: np.ones(len(each)) for name, each in kept.items()}).items():
        removed |= set(parts.ties.roots(atoms[~kept[name]]).tolist())
    tensors = {}
    for name, masks in masks_of(model, parts, removed).items():
        value = array_of(model, name).copy()
        for axis, mask in enumerate(masks):
            if mask is not None:
                np.moveaxis(value, axis, 0)[~mask] = 0
        tensors[name] = value
    return model.replaced(tensors)


def without(model: Model, parts: Dependencies, removed: set[int], kept: dict[str, np.ndarray]) -> Shrunk:
    """Return the network without the classes of these roots."""
    tensors, changed = dict(model.tensors), {}
    for name, masks in masks_of(model, parts, removed).items():
        value = array_of(model, name)
        for axis, mask in enumerate(masks):
            if mask is not None:
                value = np.compress(mask, value, axis=axis)
        tensors[name] = value
        changed[name] = (model.tensors[name].shape, value.shape)
    nodes = tuple(Smaller(model, parts, removed, node).node() for node in model.graph.nodes)
    graph = Graph(model.graph.inputs, model.graph.outputs, nodes)
    return Shrunk(Model(graph, {name: tensors[name] for name in graph.parameters}), kept, changed)


@dataclass(eq=False)
class Smaller:
    """A node, and which indices of the axes around it stay."""

    model: Model
    parts: Dependencies
    removed: set[int]
    each: Node

    def stay(self, name: str, axis: int) -> int | None:
        """Return how many indices of an axis stay; None where its size is open."""
        axes = self.parts.axes[name]
        atoms = None if axes is None else axes[axis]
        return None if atoms is None else sum(self.parts.ties.root(int(atom)) not in self.removed for atom in atoms)

    def node(self) -> Node:
        """Return the node with the numbers of groups, heads and sizes that are left."""
        node = self.each
        given: dict[str, Any] = dict(node.attributes)
        inputs = node.inputs
        if node.operation in ("conv", "conv_transposed") and given.get("groups", 1) != 1:
            given["groups"] = self.part_of(given["groups"], inputs[0], 1)
        elif node.operation in ("attention", "rotary") and given.get("heads"):
            for name, i in (("heads", 0), ("kv_heads", 1)):
                if given.get(name):
                    given[name] = self.part_of(given[name], inputs[i], -1)
        elif node.operation == "split":
            at = given.get("axis", 0)
            if any(self.smaller(name, at) for name in node.outputs if name):
                given["sizes"] = tuple(self.stay(name, at) for name in node.outputs)
                given.pop("count", None)
                inputs = inputs[:1]
        elif node.operation == "reshape" and self.any_smaller():
            given["shape"], inputs = self.target(), inputs[:1]
            given.pop("zero_is_zero", None)
        elif node.operation == "expand" and self.any_smaller():
            raise RefcompressError(f"node {node.name!r}", "expands to a size that would have to change")
        return Node(node.operation, inputs, node.outputs, tuple(given.items()), node.name)

    def part_of(self, count: Any, name: str, axis: int) -> int:
        """Return how many of ``count`` equal blocks of an axis stay."""
        size, stay = shape_of(self.model, name)[axis], self.stay(name, axis)
        return count if stay is None or not isinstance(size, int) else count * stay // size

    def smaller(self, name: str, axis: int) -> bool:
        return self.stay(name, axis) not in (None, shape_of(self.model, name)[axis])

    def any_smaller(self) -> bool:
        """Whether an axis around the node has fewer indices than before."""
        return any(self.smaller(name, axis) for name in (self.each.inputs[0], *self.each.outputs)
                   for axis in range(len(self.parts.axes.get(name) or [])))

    def target(self) -> tuple[int, ...]:
        """Return the new shape of a reshape: numbers, 0 for an open size that stays in its place, one -1."""
        before, after = (shape_of(self.model, name) for name in (self.each.inputs[0], self.each.outputs[0]))
        sizes: list[int] = []
        for axis, size in enumerate(after):
            stay = self.stay(self.each.outputs[0], axis)
            if stay is not None:
                sizes.append(stay)
            else:
                sizes.append(0 if axis < len(before) and before[axis] == size != "?" else -1)
        if sizes.count(-1) > 1:
            raise RefcompressError(f"node {self.each.name!r}", f"reshapes to {after}, of which more than one size is "
                                                               "open: what is left of it is not known")
        return tuple(sizes)


def shape_of(model: Model, name: str) -> tuple[Size, ...]:
    """Return the shape of a value whose number of axes is known."""
    return model.known[name].shape or ()


def outputs_of(model: Model) -> dict[str, int]:
    """Return, by the name of each weight of one node whose outputs are units, the axis along which they lie."""
    found: dict[str, int] = {}
    for node in model.graph.nodes:
        name = weight_of(node)
        if name in model.tensors and node.operation in OUTPUTS:
            found.setdefault(name, OUTPUTS[node.operation])
    return found


def scored_axes(model: Model, parts: Dependencies, scores: Any) -> dict[str, np.ndarray]:
    """Return the atoms of the outputs of each weight that has scores, or refuse the scores."""
    if not isinstance(model, Model):
        raise ArgumentTypeError("model", f"must be a Model, not {type(model).__name__}")
    if not isinstance(scores, Mapping):
        raise ArgumentTypeError("scores", f"must be a mapping from weights to scores, not {type(scores).__name__}")
    known = outputs_of(model)
    found: dict[str, np.ndarray] = {}
    for name, value in scores.items():
        where = f"scores[{name!r}]"
        if name not in known:
            raise RefcompressError(where, f"must be the weight of a linear node or a convolution: {', '.join(known)}")
        each = arguments.finite(arguments.array(value, where, np.float64, np.float32, ndim=1), where)
        atoms = atoms_of(parts, name, known[name])
        if len(each) != len(atoms):
            raise RefcompressError(where, f"must have {len(atoms)} entries, one an output, not {len(each)}")
        reasons = [parts.ties.why(atom) for atom in atoms]
        if all(reasons) and reasons:
            raise RefcompressError(where, f"none of its outputs can go: {reasons[0]} needs them")
        found[name] = atoms
    return found


def atoms_of(parts: Dependencies, name: str, axis: int) -> np.ndarray:
    """Return the atoms of an axis of a tensor, whose sizes are all known."""
    atoms = (parts.axes[name] or [])[axis]
    assert atoms is not None
    return atoms


def sharing(roots: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Return the names of weights, those that share a class together, in their order."""
    found: list[tuple[list[str], set[int]]] = []
    for name, each in roots.items():
        names, classes = [name], set(each.tolist())
        for other in [other for other in found if other[1] & classes]:
            found.remove(other)
            names, classes = other[0] + names, other[1] | classes
        found.append((names, classes))
    return [names for names, _ in found]


def count_kept(keep: Any, name: str, units: int) -> int:
    """Return how many units stay, or refuse the share."""
    if isinstance(keep, Mapping):
        if name not in keep:
            raise RefcompressError("keep", f"must have an entry {name!r}")
        keep = keep[name]
    if isinstance(keep, int) and not isinstance(keep, bool):
        return arguments.integer(keep, "keep", 1, units)
    share = arguments.real(keep, "keep", 0, 1)
    if not share:
        raise RefcompressError("keep", "must be above 0")
    return max(1, int(np.rint(share * units)))


def masks_of(model: Model, parts: Dependencies, removed: set[int]) -> dict[str, list[np.ndarray | None]]:
    """Return, for each tensor that changes, which indices of each axis stay; None for an axis that stays whole."""
    found = {}
    for name in model.tensors:
        masks = [None if axis is None else np.array([root not in removed for root in parts.ties.roots(axis).tolist()],
                                                    bool) for axis in parts.axes.get(name) or []]
        if any(mask is not None and not mask.all() for mask in masks):
            found[name] = [mask if mask is not None and not mask.all() else None for mask in masks]
    return found


def array_of(model: Model, name: str) -> np.ndarray:
    """Return a tensor that becomes smaller, or refuse one that is compressed."""
    value = model.tensors[name]
    if is_array_format(value):
        raise ArgumentTypeError(f"tensors[{name!r}]", f"must be an array to be shrunk, not a {type(value).__name__}: "
                                                      "shrink first, then compress")
    return np.asarray(value)


def parameters(model: Model) -> int:
    """Return how many numbers the tensors of a model hold."""
    return sum(int(product(tensor.shape)) for tensor in model.tensors.values())
