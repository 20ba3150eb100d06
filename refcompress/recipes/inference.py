"""A network of fully connected layers from what a container holds, and the classes that a network answers with.

A file with a graph says how its layers follow each other; ``rc.load_model`` reads it. Files without one do not, so
order and activations are asked for here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import QuantizedLayer, is_array_format
from ..graph import Builder, Model

__all__ = ["ACTIVATIONS", "classes", "model_of_layers"]

ACTIVATIONS = ("relu", "tanh", "none")


def model_of_layers(layers: Mapping[str, Any], *, order: Sequence[str], activations: str | Sequence[str]) -> Model:
    """Return the network of layers y = x W^T + b with an activation between them.

    layers : mapping from "<layer>.weight" to any format or a float32 array, of shape (outputs, inputs), and from
        "<layer>.bias", where a layer has one, to those of (outputs,); or from "<layer>" to a QuantizedLayer, which is
        both. An entry that is not one of these is refused: what it means for the result is not known here.
    order : the names of the layers, first to last; each must take as many inputs as the one before it gives outputs.
    activations : "relu", "tanh" or "none", for all places between two layers, or a sequence with one for each place.
        Nothing follows the last layer.

    The input is "x", (batch, inputs). Raises RefcompressError by name.

    >>> layers = {"a.weight": np.float32([[1, -1]]), "b.weight": np.float32([[2]]), "b.bias": np.float32([1])}
    >>> model = model_of_layers(layers, order=["a", "b"], activations="relu")
    >>> model(np.float32([[3, 1], [1, 3]])).tolist()
    [[5.0], [1.0]]
    """
    names = _names(order, "order")
    between = len(names) - 1
    one = isinstance(activations, str)
    places = [activations] * between if one else _names(activations, "activations", once=False)
    if len(places) != between:
        raise RefcompressError(
            "activations", f"must have one entry for each of the {between} places between layers, not {len(places)}"
        )
    for i, name in enumerate([activations] if one else places):
        arguments.choice(name, "activations" if one else f"activations[{i}]", ACTIVATIONS)
    whole = {name for name in names if isinstance(layers.get(name), QuantizedLayer)}
    known = whole | {f"{name}.{part}" for name in names if name not in whole for part in ("weight", "bias")}
    for entry in layers:
        if entry not in known:
            raise RefcompressError(
                f"layers[{entry!r}]",
                "must be the weight or the bias of a layer that order names; nothing else is computed with",
            )
    b, x, outputs = Builder(), "x", None
    for name, activation in zip(names, [*places, "none"]):
        weight = _weight(layers, name, outputs)
        if outputs is None:
            b.input("x", ("batch", weight.shape[1]))
        outputs = weight.shape[0]
        if name in whole:
            x = b.linear(x, b.tensor(name, weight), name=f"{name}:0")
        else:
            parts = [b.tensor(f"{name}.weight", weight)]
            if f"{name}.bias" in layers:
                parts.append(b.tensor(f"{name}.bias", _bias(layers, name, outputs)))
            x = b.linear(x, *parts, name=name)
        if activation != "none":
            x = getattr(b, activation)(x, name=f"{name}:{activation}")
    return b.model(x)


def classes(outputs: np.ndarray) -> np.ndarray:
    """Return the index of the largest output of each row, int64 (n,): the lowest on ties, -1 where an output is NaN.

    A row with a NaN is no answer: -1 is the class of nothing, and counts as wrong.

    >>> classes(np.float32([[1, 3, 3], [0, np.nan, 1]])).tolist()
    [1, -1]
    """
    return np.where(np.isnan(outputs).any(axis=1), -1, outputs.argmax(axis=1))


def _names(values: Sequence[str], argument: str, once: bool = True) -> list[str]:
    """Return a sequence of strings as a list, or refuse it; ``once`` : at least one, and each only once."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ArgumentTypeError(argument, f"must be a sequence of names, not {type(values).__name__}")
    for i, name in enumerate(values):
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{argument}[{i}]", f"must be a string, not {type(name).__name__}")
        if once and name in values[:i]:
            raise RefcompressError(f"{argument}[{i}]", f"names {name!r} a second time")
    if once and not values:
        raise RefcompressError(argument, "must name at least one layer")
    return list(values)


def _weight(layers: Mapping[str, Any], name: str, inputs: int | None) -> Any:
    """Return the weight of a layer, checked: a matrix that takes so many inputs."""
    key = name if isinstance(layers.get(name), QuantizedLayer) else f"{name}.weight"
    if key not in layers:
        raise RefcompressError("layers", f"must have an entry {key!r}, for order names {name!r}")
    weight = layers[key]
    if isinstance(weight, QuantizedLayer) and key != name:
        raise RefcompressError(f"{name}.weight", f"must be a matrix; a whole layer stands under {name!r}")
    if len(weight.shape) != 2 or (inputs is not None and weight.shape[1] != inputs):
        wanted = f"(outputs, {'inputs' if inputs is None else inputs})"
        raise RefcompressError(f"{name}.weight", f"must have a shape {wanted}, not {weight.shape}")
    return weight if is_array_format(weight) else arguments.array(weight, f"{name}.weight", np.float32)


def _bias(layers: Mapping[str, Any], name: str, outputs: int) -> np.ndarray:
    bias = layers[f"{name}.bias"]
    bias = bias.dense() if is_array_format(bias) else bias
    bias = arguments.array(bias, f"{name}.bias", np.float32, ndim=1)
    if len(bias) != outputs:
        raise RefcompressError(f"{name}.bias", f"must have {outputs} entries, not {len(bias)}")
    return bias
