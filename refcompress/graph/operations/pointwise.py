"""Arithmetic of values at the same place, after broadcasting, and comparisons."""

from collections.abc import Callable

import numpy as np

from ...errors import RefcompressError
from ..known import Known
from ..use import Use
from .activations import same_shape
from .checks import broadcast_shape, of_type, same_types
from .row import Operation, operation

__all__ = ["ROWS"]

FLOATS = ("float16", "float32", "float64")


def add(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return a + b. **Source** ONNX, Add. **Departs** nothing."""
    return np.add(a, b)


def subtract(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return a - b. **Source** ONNX, Sub. **Departs** nothing."""
    return np.subtract(a, b)


def multiply(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return a * b. **Source** ONNX, Mul. **Departs** nothing."""
    return np.multiply(a, b)


def divide(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return a / b; of integers the quotient cut off towards 0, and 0 over 0. **Source** ONNX, Div.

    **Departs** division by 0, which ONNX leaves open for integers.
    """
    if a.dtype.kind == "f":
        return np.divide(a, b)
    quotient, remainder = np.divmod(a, b)
    return quotient + ((remainder != 0) & (quotient < 0)).astype(quotient.dtype)


def power(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return a to the power of b, of a's type.

    The exponents 1, 2, 3 and 1/2, of a single number, are products and a square root, each rounded once. Others are
    those of the C library in float64, rounded to a's type: these alone may differ from machine to machine, in the last
    bit and rarely.

    **Source** ONNX, Pow. **Departs** nothing.
    """
    if b.size == 1 and a.dtype.kind == "f" and b.ndim <= a.ndim:
        exponent = float(b.reshape(()))
        if exponent in (1.0, 2.0, 3.0):
            return {1.0: lambda: a.copy(), 2.0: lambda: a * a, 3.0: lambda: a * a * a}[exponent]()
        if exponent == 0.5:
            return np.sqrt(a)
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        if np.any(b < 0):
            raise RefcompressError("b", f"must not be negative for integers, not {b[b < 0].flat[0]}")
        return np.power(a, b.astype(a.dtype))
    return np.power(a.astype(np.float64), b.astype(np.float64)).astype(a.dtype)


def sqrt(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return the square root, rounded once; NaN of what is negative. **Source** ONNX, Sqrt. **Departs** nothing."""
    return np.sqrt(x)


def reciprocal(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return 1 / x, rounded once. **Source** ONNX, Reciprocal. **Departs** nothing."""
    return np.divide(x.dtype.type(1), x)


def negative(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return -x. **Source** ONNX, Neg. **Departs** nothing."""
    return np.negative(x)


def absolute(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return the magnitude. **Source** ONNX, Abs. **Departs** nothing."""
    return np.abs(x)


def floor(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return the largest integer that is not above x. **Source** ONNX, Floor. **Departs** nothing."""
    return np.floor(x)


def ceil(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return the smallest integer that is not below x. **Source** ONNX, Ceil. **Departs** nothing."""
    return np.ceil(x)


def maximum(*values: np.ndarray, use: Use) -> np.ndarray:
    """Return the largest of the values at each place; NaN where one is. **Source** ONNX, Max. **Departs** nothing."""
    found = values[0]
    for each in values[1:]:
        found = np.maximum(found, each)
    return found


def minimum(*values: np.ndarray, use: Use) -> np.ndarray:
    """Return the smallest of the values at each place; NaN where one is. **Source** ONNX, Min. **Departs** nothing."""
    found = values[0]
    for each in values[1:]:
        found = np.minimum(found, each)
    return found


def equal(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return whether a = b, bool. **Source** ONNX, Equal. **Departs** nothing."""
    return np.equal(a, b)


def less(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return whether a < b, bool. **Source** ONNX, Less. **Departs** nothing."""
    return np.less(a, b)


def greater(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return whether a > b, bool. **Source** ONNX, Greater. **Departs** nothing."""
    return np.greater(a, b)


def both(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return a and b, of bool. **Source** ONNX, And. **Departs** nothing."""
    return np.logical_and(a, b)


def either(a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return a or b, of bool. **Source** ONNX, Or. **Departs** nothing."""
    return np.logical_or(a, b)


def not_(x: np.ndarray, *, use: Use) -> np.ndarray:
    """Return whether x is False. **Source** ONNX, Not. **Departs** nothing."""
    return np.logical_not(x)


def where(condition: np.ndarray, a: np.ndarray, b: np.ndarray, *, use: Use) -> np.ndarray:
    """Return a where the condition is True and b elsewhere. **Source** ONNX, Where. **Departs** nothing."""
    return np.where(condition, a, b)


def two_shape(a: Known, b: Known) -> Known:
    return Known(same_types(a=a, b=b), broadcast_shape(a=a, b=b))


def power_shape(a: Known, b: Known) -> Known:
    return Known(a.type, broadcast_shape(a=a, b=b))


def many_shape(*values: Known) -> Known:
    named = {f"values[{i}]": each for i, each in enumerate(values)}
    return Known(same_types(**named), broadcast_shape(**named))


def compared_shape(a: Known, b: Known) -> Known:
    same_types(a=a, b=b)
    return Known("bool", broadcast_shape(a=a, b=b))


def logical_shape(*values: Known) -> Known:
    named = {f"values[{i}]": each for i, each in enumerate(values)}
    for argument, each in named.items():
        of_type(each, argument, "bool")
    return Known("bool", broadcast_shape(**named))


def fraction_shape(x: Known) -> Known:
    of_type(x, "x", *FLOATS)
    return Known(x.type, x.shape)


def where_shape(condition: Known, a: Known, b: Known) -> Known:
    of_type(condition, "condition", "bool")
    return Known(same_types(a=a, b=b), broadcast_shape(condition=condition, a=a, b=b))


def _rows(shape: Callable, *functions: Callable, **more) -> tuple[Operation, ...]:
    return tuple(operation(each, shape, name=each.__name__.rstrip("_"), **more) for each in functions)


ROWS = (
    *_rows(two_shape, add, subtract, multiply, divide), *_rows(power_shape, power),
    *_rows(many_shape, maximum, minimum, least=1), *_rows(compared_shape, equal, less, greater),
    *_rows(logical_shape, both, either, not_), *_rows(where_shape, where),
    *_rows(fraction_shape, sqrt, reciprocal, floor, ceil), *_rows(same_shape, negative, absolute),
)
