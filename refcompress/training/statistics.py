"""What pruning wants to know of a network at work: one pass over examples, summed in float64, only the sums kept.

Letters: n examples, k inputs and m outputs of a layer; x its input, a its output before ReLU, g and h the first and
second derivative of one example's loss with respect to a. A Convolution is the product of its patches: each place of
its output is a row of a, and x the patch there, its k = channels x height x width values in the order of the kernel's
weights. Only the activations of one batch are in memory at a time.
"""

import math
from collections.abc import Collection, Iterator

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from .convolution import Convolution, MaxPool, Reshape, patches, spread
from .graph_network import GraphNetwork
from .graph_statistics import collect_graph, collect_graph_gradients, graph_weights
from .layers import Dense, Dropout, Layer, ReLU
from .losses import softmax_cross_entropy
from .measured import KINDS, ROWS, GradientStatistics, Statistics, add_moment, mirror
from .network import Network


def collect(network: Network | GraphNetwork, inputs: np.ndarray, *, batch: int = 256, moments: bool = True,
            layers: Collection[str] | None = None) -> dict[str, Statistics]:
    """Run ``inputs`` through the network in use, and return the statistics of each Dense layer and Convolution by its
    name.

    Of a GraphNetwork it is each linear and each conv node with one group, by the name of its weight without ".weight";
    batch norm may stand in front of the ReLU that counts.

    inputs : what the first layer takes, (n, k) or (n, rows, columns, channels), in the dtype of the parameters, n >= 1;
        a memory
    map will do. moments : whether to sum x xᵀ too,
    which costs k² numbers and n k² multiplications a layer. layers : the names of those that are wanted, all by
    default. Products and sums are float64; how the sums of one batch are ordered is NumPy's affair, so results agree
    to float64's rounding, not to the bit, where BLAS or ``batch`` differ.

    Raises RefcompressError for no examples, for an input, weight or activation that is NaN or infinite (by its index),
    and for a layer of another kind with a matrix of weights.

    **Source** the sums: Hu et al. 2016 (arXiv 1607.03250) for zeros; Molchanov et al. 2017 (arXiv 1611.06440), section
    2.2, for the mean activation; Sun et al. 2023 (arXiv 2306.11695) for the norms; Frantar and Alistarh 2023 (arXiv
    2301.00774), section 3.1, for the moments. **Departs** nothing. Cost: the forward pass, and n k² multiplications
    for each layer's moment.

    >>> rng = np.random.default_rng(0)
    >>> network = Network([("fc1", Dense(2, 3, rng=rng)), ("relu", ReLU()), ("fc2", Dense(3, 2, rng=rng))])
    >>> x = np.array([[3, 0], [4, 1]], np.float32)
    >>> statistics = collect(network, x)["fc1"]
    >>> statistics.norms.tolist(), statistics.hessian.tolist()
    ([5.0, 1.0], [[25.0, 4.0], [4.0, 1.0]])
    """
    inputs, batch = _checked(network, inputs, batch)
    every = weighted(network)
    for name in layers or ():
        arguments.choice(name, "layers", every)
    if isinstance(network, GraphNetwork):
        return collect_graph(network, inputs, batch, moments, [n for n in every if layers is None or n in layers])
    sizes = {name: (len(w), w.size // len(w)) for name, w in every.items() if layers is None or name in layers}
    squares = {name: np.zeros(k) for name, (m, k) in sizes.items()}
    products = {name: np.zeros((k, k)) for name, (m, k) in sizes.items()} if moments else {}
    zeros = {name: np.zeros(m, np.int64) for name, (m, k) in sizes.items()}
    sums = {name: np.zeros(m) for name, (m, k) in sizes.items()}
    rows, values = dict.fromkeys(sizes, 0), dict.fromkeys(sizes, 0)
    giver = _activations(network)
    for start in range(0, len(inputs), batch):
        for name, layer, x, y in _walk(network, inputs[start : start + batch], start):
            if name in sizes:
                x = _rows(layer, x)
                rows[name] += len(x)
                squares[name] += np.einsum("nk,nk->k", x, x)
                if moments:
                    add_moment(products[name], x)
            owner = giver.get(name)
            if owner in sizes:
                y = y.reshape(-1, len(zeros[owner]))
                values[owner] += len(y)
                zeros[owner] += np.count_nonzero(y == 0, axis=0)
                sums[owner] += y.sum(axis=0, dtype=np.float64)
    for product in products.values():
        mirror(product)
    return {name: Statistics(rows[name], squares[name], products.get(name), zeros[name], sums[name], values[name])
            for name in sizes}


def collect_gradients(network: Network | GraphNetwork, inputs: np.ndarray, labels: np.ndarray, *, batch: int = 256,
                      kinds: Collection[str] | None = None) -> dict[str, GradientStatistics]:
    """Return the derivatives of softmax cross-entropy by the weight of each Dense layer and Convolution, over the
    examples.

        gradient = mean of g xᵀ;  square = mean of g² x²ᵀ (exact, example by example);  curvature = mean of h x²ᵀ
        h = p (1 - p) at the output;  h_before = f'(a)² sum over i of w_i² h_i, and f'' = 0, for ReLU

    An example's g xᵀ and h x²ᵀ of a Convolution are sums over its places: the weight is shared by them.

    inputs : as for ``collect``; labels : (n,) integers; kinds : which of the three are wanted, by default all that
    there are. Of a GraphNetwork there is no curvature: how each operation passes it on is not known here. All of it is
    in float64 there, and the examples lie along the first axis of what its nodes give. Else the forward pass is the
    network's, all after it float64. Layers other than Dense, Convolution, ReLU, MaxPool, Reshape and Dropout (which is
    not in use) are refused: how they propagate h is not known here.

    **Source** LeCun, Denker, Solla 1990 (Optimal Brain Damage), the backpropagation of second derivatives, with the
    Levenberg-Marquardt form that drops f''; at the output p (1 - p) is the diagonal of the Hessian of softmax
    cross-entropy; it sums h x² where weights are shared. The empirical Fisher: Theis et al. 2018 (arXiv 1801.05787).
    **Departs** nothing: ReLU has no f'' to drop. Cost: the forward pass, and 5 times the backward pass's product for
    the weights' gradient.
    """
    inputs, batch = _checked(network, inputs, batch)
    labels = arguments.array(labels, "labels", *np.typecodes["AllInteger"], ndim=1)
    if len(labels) != len(inputs):
        raise RefcompressError("labels", f"must have one entry an input, {len(inputs)}, not {len(labels)}")
    known = KINDS[:2] if isinstance(network, GraphNetwork) else KINDS
    kinds = known if kinds is None else kinds
    for kind in kinds:
        arguments.choice(kind, "kinds", known)
    if isinstance(network, GraphNetwork):
        return collect_graph_gradients(network, inputs, labels, batch, kinds)
    shapes = {name: w.shape for name, w in weighted(network).items()}
    sums = {
        name: {kind: np.zeros((shape[0], math.prod(shape[1:]))) for kind in kinds} for name, shape in shapes.items()
    }
    for name, layer in network.layers.items():
        if not isinstance(layer, (Dense, Convolution, ReLU, MaxPool, Reshape, Dropout)):
            kind = type(layer).__name__
            raise ArgumentTypeError(
                f"network.layers[{name!r}]",
                f"must be Dense, Convolution, ReLU, MaxPool, Reshape or Dropout, not {kind}",
            )
    first = next(iter(sums))  # nothing is propagated through it
    for start in range(0, len(inputs), batch):
        walked = list(_walk(network, inputs[start : start + batch], start))
        rows, logits = len(walked[0][2]), walked[-1][3].astype(np.float64)
        g = softmax_cross_entropy(logits, labels[start : start + batch])[1] * rows  # of each example, not of their mean
        p = g.copy()
        p[np.arange(rows), labels[start : start + batch]] += 1
        h = p * (1 - p)
        for name, layer, x, y in reversed(walked):
            if isinstance(layer, ReLU):
                g, h = g * (y > 0), h * (y > 0)
            elif isinstance(layer, (MaxPool, Reshape)):  # values pass or they do not: h as g
                g, h = (np.asarray(layer.backward(each)) for each in (g, h))
            elif name in sums:
                w, shape, x_shape = layer.parameters["weight"], g.shape, x.shape
                x, g, h = _rows(layer, x), g.reshape(-1, len(w)), h.reshape(-1, len(w))
                factors = {"gradient": (g, x), "square": (g**2, x**2), "curvature": (h, x**2)}
                for kind, total in sums[name].items():
                    if kind == "square" and isinstance(layer, Convolution):
                        _add_squares(total, g, x, rows)
                    else:
                        _add_product(total, *factors[kind])
                if name == first:
                    break
                g, h = _propagated(g, h, layer)
                if isinstance(layer, Convolution):
                    g, h = (spread(a, shape, x_shape, *w.shape[2:]) for a in (g, h))
    for totals in sums.values():
        for total in totals.values():
            total /= len(inputs)
    return {name: GradientStatistics(len(inputs), *(totals[kind].reshape(shapes[name]) if kind in totals else None
                                                    for kind in KINDS)) for name, totals in sums.items()}


def weighted(network: Network | GraphNetwork) -> dict[str, np.ndarray]:
    """Return the weights of the Dense layers and Convolutions by layer name; refuse a matrix or kernel of any other
    layer. Of a graph they are those of its linear and conv nodes, and others are passed over."""
    if isinstance(network, GraphNetwork):
        return {name: weight for name, (weight, _) in graph_weights(network).items()}
    found = {}
    for name, layer in network.layers.items():
        if isinstance(layer, (Dense, Convolution)):
            found[name] = layer.parameters["weight"]
        elif any(p.ndim > 1 for p in layer.parameters.values()):
            raise ArgumentTypeError(
                f"network.layers[{name!r}]",
                f"has weights, and must be Dense or Convolution for that, not {type(layer).__name__}",
            )
    return found


def _checked(network: Network | GraphNetwork, inputs, batch) -> tuple[np.ndarray, int]:
    """Refuse a network or a set of examples from which nothing can be learnt."""
    batch = arguments.integer(batch, "batch", 1)
    for name, p in network.parameters.items():
        arguments.finite(p, f"network.parameters[{name!r}]")
    weights = weighted(network)
    if not weights:
        raise RefcompressError("network", "must have a Dense layer or a Convolution")
    if isinstance(network, GraphNetwork):
        if len(inputs) == 0:
            raise RefcompressError("inputs", "must have at least one example to calibrate on")
        return inputs, batch
    reader = next(layer for layer in network.layers.values() if isinstance(layer, (Dense, Convolution, Reshape)))
    weight = next(iter(weights.values()))
    images = isinstance(reader, Convolution)
    inputs = arguments.array(inputs, "inputs", weight.dtype, ndim=4 if images else 2)
    if len(inputs) == 0:
        raise RefcompressError("inputs", "must have at least one example to calibrate on")
    wanted = math.prod(reader.shape) if isinstance(reader, Reshape) else weight.shape[1]
    if inputs.shape[-1] != wanted:
        raise RefcompressError("inputs", f"must have {wanted} {'channels' if images else 'values an example'}, "
                                         f"not {inputs.shape[-1]}")
    return inputs, batch


def _rows(layer, x: np.ndarray) -> np.ndarray:
    """Return what a layer multiplies by its weight, in float64, a row an example or place, in the order of the
    weight."""
    if isinstance(layer, Dense):
        return x.astype(np.float64)
    _, c, h, w = layer.parameters["weight"].shape
    return patches(x, h, w).reshape(-1, h, w, c).transpose(0, 3, 1, 2).reshape(-1, c * h * w).astype(np.float64)


def _walk(network: Network, x: np.ndarray, start: int) -> Iterator[tuple[str, Layer, np.ndarray, np.ndarray]]:
    """Yield (name, layer, input, output) of each layer in turn; refuse an input or activation that is not finite."""
    _finite(x, "inputs", start)
    for name, layer in network.layers.items():
        with np.errstate(over="ignore", invalid="ignore"):  # refused below by its index, not warned of
            y = layer.forward(x)
        _finite(y, f"output of {name!r}", start)
        yield name, layer, x, y
        x = y


def _finite(x: np.ndarray, what: str, start: int) -> None:
    good = np.isfinite(x)
    if not good.all():
        at = tuple(int(i) for i in np.argwhere(~good)[0])
        index = ", ".join(map(str, (start + at[0], *at[1:])))
        raise RefcompressError(f"{what}[{index}]", f"must be finite, not {x[at]}")


def _activations(network: Network) -> dict[str, str]:
    """Return whose output is the activation of which weighted layer: that of the ReLU that follows it, else its own.

    Dropout between the two does not count: it is not in use. Neither does pooling: what it leaves is what is read.
    """
    found, owner = {}, None
    for name, layer in network.layers.items():
        if isinstance(layer, (Dense, Convolution)):
            found[name] = owner = name
        elif isinstance(layer, ReLU) and owner is not None:
            del found[owner]
            found[name], owner = owner, None
        elif not isinstance(layer, (Dropout, MaxPool)):
            owner = None
    return found


def _add_product(total: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """Add aᵀ b to ``total``, some rows at a time."""
    for i in range(0, len(total), ROWS):
        total[i : i + ROWS] += a[:, i : i + ROWS].T @ b


def _add_squares(total: np.ndarray, g: np.ndarray, x: np.ndarray, examples: int) -> None:
    """Add to ``total`` the squares of each example's gᵀ x, g and x having the places of one example after those of
    another."""
    g, x = g.reshape(examples, -1, g.shape[1]), x.reshape(examples, -1, x.shape[1])
    for one_g, one_x in zip(g, x):
        total += (one_g.T @ one_x) ** 2


def _propagated(g: np.ndarray, h: np.ndarray, layer) -> tuple[np.ndarray, np.ndarray]:
    """Return g w and h w² in float64, with some rows of the weight in float64 at a time; of a Convolution, patches."""
    weight = layer.matrix() if isinstance(layer, Convolution) else layer.parameters["weight"]
    before, curved = np.zeros((len(g), weight.shape[1])), np.zeros((len(h), weight.shape[1]))
    for i in range(0, len(weight), ROWS):
        w = weight[i : i + ROWS].astype(np.float64)
        before += g[:, i : i + ROWS] @ w
        curved += h[:, i : i + ROWS] @ w**2
    return before, curved
