"""Make a network really smaller: hidden units go, and with them the inputs of the layer that read them."""

import copy
from collections.abc import Mapping

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from .layers import Dense, Dropout, ReLU
from .network import Network


def shrink(network: Network, units: Mapping[str, np.ndarray]) -> Network:
    """Return a network of its own without the hidden units whose mask is False.

    With y = W x + b, rows of W and entries of b go, and the columns of the next Dense layer's weight that read them.
    That is the network in which these rows, entries and columns are zero, for ReLU(0) = 0 and Dropout keeps 0: it
    computes the same sums without their zero terms, in an order that is BLAS's affair.

    units : name of a Dense layer, not the last → bool mask of its outputs, at least one True; layers not named stay
    whole. Raises RefcompressError for another name or shape of a mask, or one that keeps nothing; ArgumentTypeError
    where a layer that is not Dense, ReLU or Dropout lies in the network: what it would do to the missing units is not
    known.

    **Source** Li et al. 2017 (arXiv 1608.08710), section 3.1, for whole filters; Hu et al. 2016 (arXiv 1607.03250),
    section 3, for units. **Departs** nothing. Cost: a copy of what stays.

    >>> rng = np.random.default_rng(0)
    >>> network = Network([("fc1", Dense(4, 3, rng=rng)), ("relu", ReLU()), ("fc2", Dense(3, 2, rng=rng))])
    >>> small = shrink(network, {"fc1": np.array([True, False, True])})
    >>> {name: p.shape for name, p in small.parameters.items()}
    {'fc1.weight': (2, 4), 'fc1.bias': (2,), 'fc2.weight': (2, 2), 'fc2.bias': (2,)}
    """
    dense = [name for name, layer in network.layers.items() if isinstance(layer, Dense)]
    for name, layer in network.layers.items():
        if not isinstance(layer, (Dense, ReLU, Dropout)):
            kind = type(layer).__name__
            raise ArgumentTypeError(f"network.layers[{name!r}]", f"must be Dense, ReLU or Dropout, not {kind}")
    kept = {}
    for name, mask in units.items():
        argument = f"units[{name!r}]"
        if name not in dense[:-1]:
            raise RefcompressError(argument, f"must be one of the hidden layers {', '.join(dense[:-1])}")
        mask = arguments.array(mask, argument, np.bool_, ndim=1)
        m = len(network.layers[name].parameters["bias"])
        if len(mask) != m or not mask.any():
            raise RefcompressError(argument, f"must have {m} entries and keep at least one unit, not {len(mask)} "
                                             f"entries that keep {np.count_nonzero(mask)}")
        kept[name] = mask

    layers, inputs = [], None  # inputs: the mask of the units that the layer at hand can still read, None for all
    for name, layer in network.layers.items():
        if not isinstance(layer, Dense):
            layers.append((name, copy.deepcopy(layer)))
            continue
        weight, bias = layer.parameters["weight"], layer.parameters["bias"]
        outputs = kept.get(name)
        if inputs is not None:
            weight = weight[:, inputs]
        if outputs is not None:
            weight, bias = weight[outputs], bias[outputs]
        smaller = Dense(weight.shape[1], weight.shape[0], rng=np.random.default_rng(0), dtype=weight.dtype)
        smaller.parameters["weight"][...] = weight
        smaller.parameters["bias"][...] = bias
        layers.append((name, smaller))
        inputs = outputs
    return Network(layers)
