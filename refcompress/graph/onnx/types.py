"""Types of elements: ONNX's numbers and our names."""

from ...errors import RefcompressError
from ...models.onnx.tensor import NUMBERS, TYPES

__all__ = ["type_name", "type_number"]


def type_name(number: int, where: str) -> str:
    """Return the name of a type of TensorProto; refuse strings, and what ONNX 1.23 does not have."""
    if number not in TYPES:
        raise RefcompressError(where, f"has elements of type {number}, which is not known here")
    return TYPES[number][0]


def type_number(name: str) -> int:
    """Return the number of TensorProto's type of that name."""
    return NUMBERS[name]
