"""What all formats share."""

import math
import zlib
from collections.abc import Callable
from dataclasses import fields
from typing import Protocol, TypeGuard

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError

STEP = 2**17  # words of bytes compared at a time: what is found of each takes a byte


class Format:
    """What all formats share: the sum of their arrays' bytes, a short repr, equality and hash by content.

    Two formats are equal if they are of one class and all their fields are equal: of arrays dtype, shape and every bit.
    What comes out of a pickle, or of ``copy.deepcopy``, is made as every other format is: checked, then frozen.
    ``np.asarray`` gives what ``dense`` gives; a format that stands for an array has that array's ``shape``, ``ndim``
    and ``dtype``. A notebook shows a small table.
    """

    @property
    def product(self) -> str | None:
        """The operation that multiplies by what ``operand`` returns; None where a matrix is decoded first."""
        return None

    def describe(self) -> str:
        """Return what is stored, in a few words: what ``refcompress inspect`` prints."""
        raise NotImplementedError(f"{type(self).__name__} does not describe itself")

    def operand(self, operation: Callable[[str], Callable]) -> "Format":
        """Return the format that ``product`` takes; ``operation`` gives the function of an operation's name."""
        return self

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays together."""
        return sum(v.nbytes for _, v in self._fields() if hasattr(v, "nbytes"))

    @property
    def ndim(self) -> int:
        """The number of axes of the array that it stands for."""
        return len(self._array().shape)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of ``dense``."""
        self._array()
        return np.dtype(np.float32)

    def _array(self) -> "ArrayFormat":
        if not is_array_format(self):  # an AttributeError, so that hasattr(format, "dtype") tells
            raise AttributeError(f"a {type(self).__name__} stands for no array")
        return self

    def _set(self, name: str, value) -> None:
        object.__setattr__(self, name, arguments.frozen(value) if isinstance(value, np.ndarray) else value)

    def _fields(self):
        """Yield the name and the value of each field."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(mine, theirs) for (_, mine), (_, theirs) in zip(self._fields(), other._fields()))

    def __hash__(self) -> int:
        return hash((type(self), *(_digest(value) for _, value in self._fields())))

    def __repr__(self) -> str:
        shape = getattr(self, "shape", None)
        said = ([] if shape is None else [f"shape={_sizes(shape)}"]) + [
            f"{name}={_brief(value)}" for name, value in self._fields() if name != "shape"]
        return f"{type(self).__name__}({', '.join(said)}, nbytes={self.nbytes}{self._bits(', {:.2f} bits a weight')})"

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        import html  # whose table of names is long

        rows = {"stored as": self.describe(), "bytes in memory": f"{self.nbytes:,}",
                "bits a weight": self._bits("{:.2f}")}
        if hasattr(self, "dense"):
            rows = {"shape": _sizes(self._array().shape), "dtype": str(self.dtype), **rows}
        cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(said)}</td></tr>"
                        for name, said in rows.items() if said)
        return f"<table><caption>{html.escape(type(self).__name__)}</caption>{cells}</table>"

    def _bits(self, text: str) -> str:
        """Return ``text`` with the bits in memory of all arrays together over the elements of the array; or nothing."""
        size = math.prod(self.shape) if is_array_format(self) else 0
        return text.format(8 * self.nbytes / size) if size else ""

    def __reduce__(self):  # what deepcopy and pickle go by
        return type(self), tuple(value for _, value in self._fields())

    def __copy__(self):
        same = object.__new__(type(self))
        vars(same).update(vars(self))  # arrays that nobody can change are shared, and were checked
        return same

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if not hasattr(self, "dense"):
            raise ArgumentTypeError("value", f"a {type(self).__name__} stands for no array")
        if copy is False:
            rule = f"must not be False: a {type(self).__name__} has no dense array that could be shared"
            raise RefcompressError("copy", rule)
        dense = self.dense()
        if dtype is not None:
            dense = dense.astype(dtype, copy=False)
        return dense if dense.flags.writeable else dense.copy()  # the caller's own


class ArrayFormat(Protocol):
    """What a format has that stands for an array, for annotations."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    @property
    def ndim(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    @property
    def product(self) -> str | None: ...

    def dense(self) -> np.ndarray: ...

    def describe(self) -> str: ...

    def operand(self, operation: Callable[[str], Callable]) -> "Format": ...


def is_array_format(value: object) -> TypeGuard[ArrayFormat]:
    """Return whether ``value`` is a format that stands for an array: any but HuffmanCode and Encoded."""
    return isinstance(value, Format) and hasattr(value, "dense")


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the rows that groups and blocks cut: of more than two axes the first by all others.

    A row is what one output of a convolution is computed from: inputs x height x width.
    """
    return shape if len(shape) <= 2 else (shape[0], math.prod(shape[1:]))


def block_shape(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    """Return the shape of one entry for each segment of ``block`` values of the last axis (the last may be shorter)."""
    return (*shape[:-1], -(-shape[-1] // block))


def rows_shape(shape: tuple[int, ...], scale_ndim: int) -> tuple[int, ...]:
    """Return the shape of the rows that are cut into the segments of a scale of so many dimensions.

    It is that of matrix_shape, and the scale of an array of more than two axes has 2 dimensions. A scale of as many
    dimensions as the array has segments along the last axis alone: older files hold those.
    """
    return shape if scale_ndim == len(shape) else matrix_shape(shape)


def expand(scale: np.ndarray, shape: tuple[int, ...], group: int | None) -> np.ndarray:
    """Return scales (or zero points) that broadcast against values of ``shape``: of groups one for each value."""
    if group is None:
        return scale
    *_, size = rows = rows_shape(shape, scale.ndim)
    each = np.repeat(scale, min(group, size), axis=-1)[..., :size]  # a segment is at most its row
    return each if rows == shape else np.broadcast_to(each, rows).reshape(shape)


def in_segments(values: np.ndarray, scale: np.ndarray, group: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return a view of values in C order, and scales (or zero points) that broadcast against it.

    Segments that fill the rows have an axis of their own. So no scale is repeated, as :func:`expand` does.
    """
    *rows, size = rows_shape(values.shape, scale.ndim)
    if group is None or not size or size % group:
        return values, expand(scale, values.shape, group)
    return values.reshape(*rows, size // group, group), scale[..., None]


def _same(mine, theirs) -> bool:
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        return same_bits(mine, theirs)
    return type(mine) is type(theirs) and mine == theirs


def same_bits(mine: np.ndarray, theirs: np.ndarray) -> bool:
    """Return whether two arrays in C order have the same dtype, shape and bits."""
    if mine.dtype != theirs.dtype or mine.shape != theirs.shape:
        return False
    a, b = _words(mine), _words(theirs)
    return all(np.array_equal(a[start : start + STEP], b[start : start + STEP]) for start in range(0, a.size, STEP))


def _digest(value):
    """Return what equal values have in common, and others rarely."""
    return (value.dtype.str, value.shape, zlib.crc32(_bytes(value))) if isinstance(value, np.ndarray) else value


def _words(a: np.ndarray) -> np.ndarray:
    """Return the bytes of an array, eight at a time if they are so many: they are compared sooner."""
    a = _bytes(a)
    return a if a.size % 8 else a.view(np.uint64)


def _bytes(a: np.ndarray) -> np.ndarray:
    return a.reshape(-1).view(np.uint8)


def _brief(value) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}{_sizes(value.shape)}"
    if isinstance(value, Format) and hasattr(value, "shape"):
        return f"{type(value).__name__}{_sizes(value.shape)}"
    return repr(value)


def _sizes(shape: tuple[int, ...]) -> str:
    """Return a shape as it is written, the middle of a long one left out."""
    return repr(tuple(shape)) if len(shape) <= 8 else f"({', '.join(map(str, shape[:3]))}, ... {len(shape)} sizes)"
