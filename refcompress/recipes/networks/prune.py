"""Pruning of a network after training: one layer after the other, each on what the pruned ones before it give."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import arguments, reference
from ...constants import LARGEST64
from ...errors import RefcompressError
from ...graph import Model
from ...graph.use import Use, Weight
from .calibration import batches
from .fit import fell_back
from .layers import Layer, layers_of, ruled
from .lockstep import Lockstep
from .matrices import sparse_form
from .moments import Moments
from .quantize import finished, left, moments_of
from .report import Result, Row, stored_bytes

__all__ = ["PruneSettings", "prune_network"]

METHODS = ("magnitude", "wanda", "sparsegpt", "obs")


@dataclass(frozen=True)
class PruneSettings:
    """How a layer is pruned; prune_network says what each means."""

    method: str = "sparsegpt"
    sparsity: float | None = None
    n: int | None = None
    m: int | None = None
    target: str = "network"
    damping: float = 0.01
    sparse: bool = True

    def __post_init__(self):
        arguments.settle(self, method=arguments.choice(self.method, "method", METHODS),
                         target=arguments.choice(self.target, "target", ("network", "layer")),
                         damping=arguments.real(self.damping, "damping", 0, LARGEST64),
                         sparse=arguments.boolean(self.sparse, "sparse"))
        if self.m is None and self.n is None:
            if self.sparsity is None:
                raise RefcompressError("sparsity", "must be given, or n and m")
            arguments.settle(self, sparsity=arguments.real(self.sparsity, "sparsity", 0, 1))
            return
        if self.sparsity is not None:
            raise RefcompressError("sparsity", "must not be given with n and m")
        if self.method == "obs":
            raise RefcompressError("n, m", "have no meaning for obs: it takes a sparsity")
        m = arguments.integer(self.m, "m", 1)
        arguments.settle(self, m=m, n=arguments.integer(self.n, "n", 0, m))


def prune_network(model: Model, calibration: Any, *, method: str = "sparsegpt", sparsity: float | None = None,
                  n: int | None = None, m: int | None = None, target: str = "network", damping: float = 0.01,
                  sparse: bool = True, rules: Mapping[str, Mapping[str, Any] | None] | None = None,
                  implementation: Any = reference) -> Result:
    """Prune the weights of a network in the order of its graph, each for the inputs that it will really get.

        minimise over w' with the zeros that are asked for:  ||x @ w.T - z @ w'.T||**2,   x and z as of quantize_network

    Parameters
    ----------
    model, calibration, target, damping, rules, implementation : as of quantize_network
    method : "magnitude", "wanda", "sparsegpt" or "obs"
        The first two choose what goes, the others also move what stays: prune_magnitude, prune_score_wanda,
        prune_sparsegpt, prune_obs.
    sparsity : float in [0, 1]
        The share of each layer's weights that goes. "wanda" takes it of each output, the others of each matrix: of a
        convolution with groups each group has one.
    n, m : int, instead of sparsity
        n of each m consecutive inputs of an output stay; those of a convolution are channels x kernel.
    sparse : bool
        Whether matrices become CSR, and those of convolutions. A depthwise convolution, and all weights otherwise, stay
        arrays with zeros.

    Returns
    -------
    Result
        A row for each weight that could be pruned; ``before`` is the error of magnitude pruning with as many zeros. No
        layer has a larger error on the calibration inputs: where a method would, the next simpler one is taken, and the
        row says so. A layer that calibration never reached is pruned by magnitude, and named.

    **Source** Frantar & Alistarh, SparseGPT (2023, arXiv 2301.00774); Sun, Liu, Bair & Kolter, Wanda (2023, arXiv
    2306.11695): in their code too each block gets the outputs of the pruned blocks before it. OBS: Hassibi & Stork
    (1993), by rows as Frantar & Alistarh (2022, arXiv 2208.11580).

    **Departs** the target, as quantize_network says.

    Cost that of the method for each layer, n k**2 + n m k for its moments, and two runs of the network.

    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> model = b.model(b.linear(b.input("x", ("batch", 2)), np.float32([[1, 2]]), name="fc"))
    >>> found = prune_network(model, np.float32([[1, 1], [1, 0]]), sparsity=0.5, damping=0.0)
    >>> found.model.tensors["fc.weight"].dense().tolist()                    # one input makes up for the other
    [[0.0, 3.0]]
    """
    default = PruneSettings(method, sparsity, n, m, target, damping, sparse)
    given = batches(model, calibration)
    layers = layers_of(model)
    settings = ruled(layers, default, {} if rules is None else rules)
    lock = Lockstep(model, given, implementation)
    by_index: dict[int, list[Layer]] = {}
    for layer in layers:
        by_index.setdefault(layer.index, []).append(layer)
    rows = []
    for i in range(len(model.graph.nodes)):
        for layer in by_index.get(i, []):
            wanted = settings[layer.weight]
            rows.append(left(lock, layer) if layer.why or wanted is None else pruned(lock, layer, wanted))
        lock.step(i)
    return finished(lock, rows)


def pruned(lock: Lockstep, layer: Layer, settings: PruneSettings) -> Row:
    """Prune a layer of the network in lockstep; return its row."""
    matrices, moments = moments_of(lock, layer)
    try:
        best, method, before, after, note = pruned_matrices(matrices, moments, settings, lock.use)
    except RefcompressError as error:
        raise type(error)(f"node {layer.node.name!r}: {error.argument}", error.rule) from None
    notes = [note]
    if layer.others:
        notes.append(f"also the weight of {', '.join(layer.others)}: pruned for the first that takes it")
    weight: Weight = best.reshape(layer.value.shape)
    if settings.sparse:
        weight = sparse_form(best.reshape(layer.value.shape), lock.use)
    lock.tensors[layer.weight] = weight
    return Row(layer.node.name, layer.weight, method, before, after, moments.output, stored_bytes(weight, lock.use),
               "; ".join(filter(None, notes)))


def pruned_matrices(matrices: np.ndarray, moments: Moments, settings: PruneSettings,
                    use: Use) -> tuple[np.ndarray, str, float, float, str]:
    """Return the matrices (g, m, k) with their zeros, the method, the errors of magnitude and of it, and a note."""
    arguments.finite(matrices, "weight")
    plain = matrices * magnitude_mask(matrices, settings, use)
    before = float(moments.error(plain.astype(np.float64) - matrices).sum())
    if moments.dead:
        return plain, "magnitude", before, before, "calibration never reached it: all its inputs were 0; by magnitude"
    worse: list[str] = []
    for said, trial in trials(matrices, moments, settings, use):
        found = trial()
        after = float(moments.error(found.astype(np.float64) - matrices).sum())
        if after <= before:
            return found, said, before, after, fell_back(worse, "magnitude", said)
        worse.append(f"{said} left {after:.4g}")
    return plain, "magnitude", before, before, fell_back(worse, "magnitude", "magnitude")


def magnitude_mask(matrices: np.ndarray, settings: PruneSettings, use: Use) -> np.ndarray:
    """Return which weights of the matrices (g, m, k) stay by their magnitude; each matrix has its own count."""
    if settings.m is not None:
        return use("prune_select")(np.abs(matrices), structure="nm", n=settings.n, m=settings.m, axis=-1)
    return np.stack([use("prune_magnitude")(w, sparsity=settings.sparsity) for w in matrices])


def trials(matrices: np.ndarray, moments: Moments, settings: PruneSettings,
           use: Use) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Yield what to try, best first, each with its name: aimed at the network's output, at the layer's, Wanda."""
    if settings.method == "magnitude":
        return
    if settings.method != "wanda":
        if settings.target == "network" and moments.ridge < math.inf:
            aimed = moments.target(matrices, moments.ridge)
            yield f"{settings.method} towards the network's output", lambda: surgery(aimed, moments, settings, use)
        yield settings.method, lambda: surgery(matrices, moments, settings, use)
    yield "wanda", lambda: matrices * wanda_mask(matrices, moments, settings, use)


def surgery(wanted: np.ndarray, moments: Moments, settings: PruneSettings, use: Use) -> np.ndarray:
    """Return the matrices pruned group by group, with what stays moved."""
    if settings.method == "obs":
        share: dict[str, Any] = {"sparsity": settings.sparsity}
    else:
        share = {"sparsity": settings.sparsity} if settings.m is None else {"n": settings.n, "m": settings.m}
    prune = use(f"prune_{settings.method}")
    return np.stack([prune(w, h, damping=settings.damping, **share)[1] for w, h in zip(wanted, moments.hessian)])


def wanda_mask(matrices: np.ndarray, moments: Moments, settings: PruneSettings, use: Use) -> np.ndarray:
    """Return which weights stay by magnitude times the norm of their input; each output has the same count."""
    k = matrices.shape[-1]
    n, m = (settings.n, settings.m) if settings.m is not None else (k - round(settings.sparsity * k), k)
    masks = []
    for w, h in zip(matrices, moments.hessian):
        scores = use("prune_score_wanda")(w, np.sqrt(h.diagonal()))
        masks.append(use("prune_select")(scores, structure="nm", n=n, m=max(m, 1), axis=-1))
    return np.stack(masks)
