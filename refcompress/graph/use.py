"""Who computes what in a run: operations by name, and the product of a weight in whatever format it is stored."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..errors import ArgumentTypeError
from ..formats import ELEMENT_TYPES, ArrayFormat, Format, Plain, Prepared, is_array_format

__all__ = ["Use", "Weight", "as_array", "copied"]

Weight = np.ndarray | ArrayFormat


def as_array(value: Weight) -> np.ndarray | None:
    """Return a tensor that is an array: also a Plain of one of NumPy's types, whose bits are one; else None."""
    if isinstance(value, Plain) and value.product is None and ELEMENT_TYPES[value.type].numpy is not None:
        return value.dense()
    return None if is_array_format(value) else value  # type: ignore[return-value]


class Use:
    """The operations of one implementation, and a record of which were used.

    implementation : a namespace (refcompress.reference, native, native.at("avx2"), ...). keep : whether what a product
    reads in place of the stored form (integers a byte each, the CSR of shared weights, a decoded array) is kept for the
    next run with this Use. It takes memory; without it each is made again in each run, and forgotten behind its node.
    said : by the name of a node which functions of whom computed it, and what was decoded for it.
    """

    def __init__(self, implementation: Any, *, keep: bool = False):
        if implementation is not None and not any(hasattr(implementation, name) for name in ops.OPS):
            raise ArgumentTypeError("implementation", "must have operations under their names, as reference and "
                                                      f"native do, not be {implementation!r:.80}")
        self.implementation = implementation
        self.keep = keep
        self.said: dict[str, list[str]] = {}
        self._node = ""
        self._functions: dict[str, tuple[Callable, str]] = {}
        self._made: dict[tuple[int, str], tuple[Any, Any]] = {}  # what is made of which object, kept alive

    @property
    def node(self) -> str:
        """The name of the node that runs; a run sets it."""
        return self._node

    @node.setter
    def node(self, name: str) -> None:
        self._node = name
        if not self.keep and self._made:
            self._made = {}

    def __call__(self, name: str) -> Callable:
        """Return the implementation's operation of that name, or the reference's where it has none."""
        if name not in self._functions:
            self._functions[name] = ops.implementation_of(self.implementation, name)
        function, label = self._functions[name]
        self.say(f"{name} ({label})")
        return function

    def say(self, what: str) -> None:
        """Add a line to what is said of the node that runs, once."""
        said = self.said.setdefault(self._node, [])
        if what not in said:
            said.append(what)

    def once(self, of: Any, what: str, make: Callable[[], Any]) -> Any:
        """Return ``make()`` for a weight, made once for all products of a node; with keep once for this Use.

        What is made of an array is made each time: it costs little, and each run may have arrays of its own.
        """
        if isinstance(of, np.ndarray):
            return make()
        found = self._made.get((id(of), what))
        if found is None:
            found = self._made[id(of), what] = (of, make())
        return found[1]

    def packed(self, name: str, weight: np.ndarray | Format) -> Any:
        """Return a weight packed for the product of that name, where this implementation's packs weights."""
        function, _ = ops.implementation_of(self.implementation, name)
        return function.prepare_weight(weight) if hasattr(function, "prepare_weight") else weight

    def contiguous(self, a: np.ndarray) -> np.ndarray:
        """Return an array in C order: itself, or a copy."""
        return a if a.flags.c_contiguous else copied(a, np.empty(a.shape, a.dtype))

    def empty(self, shape: tuple[int, ...], dtype) -> np.ndarray:
        """Return memory for what a node gives, which is filled by ``into`` alone."""
        return np.empty(shape, dtype)

    def into(self, y: np.ndarray, name: str, *args: Any, **kwargs: Any) -> None:
        """Fill y, a part of what ``empty`` gave, with what an operation gives, element by element in C's order."""
        y[...] = self(name)(*args, **kwargs).reshape(y.shape)

    def forget(self, a: np.ndarray) -> None:
        """Say that the node reads an array no more, which an operation gave."""

    def computed(self, function: Callable, *inputs: Any, out: np.ndarray | None = None) -> np.ndarray:
        """Return a function of NumPy of these inputs, written to ``out`` where that is given."""
        return function(*inputs) if out is None else function(*inputs, out=out)

    def products(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return left[i] @ right[i] of C-contiguous float32 (b, m, k) and (b, k, n), each by gemm_f32f32."""
        product = self("gemm_f32f32")
        if hasattr(product, "batched"):  # the same products in one call
            return product.batched(left, right)
        y = np.empty((*left.shape[:2], right.shape[2]), np.float32)
        for i in range(len(left)):
            y[i] = product(left[i], right[i], transposed=True)
        return y

    def product(self, x: np.ndarray, weight: Weight) -> np.ndarray:
        """Return x @ weight.T, float32 (n, m), for float32 rows x (n, k) and a weight (m, k) in any format.

        Each format names its product, and is multiplied as it is stored; a format without one is decoded first.
        """
        name, operand = self.operand(weight)
        if name.startswith("gemm_"):  # whose inputs are rows and come first
            return self(name)(x, operand)
        return np.ascontiguousarray(self(name)(operand, np.ascontiguousarray(x.T)).T)

    def columns(self, weight: Weight, x: np.ndarray) -> np.ndarray:
        """Return weight @ x, float32 (m, n), for a weight (m, k) in any format and float32 columns x (k, n)."""
        name, operand = self.operand(weight)
        if name == "gemm_f32f32":
            return self(name)(operand, x, transposed=True)
        if name.startswith("gemm_"):
            return self(name)(np.ascontiguousarray(x.T), operand).T
        return self(name)(operand, np.ascontiguousarray(x))

    def columns_of(self, weight: Weight, rows: np.ndarray) -> np.ndarray:
        """Return weight @ rows.T, float32 (m, n), for a weight (m, k) in any format and float32 rows (n, k)."""
        name, operand = self.operand(weight)
        if name == "gemm_f32f32":
            return self(name)(operand, rows)
        if name.startswith("gemm_"):
            return self(name)(rows, operand).T
        return self(name)(operand, np.ascontiguousarray(rows.T))

    def operand(self, weight: Weight) -> tuple[str, np.ndarray | Format]:
        """Return the name of a weight's product, and what it takes."""
        array = as_array(weight)
        if array is not None or not is_array_format(weight):
            return "gemm_f32f32", array  # type: ignore[return-value]
        if weight.product is None:
            self.say(f"decoded from {type(weight).__name__}")
            return "gemm_f32f32", self.once(weight, "decoded", weight.dense)
        name = weight.product
        if isinstance(weight, Prepared):
            return name, weight
        operand = self.once(weight, "operand", lambda: weight.operand(self))
        return name, self.once(weight, "packed", lambda: self.packed(name, operand)) if self.keep else operand


def copied(a: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Return ``to``, with the elements of ``a``: a short last axis is copied place by place, in long runs."""
    if a.ndim > 1 and a.shape[-1] <= 8:
        for i in range(a.shape[-1]):
            to[..., i] = a[..., i]
    else:
        to[...] = a
    return to
