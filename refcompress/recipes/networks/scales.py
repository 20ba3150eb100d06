"""AWQ and SmoothQuant in a network: one scale an input channel, shared by all layers that take the same value."""

from dataclasses import dataclass

import numpy as np

from ...formats import Node, Quantized
from ...graph import Model
from ...graph.use import Use
from ...reference.quantize.awq import FLOOR
from ...reference.quantize.layer import exact_weight
from .fit import Fit, Settings, change_of, joined, rounded, stored
from .folding import Place, place_of
from .layers import Layer
from .lockstep import Lockstep
from .moments import Moments

__all__ = ["Group", "Scaled", "awq", "groups_of_layers", "smooth"]

INTEGERS = {"linear": "linear_a8", "conv": "conv_a8"}  # the same node with its inputs rounded to 8 bits as they come


@dataclass(frozen=True, eq=False)
class Group:
    """Layers that take the same value, and where a scale of it goes."""

    layers: tuple[Layer, ...]
    place: Place

    @property
    def last_kept(self) -> dict[str, int]:
        """Up to which node values are needed, for the chain to be computed again at the first layer."""
        return {name: self.layers[0].index for node in self.place.chain for name in node.inputs}


@dataclass(frozen=True, eq=False)
class Scaled:
    """What was found for a group: r multiplies the value's channels, or None; a fit for each layer."""

    r: np.ndarray | None
    fits: tuple[Fit, ...]


def groups_of_layers(model: Model, layers: list[Layer], settings: dict[str, Settings | None],
                     method: str) -> list[Group]:
    """Return the layers of a method in groups that share their input, in the order of the graph."""
    found: dict[tuple, list[Layer]] = {}
    for layer in layers:
        wanted = settings[layer.weight]
        if wanted is not None and not layer.why and wanted.method == method:
            found.setdefault((layer.node.inputs[0], layer.node.operation, wanted), []).append(layer)
    groups = []
    for (value, operation, _), members in found.items():
        nodes = [layer.node for layer in members]
        alone = operation == "linear" or all(dict(node.attributes).get("groups", 1) == 1 for node in nodes)
        single = not any(layer.others for layer in members)
        place = place_of(model, value, nodes) if alone and single else Place(value, ())
        groups.append(Group(tuple(members), place))
    return groups


def awq(group: Group, parts: list[tuple[np.ndarray, Moments]], settings: Settings, use: Use) -> Scaled:
    """Return the scale of least error over all layers of a group, among those that leave none of them worse.

    parts : the matrices (1, m, k) and moments of each layer. As quantize_awq, with one search for the layers together:
    alpha = 0 is no scale, so none ends worse than rounded to nearest; then each range is clipped where that helps.
    """
    plain = [fit_scaled(matrices, moments, settings, None, "awq") for matrices, moments in parts]
    best = Scaled(None, tuple(plain))
    if not scalable(group):
        return clipped(best, parts, settings, use)
    size = mean_magnitudes(parts[0][1], group)
    for i in range(1, settings.steps):
        s = size ** (i / settings.steps)
        r = (np.sqrt(s.max(initial=1e-300) * s.min(initial=1e300)) / s).astype(np.float32)
        if not all(np.all(np.isfinite(matrices / wide(r, matrices))) for matrices, _ in parts):
            continue
        fits = tuple(fit_scaled(matrices, moments, settings, r, "awq") for matrices, moments in parts)
        if all(fit.after <= fit.before for fit in fits) and total(fits) < total(best.fits):
            best = Scaled(r, fits)
    return clipped(best, parts, settings, use)


def clipped(best: Scaled, parts: list[tuple[np.ndarray, Moments]], settings: Settings, use: Use) -> Scaled:
    """Return the same with the ranges of each layer clipped, where that lowers its error."""
    if not settings.clip:
        return best
    fits = []
    for fit, (matrices, moments) in zip(best.fits, parts):
        r = wide(best.r, matrices)
        found = joined([use("quantize_clip")(w, np.triu(h * np.outer(r, r)) + np.triu(h * np.outer(r, r), 1).T,
                                             bits=settings.bits, scheme=settings.scheme, group=settings.group).weight
                        for w, h in zip(matrices / r, moments.hessian)])
        change = scaled_change(found, matrices, r)
        after = float(moments.error(change).sum())
        fits.append(Fit(found, change, fit.before, after, f"{fit.method}, clipped", fit.note)
                    if after < fit.after else fit)
    return Scaled(best.r, tuple(fits))


