"""Run a fully connected network from its compressed layers, without making its weights dense again.

Each format names its product: that of a pruned matrix is csr_matmul, of a quantized one gemm_f32s8 or gemm_f32mixed, of
low rank lowrank_matmul. Other formats are decoded first. Activations are (features, batch), so that the sparse product
reads whole rows of them.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .. import arguments, ops
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import QuantizedLayer, is_array_format

__all__ = ["ACTIVATIONS", "CompressedNetwork"]

Product = Callable[[np.ndarray], np.ndarray]

ACTIVATIONS: dict[str, Product] = {  # by name: each changes its argument in place
    "relu": lambda x: np.maximum(x, 0, out=x),
    "tanh": lambda x: np.tanh(x, out=x),
    "none": lambda x: x,
}


class CompressedNetwork:
    """Layers y = W x + b with an activation between them, computed from what a container holds.

    layers : mapping from "<layer>.weight" to any format or a float32 array, of shape (outputs, inputs), and from
        "<layer>.bias", where a layer has one, to those of (outputs,); or from "<layer>" to a QuantizedLayer, which is
        both. An entry that is not one of these is refused: what it means for the result is not known here.
    implementation : the namespace that computes the products (refcompress.reference, native, native.at("avx2"), ...).
    order : the names of the layers, first to last; each must take as many inputs as the one before it gives outputs.
    activations : "relu", "tanh" or "none", for all places between two layers, or a sequence with one for each place.
        Nothing follows the last layer.

    A file does not say how its layers follow each other and what stands between them; so both are asked for.

    ``uses`` says for each layer which function of which implementation computes it. Raises RefcompressError by name.
    """

    def __init__(self, layers: Mapping, implementation, *, order: Sequence[str], activations: str | Sequence[str]):
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
        self.uses: dict[str, str] = {}
        self._steps: list[tuple[Product, np.ndarray, Product]] = []
        outputs = None
        for name, activation in zip(names, [*places, "none"]):
            if name not in whole and f"{name}.weight" not in layers:
                raise RefcompressError("layers", f"must have an entry {name + '.weight'!r}, for order names {name!r}")
            weight = layers[name] if name in whole else layers[f"{name}.weight"]
            if isinstance(weight, QuantizedLayer) and name not in whole:
                raise RefcompressError(f"{name}.weight", f"must be a matrix; a whole layer stands under {name!r}")
            if len(weight.shape) != 2 or (outputs is not None and weight.shape[1] != outputs):
                wanted = f"(outputs, {'inputs' if outputs is None else outputs})"
                raise RefcompressError(f"{name}.weight", f"must have a shape {wanted}, not {weight.shape}")
            outputs = weight.shape[0]
            if not self._steps:
                self._inputs = weight.shape[1]
            bias = np.zeros(outputs, dtype=np.float32)
            if name in whole:
                bias = bias if weight.bias is None else weight.bias
            elif f"{name}.bias" in layers:
                bias = layers[f"{name}.bias"]
                bias = bias.dense() if is_array_format(bias) else bias
                bias = arguments.array(bias, f"{name}.bias", np.float32, ndim=1)
                if len(bias) != outputs:
                    raise RefcompressError(f"{name}.bias", f"must have {outputs} entries, not {len(bias)}")
            product, self.uses[name] = (_layer if name in whole else _product)(weight, implementation)
            self._steps.append((product, bias[:, None], ACTIVATIONS[activation]))

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the last layer's outputs, float32 (outputs, batch), for x : (inputs, batch) float32."""
        x = arguments.array(x, "x", np.float32, ndim=2)
        if len(x) != self._inputs:
            raise RefcompressError("x", f"must have {self._inputs} rows, one an input of the first layer, not {len(x)}")
        for product, bias, activation in self._steps:
            x = product(x)
            x += bias
            activation(x)
        return x

    def classify(self, x: np.ndarray) -> np.ndarray:
        """Return the index of the largest output for each column of x, int64 (batch,); the lowest index on ties.

        Raises RefcompressError for a column with an output that is NaN: that is no answer.
        """
        y = self.forward(x)
        answered = ~np.isnan(y).any(axis=0)
        if not answered.all():
            sample = int(np.argmin(answered))
            output = int(np.argmax(np.isnan(y[:, sample])))
            raise RefcompressError(f"x[:, {sample}]", f"has no class: output {output} is NaN")
        return y.argmax(axis=0)


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


def _product(weight, implementation) -> tuple[Product, str]:
    """Return the function x -> weight @ x for the format of ``weight``, and the name of who computes it."""
    if not is_array_format(weight):
        dense = arguments.array(weight, "weight", np.float32, ndim=2)
        return lambda x: dense @ x, "dense product (NumPy)"
    if weight.product is None:
        decoded = weight.dense()
        return lambda x: decoded @ x, f"dense product of the decoded {type(weight).__name__} (NumPy)"
    function, label = ops.implementation_of(implementation, weight.product)
    operand = weight.operand(lambda name: ops.implementation_of(implementation, name)[0])
    said = f"{weight.product} ({label})"
    if weight.product.startswith("gemm_"):  # whose inputs are rows and come first: y = x @ w.T
        return lambda x: np.ascontiguousarray(function(x.T, operand).T), said
    return lambda x: function(operand, x), said


def _layer(layer: QuantizedLayer, implementation) -> tuple[Product, str]:
    """Return the function x -> weight @ round(x / input_scale), and the name of who computes it."""
    product, said = _product(layer.weight, implementation)
    quantize_s8, label = ops.implementation_of(implementation, "quantize_s8")
    if layer.input_bits is not None:
        said = f"quantize_s8 ({label}), {said}"
    step = None if layer.input_step is None else np.full((1, 1), layer.input_step, np.float32)

    def forward(x: np.ndarray) -> np.ndarray:
        if layer.input_scale is not None:
            x = x / layer.input_scale[:, None]
        if layer.input_bits is not None:  # a scale a sample, or the one that is given
            axis = 0 if step is None else None
            x = np.ascontiguousarray(quantize_s8(x.T, bits=layer.input_bits, axis=axis, scale=step).dense().T)
        return product(x)

    return forward, said
