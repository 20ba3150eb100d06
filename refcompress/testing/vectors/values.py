"""A value as JSON beside files of arrays, and back.

An array is a file of NumPy (.npy, version 1.0, little endian, in C order), named by its digest: the same array is the
same file. In JSON it is ``{"array": file, "dtype": ..., "shape": [...], "sha256": ...}``. None, bools, ints, strings
and finite floats are JSON's own. All else is an object that says what it is: ``{"float": "nan"}`` (or "inf", "-inf"),
``{"tuple": [...]}``, ``{"list": [...]}``, ``{"dict": [[key, value], ...]}``, ``{"bytes": hexadecimal}``,
``{"scalar": a 0-d array}`` for a number of NumPy, and ``{"format": name, "fields": {name: value, ...}}`` for a format
of this library.
"""

import hashlib
import io
import math
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import formats
from ...errors import CorruptError
from ...reference.allocate.bits import Allocation
from ...reference.lowrank.range_finder import Randomized
from ...reference.quantize.layer import LayerFit

__all__ = ["FOLDER", "Arrays", "NotWritten", "decoded"]

FOLDER = "arrays"
CLASSES = {**{name: getattr(formats, name) for name in formats.__all__ if isinstance(getattr(formats, name), type)},
           **{made.__name__: made for made in (Allocation, Randomized, LayerFit)}}


class NotWritten(Exception):
    """A value that no file of these can hold: an object, a masked array, a type of no other language."""


class Arrays:
    """The arrays of a folder, each once; ``encoded`` returns the JSON of a value and keeps the arrays of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.formats: set[str] = set()

    def encoded(self, value: Any) -> Any:
        """Return the value for JSON."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if type(value) is np.ndarray:
            return self._array(value)
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value))}
        if type(value) in (tuple, list):
            return {type(value).__name__: [self.encoded(item) for item in value]}
        if type(value) is dict:
            return {"dict": [[self.encoded(key), self.encoded(item)] for key, item in value.items()]}
        if type(value) in (bytes, bytearray):
            return {"bytes": value.hex()}
        if is_dataclass(value) and CLASSES.get(type(value).__name__) is type(value):
            self.formats.add(type(value).__name__)
            return {"format": type(value).__name__,
                    "fields": {field.name: self.encoded(getattr(value, field.name)) for field in fields(value)}}
        raise NotWritten(type(value).__name__)

    def _array(self, a: np.ndarray) -> dict:
        if a.dtype.kind not in "biuf" or a.dtype.itemsize > 8:
            raise NotWritten(f"an array of {a.dtype}")
        data = npy(a)
        digest = hashlib.sha256(data).hexdigest()
        file = f"{FOLDER}/{digest[:24]}.npy"
        self.files[file] = data
        return {"array": file, "dtype": a.dtype.name, "shape": list(a.shape), "sha256": digest}


def npy(a: np.ndarray) -> bytes:
    """Return the file of an array: the same bytes by every version of NumPy."""
    little = np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<"), copy=False)
    shape = f"({a.shape[0]},)" if a.ndim == 1 else f"({', '.join(map(str, a.shape))})"
    kind = little.dtype.str.replace("=", "<")
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + little.tobytes()


def decoded(value: Any, folder: Path) -> Any:
    """Return the value that ``encoded`` gave this JSON for; an array whose digest is another one is refused."""
    if not isinstance(value, dict):
        return value
    if "array" in value:
        data = (folder / value["array"]).read_bytes()
        if hashlib.sha256(data).hexdigest() != value["sha256"]:
            raise CorruptError(value["array"], "has another digest than the index says")
        return np.load(io.BytesIO(data), allow_pickle=False)
    if "float" in value:
        return float(value["float"])
    if "scalar" in value:
        return decoded(value["scalar"], folder)[()]
    if "tuple" in value:
        return tuple(decoded(item, folder) for item in value["tuple"])
    if "list" in value:
        return [decoded(item, folder) for item in value["list"]]
    if "dict" in value:
        return {decoded(key, folder): decoded(item, folder) for key, item in value["dict"]}
    if "bytes" in value:
        return bytes.fromhex(value["bytes"])
    made = object.__new__(CLASSES[value["format"]])
    for name, item in value["fields"].items():  # past the checks of its class: a planted result may break them
        object.__setattr__(made, name, decoded(item, folder))
    return made