def smooth(lock: Lockstep, group: Group, parts: list[tuple[np.ndarray, Moments]], settings: Settings) -> Scaled:
    """Return the scale of SmoothQuant for a group, or none where it would leave a layer worse on integers.

        s[j] = (max |x[:, j]|)**alpha / (max |w[:, j]|)**(1 - alpha),    the largest of all layers' weights

    The errors are those of the nodes that round their inputs to 8 bits, run on the calibration inputs.
    """
    plain = []
    for layer, (matrices, moments) in zip(group.layers, parts):
        weight = rounded(matrices, settings)
        error = integer_error(lock, layer, weight, None, settings)
        plain.append(Fit(weight, change_of(weight, matrices), error, error, "nearest on integers"))
    if not scalable(group) or any(moments.dead for _, moments in parts):
        return Scaled(None, tuple(plain))
    channels = parts[0][1].largest.reshape(channels_of(group), -1).max(axis=1)
    of_weight = np.max([np.abs(matrices).reshape(-1, len(channels), matrices.shape[-1] // len(channels))
                        .max(axis=(0, 2)) for matrices, _ in parts], axis=0).astype(np.float64)
    used = (channels > 0) & (of_weight > 0)
    with np.errstate(all="ignore"):
        s = np.where(used, channels**settings.alpha / of_weight ** (1 - settings.alpha), 1)
        r = (1 / s).astype(np.float32)
    if not (np.all(np.isfinite(r)) and all(np.all(np.isfinite(w / wide(r, w))) for w, _ in parts) and r.all()):
        return Scaled(None, noted(plain, "the scaled weights leave float32; so unscaled"))
    fits = []
    for layer, (matrices, _), simple in zip(group.layers, parts, plain):
        weight = rounded(matrices / wide(r, matrices), settings)
        after = integer_error(lock, layer, weight, r, settings)
        if not after <= simple.before:
            return Scaled(None, noted(plain, f"smoothing would leave {layer.node.name} {after:.4g}, more than "
                                             f"{simple.before:.4g} without; so unscaled"))
        change = scaled_change(weight, matrices, wide(r, matrices))
        fits.append(Fit(weight, change, simple.before, after, "smooth"))
    return Scaled(r, tuple(fits))


def integer_error(lock: Lockstep, layer: Layer, weight: Quantized, r: np.ndarray | None, settings: Settings) -> float:
    """Return the error of a layer's output with its inputs scaled by r and rounded to 8 bits, and this weight."""
    value, node = layer.node.inputs[0], on_integers(layer.node)
    tensors = {**lock.tensors, layer.weight: stored(weight, layer.value.shape, settings.bits, lock.use)}
    nodes = [node]
    if r is not None:
        tensor, scaled = lock.fresh("channel_scale"), lock.fresh("scaled")
        tensors[tensor] = r.reshape(-1, *(1,) * (layer.value.ndim - 2))
        nodes = [Node("multiply", (value, tensor), (scaled,)),
                 Node(node.operation, (scaled, *node.inputs[1:]), node.outputs, node.attributes, node.name)]
    return lock.error_of(layer.node, nodes, tensors)


def on_integers(node: Node) -> Node:
    """Return the node that rounds its inputs to 8 bits as they come."""
    return Node(INTEGERS[node.operation], node.inputs, node.outputs, node.attributes, node.name)


def fit_scaled(matrices: np.ndarray, moments: Moments, settings: Settings, r: np.ndarray | None, method: str) -> Fit:
    """Return a layer rounded to nearest with its inputs multiplied by r and its weights divided by it."""
    nearest = rounded(matrices, settings)
    before = float(moments.error(change_of(nearest, matrices)).sum())
    if r is None:
        return Fit(nearest, change_of(nearest, matrices), before, before, "nearest")
    along = wide(r, matrices)
    weight = rounded(matrices / along, settings)
    change = scaled_change(weight, matrices, along)
    return Fit(weight, change, before, float(moments.error(change).sum()), method)


def scaled_change(weight: Quantized, matrices: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Return the difference (g, m, k) that scaled weights make, taken back to the unscaled inputs."""
    return exact_weight(weight).reshape(matrices.shape) * r - matrices


def wide(r: np.ndarray | None, matrices: np.ndarray) -> np.ndarray:
    """Return the scale of each channel for each input of a matrix: a convolution has a kernel of inputs a channel."""
    return np.ones(1, np.float32) if r is None else np.repeat(r, matrices.shape[-1] // len(r))


def mean_magnitudes(moments: Moments, group: Group) -> np.ndarray:
    """Return the mean magnitude of each channel, none below FLOOR times the largest, as quantize_awq has it."""
    size = moments.magnitudes.reshape(channels_of(group), -1).mean(axis=1) / max(moments.count, 1)
    size = np.maximum(size, FLOOR * size.max(initial=0))
    return np.where(size == 0, 1, size)


def channels_of(group: Group) -> int:
    return group.layers[0].value.shape[1]


def scalable(group: Group) -> bool:
    """Whether the value of a group has channels that a scale can be given: not those of grouped convolutions."""
    return all(not layer.others and dict(layer.node.attributes).get("groups", 1) == 1 for layer in group.layers)


def noted(fits: list[Fit], note: str) -> tuple[Fit, ...]:
    return tuple(Fit(fit.weight, fit.change, fit.before, fit.after, fit.method, note) for fit in fits)


def total(fits: tuple[Fit, ...]) -> float:
    return sum(fit.after for fit in fits)
