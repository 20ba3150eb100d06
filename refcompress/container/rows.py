"""Kind 13: runs that lie along all axes but the first, such as those of a convolution: the matrix, and its shape."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ..formats import MX, NF4, Quantized
from ..formats.base import matrix_shape
from . import quantized
from .arrays import checked, read_shape, shape_bytes
from .cursor import Coding, Reader
from .kinds import Kind, listed

Runs = TypeVar("Runs", Quantized, MX, NF4)

WRITERS: dict[type, Callable[..., bytes]] = {
    Quantized: quantized.write_quantized,
    MX: quantized.write_mx,
    NF4: quantized.write_nf4,
}
READERS: dict[Kind, Callable[[Reader, int], Quantized | MX | NF4]] = {
    Kind.INT8: quantized.read_quantized, Kind.INT16: quantized.read_quantized,
    Kind.INT8_DIFFERENCES: quantized.read_quantized, Kind.INT16_DIFFERENCES: quantized.read_quantized,
    Kind.MX: quantized.read_mx, Kind.NF4: quantized.read_nf4,
}


def write(value: Runs, coding: Coding) -> bytes:
    """Return the bytes of a format whose scales may be those of runs: of its own kind, or of kind 13."""
    writer = WRITERS[type(value)]
    if not in_rows(value):
        return writer(value, coding)
    matrix = writer(shaped(value, matrix_shape(value.shape)), coding)
    return bytes([Kind.ROWS]) + shape_bytes(value.shape, 4) + matrix


def read(reader: Reader, kind: int) -> Quantized | MX | NF4:
    shape = read_shape(reader, 4)
    if len(shape) < 3:
        raise reader.corrupt("an array whose runs lie in the rows of a matrix has more than two dimensions, "
                             f"not {len(shape)}")
    part = reader.byte("header")
    if part not in READERS:
        raise reader.corrupt(f"a matrix with runs in its rows is of kind {listed(READERS)}, not {part}")
    value = READERS[Kind(part)](reader, part)
    if value.shape != matrix_shape(shape) or (isinstance(value, Quantized) and value.group is None):
        raise reader.corrupt(f"a matrix {value.shape} is not that of rows with runs of {shape}")
    return checked(reader, shaped, value, shape)


def in_rows(value) -> bool:
    """Return whether the runs of a format of more than two dimensions are those of its matrix."""
    scales = {Quantized: "scale", MX: "scales", NF4: "scales"}.get(type(value))
    return scales is not None and getattr(value, scales).ndim < len(value.shape)


def shaped(value: Runs, shape: tuple[int, ...]) -> Runs:
    """Return the same format with its integers or codes in another shape of as many."""
    part = "values" if isinstance(value, Quantized) else "codes"
    return replace(value, **{part: getattr(value, part).reshape(shape)})
