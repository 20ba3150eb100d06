"""Dropout while a pruned network is retrained: fewer connections need less of it."""

from collections.abc import Mapping

from ..training import Convolution, Dense, Dropout, Network

__all__ = ["adapt_dropout"]


def adapt_dropout(network: Network, original: Network, kept: Mapping[str, float] | None) -> None:
    """Set each Dropout of ``network`` to D_r = D_o sqrt(C_ir / C_io) for the Dense layer or Convolution that follows
    it.

    D_o is the rate in ``original``, C_ir / C_io the share of the layer's connections that is left: ``kept`` by the name
    of its weight, 1 where it has none. kept None turns dropout off.

    **Source** Han et al. 2015 (arXiv 1506.02626), eq. 2. **Departs** nothing.
    """
    share = 0.0 if kept is None else 1.0  # of what follows the last layer
    for name, layer in reversed(network.layers.items()):
        if isinstance(layer, (Dense, Convolution)):
            share = 0.0 if kept is None else kept.get(f"{name}.weight", 1.0)
        elif isinstance(layer, Dropout):
            before = original.layers[name]
            assert isinstance(before, Dropout)  # the same network, before its layers were pruned
            layer.rate = before.rate * share**0.5
