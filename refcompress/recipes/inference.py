"""Run a fully connected network from its compressed layers, without making its weights dense again.

Each kind of layer has its product: what was pruned runs through csr_matmul, what was quantized through gemm_f32s8 or
gemm_f32mixed, low rank through lowrank_matmul; other formats are decoded first. Activations are (features, batch), so that
the sparse product reads whole rows of them.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np

from .. import arguments, ops
from ..errors import RefcompressError
from ..formats import CSR, Format, LowRank, Mixed, Quantized, Shared

__all__ = ["CompressedNetwork"]


class CompressedNetwork:
    """Layers y = W x + b with ReLU between them, computed from what a container holds.

    layers : mapping from "<layer>.weight" to any format or a float32 array, of shape (outputs, inputs), and from "<layer>.bias" to those of (outputs,); the layers follow each other in the natural order of their names
        ("fc2" before "fc10"), and each must take as many inputs as the one before it gives outputs.
    implementation : the namespace that computes the products (refcompress.reference, native, native.at("avx2"), ...).

    ``uses`` says for each layer which function of which implementation computes it.
    """

    def __init__(self, layers: Mapping, implementation):
        names = sorted((name.removesuffix(".weight") for name in layers if name.endswith(".weight")), key=_natural)
        if not names:
            raise RefcompressError("layers", "must have at least one entry named '<layer>.weight'")
        self.uses: dict[str, str] = {}
        self._steps = []
        outputs = None
        for name in names:
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
            self._steps.append((product, bias[:, None]))

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the last layer's outputs, float32 (outputs, batch), for x : (inputs, batch) float32."""
        for i, (product, bias) in enumerate(self._steps):
            x = product(x)
            x += bias
            if i < len(self._steps) - 1:
                np.maximum(x, 0, out=x)
        return x

    def classify(self, x: np.ndarray) -> np.ndarray:
        """Return the index of the largest output for each column of x, int64 (batch,); the lowest index on ties."""
        return self.forward(x).argmax(axis=0)


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


def _natural(name: str) -> list:
    """Sort key that takes runs of digits as numbers: fc2 before fc10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
