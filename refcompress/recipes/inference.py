"""Run a fully connected network from its compressed layers, without making its weights dense again.

Each kind of layer has its product: what was pruned runs through csr_matmul, what was quantized through gemm_f32s8 or
gemm_f32mixed, low rank through lowrank_matmul; other formats are decoded first. Activations are (features, batch), so that
the sparse product reads whole rows of them.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .. import arguments, ops
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import CSR, Format, LowRank, Mixed, Quantized, Shared

__all__ = ["ACTIVATIONS", "CompressedNetwork"]

ACTIVATIONS = {  # by name: each changes its argument in place
    "relu": lambda x: np.maximum(x, 0, out=x),
    "tanh": lambda x: np.tanh(x, out=x),
    "none": lambda x: x,
}


class CompressedNetwork:
    """Layers y = W x + b with an activation between them, computed from what a container holds.

    layers : mapping from "<layer>.weight" to any format or a float32 array, of shape (outputs, inputs), and from
        "<layer>.bias", where a layer has one, to those of (outputs,). An entry that is not one of these is refused: what it
        means for the result is not known here.
    implementation : the namespace that computes the products (refcompress.reference, native, native.at("avx2"), ...).
    order : the names of the layers, first to last; each must take as many inputs as the one before it gives outputs.
    activations : "relu", "tanh" or "none", for all places between two layers, or a sequence with one for each place. Nothing
        follows the last layer.

    A file does not say how its layers follow each other and what stands between them; so both are asked for.

    ``uses`` says for each layer which function of which implementation computes it. Raises RefcompressError by name.
    """

    def __init__(self, layers: Mapping, implementation, *, order: Sequence[str], activations: str | Sequence[str]):
        names = _names(order, "order")
        between = len(names) - 1
        places = [activations] * between if isinstance(activations, str) else _names(activations, "activations", once=False)
        if len(places) != between:
            raise RefcompressError("activations", f"must have one entry for each of the {between} places between layers, "
                                                  f"not {len(places)}")
        for i, name in enumerate([activations] if isinstance(activations, str) else places):
            arguments.choice(name, "activations" if isinstance(activations, str) else f"activations[{i}]", ACTIVATIONS)
        known = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
        for entry in layers:
            if entry not in known:
                raise RefcompressError(f"layers[{entry!r}]", "must be the weight or the bias of a layer that order names; "
                                                             "nothing else is computed with")
        self.uses: dict[str, str] = {}
        self._steps = []
        outputs = None
        for name, activation in zip(names, [*places, "none"]):
            if f"{name}.weight" not in layers:
                raise RefcompressError("layers", f"must have an entry {name + '.weight'!r}, for order names {name!r}")
            weight = layers[f"{name}.weight"]
            if len(weight.shape) != 2 or (outputs is not None and weight.shape[1] != outputs):
                wanted = f"(outputs, {'inputs' if outputs is None else outputs})"
                raise RefcompressError(f"{name}.weight", f"must have a shape {wanted}, not {weight.shape}")
            outputs = weight.shape[0]
            bias = np.zeros(outputs, dtype=np.float32)
            if f"{name}.bias" in layers:
                bias = layers[f"{name}.bias"]
                bias = bias.dense() if isinstance(bias, Format) else bias
                bias = arguments.array(bias, f"{name}.bias", np.float32, ndim=1)
                if len(bias) != outputs:
                    raise RefcompressError(f"{name}.bias", f"must have {outputs} entries, not {len(bias)}")
            product, self.uses[name] = _product(weight, implementation)
            self._steps.append((product, bias[:, None], ACTIVATIONS[activation]))
        self._inputs = layers[f"{names[0]}.weight"].shape[1]

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


def _product(weight, implementation) -> tuple[Callable, str]:
    """Return the function x -> weight @ x for the format of ``weight``, and the name of who computes it."""
    if isinstance(weight, Shared) and weight.pruned:
        csr_from_dense, _ = ops.implementation_of(implementation, "csr_from_dense")
        weight = csr_from_dense(weight.dense(), mask=weight.codes != 0)
    if isinstance(weight, CSR):
        csr_matmul, label = ops.implementation_of(implementation, "csr_matmul")
        return lambda x: csr_matmul(weight, x), f"csr_matmul ({label})"
    if isinstance(weight, Quantized) and weight.values.dtype == np.int8:
        gemm_f32s8, label = ops.implementation_of(implementation, "gemm_f32s8")
        return lambda x: np.ascontiguousarray(gemm_f32s8(x.T, weight).T), f"gemm_f32s8 ({label})"
    if isinstance(weight, Mixed):
        gemm_f32mixed, label = ops.implementation_of(implementation, "gemm_f32mixed")
        return lambda x: np.ascontiguousarray(gemm_f32mixed(x.T, weight).T), f"gemm_f32mixed ({label})"
    if isinstance(weight, LowRank):
        lowrank_matmul, label = ops.implementation_of(implementation, "lowrank_matmul")
        return lambda x: lowrank_matmul(weight, x), f"lowrank_matmul ({label})"
    if isinstance(weight, Format):
        dense, label = weight.dense(), f"dense product of the decoded {type(weight).__name__} (NumPy)"
    else:
        dense, label = arguments.array(weight, "weight", np.float32, ndim=2), "dense product (NumPy)"
    return lambda x: dense @ x, label
