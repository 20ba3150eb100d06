"""Models that lie in memory: any mapping of names to arrays, as a Source."""

import hashlib
import math
from collections.abc import Mapping

import numpy as np

from ..container import names
from ..errors import ArgumentTypeError
from ..formats import ELEMENT_TYPES, Plain
from ..formats.base import Format, is_array_format
from .source import Source, Tensor, Value, pieces

__all__ = ["KINDS", "from_mapping"]

KINDS = "biufc"  # of dtypes: bool, signed, unsigned, float, complex
ML_DTYPES = {  # the names of dtypes of the package ml_dtypes, of which an array brings its own: the element types here
    "bfloat16": "bfloat16", "float8_e4m3fn": "fp8_e4m3", "float8_e5m2": "fp8_e5m2", "float8_e8m0fnu": "fp8_e8m0",
    "float8_e4m3fnuz": "fp8_e4m3fnuz", "float8_e5m2fnuz": "fp8_e5m2fnuz", "float6_e2m3fn": "fp6_e2m3",
    "float6_e3m2fn": "fp6_e3m2", "float4_e2m1fn": "fp4_e2m1", "int4": "int4", "uint4": "uint4", "int2": "int2",
    "uint2": "uint2",
}


class InMemory(Source):
    """A model of which all values lie in memory already."""

    def __init__(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None):
        super().__init__("mapping", [], tensors, metadata)

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.values())

    def sha256(self) -> str:
        """Return the SHA-256, in hex, of the names, types, shapes and elements in their order."""
        digest = hashlib.sha256()
        for name, tensor in self.items():
            digest.update(repr((name, tensor.type, tensor.shape)).encode())
            _add(digest, tensor.read())
        return digest.hexdigest()


def from_mapping(tensors: Mapping, *, metadata: Mapping[str, str] | None = None) -> Source:
    """Return a mapping of names to arrays as a Source, in its order.

    Parameters
    ----------
    tensors : name -> array of numbers: a ndarray, a format that stands for an array, a Tensor, or what has
        ``__array__`` or ``__dlpack__``. An array of a dtype of ml_dtypes becomes a Plain of the same bits. All other
        types stay what they are. A Source is returned as it is.
    metadata : str -> str, what ``metadata`` of the source is to be

    Raises
    ------
    ArgumentTypeError : a name is no string, or a value is no array of numbers; a masked array, whose mask would be lost
    RefcompressError : a name is empty, too long, not in Unicode normal form C, or has a NUL or a surrogate

    Values are converted once, here, and not copied where NumPy can share their memory.
    """
    if isinstance(tensors, Source):
        return tensors
    if not isinstance(tensors, Mapping):
        raise ArgumentTypeError("tensors", f"must be a mapping of names, not {type(tensors).__name__}")
    found = {}
    for name, value in tensors.items():
        names.encode(name)
        found[name] = value if isinstance(value, Tensor) else tensor(name, array_of(value, f"tensors[{name!r}]"))
    return InMemory(found, metadata)


def tensor(name: str, value) -> Tensor:
    """Return a Tensor that reads a value which is there."""
    nbytes = value.nbytes
    if isinstance(value, Plain) and value.type != "bool":
        nbytes = -(-math.prod(value.shape) * ELEMENT_TYPES[value.type].bits // 8)
    kind = getattr(value, "type", None)  # of Plain and GGMLBlocks
    dtype = getattr(value, "dtype", np.dtype(np.float32))  # of formats that name none
    return Tensor(name, tuple(value.shape), kind if isinstance(kind, str) else dtype.name, nbytes, lambda: value)


def array_of(value, argument: str) -> Value:
    """Return what NumPy makes of a value, or a format as it is; ArgumentTypeError for what is no array of numbers."""
    if isinstance(value, np.ma.MaskedArray):
        raise ArgumentTypeError(argument, "must not be a masked array: its mask would be lost")
    if isinstance(value, Format):
        if not is_array_format(value):
            raise ArgumentTypeError(argument, f"must be an array of numbers; a {type(value).__name__} stands for none")
        return value
    try:
        if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
            a = np.asarray(value)
        elif hasattr(value, "__dlpack__"):
            a = np.from_dlpack(value)
        else:
            raise TypeError(f"{type(value).__name__} has neither __array__ nor __dlpack__")
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise ArgumentTypeError(
            argument, f"must be an array of numbers ({' '.join(str(error).split())}); what NumPy has no type for, such "
            "as bfloat16, goes in as refcompress.Plain(bit patterns, 'bfloat16')") from None
    if a.dtype.name in ML_DTYPES:
        return _plain(a, ML_DTYPES[a.dtype.name])
    if a.dtype.kind not in KINDS or a.dtype.name not in ELEMENT_TYPES and a.dtype.isbuiltin == 2:
        raise ArgumentTypeError(argument, f"must be an array of numbers, not of {a.dtype}")
    return a if a.dtype.isnative else a.astype(a.dtype.newbyteorder("="))


def _plain(a: np.ndarray, kind: str) -> Plain:
    """Return an array of a dtype of ml_dtypes bit for bit: below 8 bits it fills a byte, whose high bits may be set."""
    element = ELEMENT_TYPES[kind]
    patterns = np.ascontiguousarray(a).reshape(-1).view(element.pattern).reshape(a.shape)
    return Plain(patterns & ((1 << element.bits) - 1) if element.bits < 8 else patterns, kind)


def _add(digest, value) -> None:
    """Add the elements of an array, and of each array of a format, to a digest."""
    if isinstance(value, np.ndarray):
        digest.update(repr((value.dtype.str, value.shape)).encode())
        for piece in pieces(np.ascontiguousarray(value).reshape(-1)):
            digest.update(piece)
    elif isinstance(value, Format):
        digest.update(type(value).__name__.encode())
        for _, part in value._fields():
            _add(digest, part)
    else:
        digest.update(repr(value).encode())
