"""Make a network really smaller: hidden units or filters go, and with them the inputs of the layer that read them."""

import copy
from collections.abc import Mapping

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from .convolution import Convolution, MaxPool, Reshape
from .layers import Dense, Dropout, ReLU
from .network import Network


def shrink(network: Network, units: Mapping[str, np.ndarray]) -> Network:
    """Return a network of its own without the hidden units (of a Convolution, the filters) whose mask is False.

    With y = W x + b, rows of W and entries of b go, and the columns of the next weight that read them (after images
    were made flat, those of every place; channels come last). That is the network in which these rows, entries and
    columns are zero, for ReLU(0) = 0, and pooling and Dropout keep 0: it computes the same sums without their zero
    terms, in an order that is BLAS's affair.

    units : name of a Dense layer or Convolution, not the last → bool mask of its outputs, at least one True; layers not
        named stay
    whole. Raises RefcompressError for another name or shape of a mask, or one that keeps nothing; ArgumentTypeError
    where a layer of another kind than Dense, Convolution, ReLU, MaxPool, Reshape and Dropout lies in the network, or a
    Reshape that does not make a row of what units are missing in: what these would do to the missing units is not
    known.

    **Source** Li et al. 2017 (arXiv 1608.08710), section 3.1, for whole filters; Hu et al. 2016 (arXiv 1607.03250) for
    units. **Departs** nothing. Cost: a copy of what stays.

    >>> rng = np.random.default_rng(0)
    >>> network = Network([("fc1", Dense(4, 3, rng=rng)), ("relu", ReLU()), ("fc2", Dense(3, 2, rng=rng))])
    >>> small = shrink(network, {"fc1": np.array([True, False, True])})
    >>> {name: p.shape for name, p in small.parameters.items()}
    {'fc1.weight': (2, 4), 'fc1.bias': (2,), 'fc2.weight': (2, 2), 'fc2.bias': (2,)}
    """
    named = [name for name, layer in network.layers.items() if isinstance(layer, (Dense, Convolution))]
    for name, layer in network.layers.items():
        if not isinstance(layer, (Dense, Convolution, ReLU, MaxPool, Reshape, Dropout)):
            kind = type(layer).__name__
            raise ArgumentTypeError(
                f"network.layers[{name!r}]",
                f"must be Dense, Convolution, ReLU, MaxPool, Reshape or Dropout, not {kind}",
            )
    kept = {}
    for name, mask in units.items():
        argument = f"units[{name!r}]"
        if name not in named[:-1]:
            raise RefcompressError(argument, f"must be one of the hidden layers {', '.join(named[:-1])}")
        mask = arguments.array(mask, argument, np.bool_, ndim=1)
        m = len(network.layers[name].parameters["bias"])
        if len(mask) != m or not mask.any():
            raise RefcompressError(argument, f"must have {m} entries and keep at least one unit, not {len(mask)} "
                                             f"entries that keep {np.count_nonzero(mask)}")
        kept[name] = mask

    layers, inputs = [], None  # inputs: the mask of the units that the layer at hand can still read, None for all
    for name, layer in network.layers.items():
        if isinstance(layer, Reshape) and inputs is not None:
            if len(layer.shape) != 1 or layer.shape[0] % len(inputs):
                raise ArgumentTypeError(f"network.layers[{name!r}]", f"must make a row of {len(inputs)} channels, "
                                                                     f"not the shape {layer.shape}")
            inputs = np.tile(inputs, layer.shape[0] // len(inputs))
            layers.append((name, Reshape(int(np.count_nonzero(inputs)))))
            continue
        if not isinstance(layer, (Dense, Convolution)):
            layers.append((name, copy.deepcopy(layer)))
            continue
        weight, bias = layer.parameters["weight"], layer.parameters["bias"]
        outputs = kept.get(name)
        if inputs is not None:
            weight = weight[:, inputs]
        if outputs is not None:
            weight, bias = weight[outputs], bias[outputs]
        smaller = copy.deepcopy(layer)
        smaller.parameters = {"weight": weight.copy(), "bias": bias.copy()}
        smaller.gradients = {parameter: np.zeros_like(p) for parameter, p in smaller.parameters.items()}
        layers.append((name, smaller))
        inputs = outputs
    return Network(layers)
