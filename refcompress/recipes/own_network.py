"""Any network of a graph made small: its weights pruned while it trains, then few values or a grid, trained too."""

from collections.abc import Callable, Mapping

import numpy as np

from .. import arguments, reference
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Quantized, Shared
from ..graph import Model
from ..graph.uses import is_turned, uses
from ..training import Adam, Gradual, GraphNetwork, Masked, SharedCentroids, StraightThrough, fit
from ..training.fitting import Inputs

__all__ = ["smaller"]


def smaller(network: GraphNetwork, inputs: Inputs, labels: np.ndarray, *, sparsity: float, clusters: int | None = None,
            bits: int | None = None, rng: np.random.Generator, epochs: int = 15, tune_epochs: int = 5,
            rate: float = 3e-3, tune_rate: float = 1e-3, batch: int = 50, least: int = 1000) -> Model:
    """Return the model of a trained network with its weights pruned, and shared or on a grid; fine-tuned after each.

    Parameters
    ----------
    network : trained. It stays as it is. Its weights are the parameters that a file may hold in a compressed format
        (Model.weighted): of linear layers, convolutions, embeddings, recurrent layers.
    inputs, labels : as of ``fit``
    sparsity : of each weight of ``least`` elements or more, those of smallest magnitude. Smaller ones are not pruned.
    clusters : how many values the elements of a weight share (share_optimal); or bits : of the grid of each output
        (StraightThrough), 2 to 8. One of the two.
    rng : draws the order of the examples
    epochs, rate : of the training while it is pruned; all is pruned after three fifths of the steps
    tune_epochs, tune_rate : of the training of the shared values, or on the grid
    batch : examples a step

    **Source** Zhu and Gupta 2017 (arXiv 1710.01878) for the pruning; Han et al. 2016 (arXiv 1510.00149), section 3.3,
    for shared values; Jacob et al. 2018 (arXiv 1712.05877), section 3.1, for grids. **Departs** exact k-means in place
    of Lloyd's.
    """
    if not isinstance(network, GraphNetwork):
        raise ArgumentTypeError("network", f"must be a GraphNetwork, not {type(network).__name__}")
    arguments.exactly_one(clusters=clusters, bits=bits)
    batch, epochs = arguments.integer(batch, "batch", 1), arguments.integer(epochs, "epochs", 1)
    net = network.copy()
    weights = {name: net.parameters[name] for name in net.model().weighted() if name in net.parameters}
    if not weights:
        raise RefcompressError("network", "must have a weight that learns and that a file may compress")
    masks = prune(net, weights, inputs, labels, sparsity=arguments.real(sparsity, "sparsity", 0, 1), rng=rng,
                  epochs=epochs, rate=rate, batch=batch, least=least)
    tuning: SharedCentroids | Masked
    stored: Callable[[], Mapping[str, Shared | Quantized]]
    if clusters is not None:
        tuning = sharing = SharedCentroids(net, {
            name: reference.share_optimal(w, clusters=clusters, pruned=True)
            for name, w in weights.items()})
        stored = sharing.shared
    else:
        axes = {name: int(all(map(is_turned, uses(net.graph)[name]))) for name in weights}
        grid = StraightThrough(net, {name: bits or 0 for name in weights}, axis=axes)
        tuning, stored = Masked(net, masks, tuning=grid), grid.quantized
    fit(net, inputs, labels, optimizer=Adam(tune_rate), tuning=tuning,
        epochs=tune_epochs, batch=batch, rng=rng)
    return net.model().replaced(stored())


def prune(net: GraphNetwork, weights, inputs, labels, *, sparsity, rng, epochs, rate, batch, least):
    """Prune the larger weights of a network in place while it trains; return their masks."""
    large = {name: w for name, w in weights.items() if w.size >= least}

    def choose(share):  # of each weight by itself: layers differ in scale
        return {name: reference.prune_magnitude(w, sparsity=share)
                for name, w in large.items()}

    steps = max(1, 3 * epochs * -(-len(labels) // batch) // 5)
    tuning = Gradual(net, choose, final=sparsity, steps=steps, every=min(10, steps))
    fit(net, inputs, labels, optimizer=Adam(rate), tuning=tuning,
        epochs=epochs, batch=batch, rng=rng)
    return tuning.masks
