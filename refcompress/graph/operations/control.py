"""Values as they are, in another type, their sizes, constants, and a choice between two graphs."""

from collections.abc import Callable

import numpy as np

from ...errors import RefcompressError
from ...formats import ELEMENT_TYPES, Graph
from ..known import Known
from ..sizes import UNKNOWN, product
from ..use import Use
from .activations import same_shape
from .checks import axis_of, holds, ints, of_type, rank
from .row import operation

__all__ = ["ROWS"]


def identity(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return x. **Source** ONNX, Identity. **Departs** nothing."""
    return x


def identity_shape(x: Known) -> Known:
    return x


def cast(x: np.ndarray, *, use: Use, type: str) -> np.ndarray:
    """Convert to another type: floats to integers cut off, to narrower floats round to even, to bool is x != 0.

    **Source** ONNX, Cast. **Departs** nothing; what an integer cannot hold is open there, and here as NumPy's C is.
    """
    with np.errstate(all="ignore"):
        return x.astype(np.dtype(type))


def cast_shape(x: Known, *, type: str) -> Known:
    if type not in ELEMENT_TYPES or ELEMENT_TYPES[type].numpy is None:
        raise RefcompressError("type", f"must be a type that NumPy has, not {type!r}")
    return Known(type, x.shape)


def shape(x: np.ndarray, *, use: Use, start: int = 0, end: int = 2**31 - 1) -> np.ndarray:
    """Return the sizes of x from axis ``start`` to ``end``, int64. **Source** ONNX, Shape (15). **Departs** nothing."""
    return np.array(x.shape[start:end], np.int64)


def shape_shape(x: Known, *, start: int, end: int) -> Known:
    if x.shape is None:
        return Known("int64", (UNKNOWN,))
    found = x.shape[start:end]
    if UNKNOWN in found:
        return Known("int64", (len(found),), np.array(found, object))
    numbers = all(isinstance(n, int) for n in found)
    return Known("int64", (len(found),), np.array(found, np.int64 if numbers else object))


def size(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return the number of elements of x, int64. **Source** ONNX, Size. **Departs** nothing."""
    return np.array(x.size, np.int64)


def size_shape(x: Known) -> Known:
    if x.shape is None:
        return Known("int64", ())
    total = product(x.shape)
    return Known("int64", (), np.array(total, np.int64 if isinstance(total, int) else object))


def constant_of_shape(sizes: np.ndarray, *, use: Use, value: float | int | bool = 0.0,
                      type: str = "float32") -> np.ndarray:
    """Return an array of this shape, each element ``value``. **Source** ONNX, ConstantOfShape. **Departs** nothing."""
    return np.full(tuple(int(n) for n in sizes), value, np.dtype(type))


def constant_of_shape_shape(sizes: Known, *, value: float | int | bool, type: str) -> Known:
    cast_shape(sizes, type=type)
    of_type(sizes, "sizes", "int64")
    rank(sizes, "sizes", 1)
    holds(type, "value", value)
    found = ints(None, sizes, "sizes", known=True)
    for i, n in enumerate(found or ()):
        if isinstance(n, int) and n < 0:
            raise RefcompressError(f"sizes[{i}]", f"must not be negative, not {n}")
    return Known(type, None if found is None else tuple(found))


def if_(condition: np.ndarray, *, use: Use, evaluate: Callable, then_branch: Graph, else_branch: Graph):
    """Return the outputs of one of two graphs, which take the values around them by name.

    **Source** ONNX, If. **Departs** nothing.
    """
    return tuple(evaluate(then_branch if condition.reshape(()) else else_branch).values())


def if_shape(condition: Known, *, evaluate: Callable, then_branch: Graph, else_branch: Graph) -> tuple[Known, ...]:
    """Return what is known of the outputs: of the branch that is taken where that is known, else of both.

    A branch that would be refused is not the one that a right run takes; where both would, the first refusal stands.
    """
    of_type(condition, "condition", "bool")
    if condition.shape is not None and product(condition.shape) not in (1, UNKNOWN):
        raise RefcompressError("condition", f"must be one value, not {condition.shape}")
    for name, each in (("then_branch", then_branch), ("else_branch", else_branch)):
        if each.inputs:
            raise RefcompressError(name, "must have no inputs of its own")
    if len(then_branch.outputs) != len(else_branch.outputs):
        raise RefcompressError("else_branch", f"must have {len(then_branch.outputs)} outputs, not "
                                              f"{len(else_branch.outputs)}")
    if condition.value is not None and condition.value.dtype != object:
        return evaluate(then_branch if condition.value.reshape(())[()] else else_branch)
    found, refused = [], []
    for each in (then_branch, else_branch):
        try:
            found.append(evaluate(each))
        except RefcompressError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return tuple(_either(*pair) for pair in zip(*found))


def _either(a: Known, b: Known | None = None) -> Known:
    if b is None:
        return Known(a.type, a.shape)
    if a.type != b.type:
        raise RefcompressError("else_branch", f"must give type {a.type} as then_branch does, not {b.type}")
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        return Known(a.type, None)
    return Known(a.type, tuple(m if m == n else UNKNOWN for m, n in zip(a.shape, b.shape)))


def cumulative_sum(x: np.ndarray, *, use: Use, axis: int = 0) -> np.ndarray:
    """Return the sums up to each place along an axis, floats in float64 and rounded. **Source** ONNX, CumSum.

    **Departs** nothing.
    """
    return np.cumsum(x, axis, dtype=np.float64 if x.dtype.kind == "f" else x.dtype).astype(x.dtype)


def along_axis_shape(x: Known, *, axis: int) -> Known:
    if x.shape is not None:
        axis_of(axis, len(x.shape))
    return same_shape(x)


ROWS = (
    operation(identity, identity_shape), operation(cast, cast_shape), operation(shape, shape_shape),
    operation(size, size_shape), operation(constant_of_shape, constant_of_shape_shape),
    operation(if_, if_shape, name="if", outputs=None), operation(cumulative_sum, along_axis_shape),
)
