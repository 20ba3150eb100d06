"""Who computes what in a run: operations by name, and the product of a weight in whatever format it is stored."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..formats import ArrayFormat, is_array_format

__all__ = ["Use", "Weight"]

Weight = np.ndarray | ArrayFormat


class Use:
    """The operations of one implementation, and a record of which were used.

    implementation : a namespace (refcompress.reference, native, native.at("avx2"), ...). said : by the name of a node
    which functions of whom computed it, and what was decoded for it.
    """

    def __init__(self, implementation: Any):
        self.implementation = implementation
        self.said: dict[str, list[str]] = {}
        self.node = ""  # the one that runs

    def __call__(self, name: str) -> Callable:
        """Return the implementation's operation of that name, or the reference's where it has none."""
        function, label = ops.implementation_of(self.implementation, name)
        self.say(f"{name} ({label})")
        return function

    def say(self, what: str) -> None:
        """Add a line to what is said of the node that runs, once."""
        said = self.said.setdefault(self.node, [])
        if what not in said:
            said.append(what)

    def product(self, x: np.ndarray, weight: Weight) -> np.ndarray:
        """Return x @ weight.T, float32 (n, m), for float32 rows x (n, k) and a weight (m, k) in any format.

        Each format names its product, and is multiplied as it is stored; a format without one is decoded first.
        """
        name = weight.product if is_array_format(weight) else None
        if name is None:
            if is_array_format(weight):
                self.say(f"decoded from {type(weight).__name__}")
                weight = weight.dense()
            return self("gemm_f32f32")(x, weight)
        operand = weight.operand(self)
        if name.startswith("gemm_"):  # whose inputs are rows and come first
            return self(name)(x, operand)
        return np.ascontiguousarray(self(name)(operand, np.ascontiguousarray(x.T)).T)
