"""An input as a file: one .npz that holds numbers and words alone, so that who reads it runs nothing of a stranger's.

Each argument is an array of its name; a number or a word is an array without axes. An argument that is a format, such
as Quantized, is an array of its name that holds the name of the format, and an array NAME.FIELD for each of its fields.
What is left out has its default. ``np.savez("input.npz", counts=counts, limit=3)`` writes such a file, and so does
:func:`save` for formats.
"""

import inspect
import os
import zipfile
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ... import formats, reference, testing
from ...errors import RefcompressError

__all__ = ["counted", "read", "save", "size", "too_large"]

MOST_BYTES = 2**24  # of all arrays together, before anything is read
MOST_ARRAYS = 64
MOST_NUMBERS, LONGEST = 100_000, 8192  # of all arrays together, and of one axis: the reference is slow


def save(path: str | os.PathLike, **arguments: Any) -> None:
    """Write an input: the arguments of a call, by their names."""
    flat: dict[str, Any] = {}
    for name, value in arguments.items():
        _flatten(flat, name, value)
    with open(path, "wb") as file:  # np.savez adds .npz to a name, but not to a file
        np.savez(file, **flat)


def _flatten(flat: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        return
    if is_dataclass(value) and not isinstance(value, type):
        flat[name] = np.array(type(value).__name__)
        for field in fields(value):
            _flatten(flat, f"{name}.{field.name}", getattr(value, field.name))
    elif isinstance(value, (np.ndarray, np.generic, bool, int, float, str, tuple)):
        flat[name] = np.asarray(value)
    else:
        raise RefcompressError("input", f"{name} is a {type(value).__name__}, which a file of arrays cannot hold")


def read(op: str, path: str | os.PathLike) -> tuple[tuple, dict[str, Any]]:
    """Return the call that a file stands for, as (args, kwargs).

    Raises RefcompressError, in one line, for a file that is none; the call itself may still be an invalid one.
    """
    flat = _arrays(path)
    parameters = inspect.signature(getattr(reference, op)).parameters
    unknown = sorted(name for name in flat if name.partition(".")[0] not in parameters)
    if unknown:
        raise RefcompressError("input", f"{op} has no argument {unknown[0]!r}; it has {', '.join(parameters)}")
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, parameter in parameters.items():
        if name not in flat:
            if parameter.default is inspect.Parameter.empty:
                raise RefcompressError("input", f"the argument {name} is missing")
            continue
        value = _value(name, flat)
        if str(parameter.annotation).startswith("tuple") and isinstance(value, np.ndarray):
            value = tuple(value.tolist())
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and len(args) == list(parameters).index(name):
            args.append(value)
        else:
            kwargs[name] = value
    return tuple(args), kwargs


def _arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [info.file_size for info in archive.infolist()]
        if len(sizes) > MOST_ARRAYS or sum(sizes) > MOST_BYTES:
            raise RefcompressError("input", f"must have at most {MOST_ARRAYS} arrays and {MOST_BYTES:,} bytes")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except RefcompressError:
        raise
    except OSError as error:
        raise RefcompressError("input", f"{os.fspath(path)!r} cannot be read ({error.strerror or error})") from None
    except Exception as error:  # of a damaged archive: zipfile, zlib and NumPy have no one class for it
        raise RefcompressError("input", f"{os.fspath(path)!r} is no .npz that NumPy reads without pickle "
                                        f"({type(error).__name__})") from None


def _value(name: str, flat: dict[str, np.ndarray]) -> Any:
    value = flat[name]
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufU":
        raise RefcompressError("input", f"{name} must be an array of numbers, or a word")
    inside = {key.removeprefix(f"{name}."): key for key in flat if key.startswith(f"{name}.") and "." not in
              key.removeprefix(f"{name}.")}
    if not inside:
        return value.item() if value.ndim == 0 else value
    made = getattr(formats, str(value), None) if value.ndim == 0 and str(value) in formats.__all__ else None
    if not (isinstance(made, type) and is_dataclass(made)):
        raise RefcompressError("input", f"{name} must hold the name of a format, such as 'Quantized'")
    known = {field.name for field in fields(made)}
    if set(inside) - known:
        raise RefcompressError("input", f"{made.__name__} has no field {min(set(inside) - known)!r}")
    held = {field: _field(made, field, _value(key, flat)) for field, key in inside.items()}
    try:
        return made(**held)  # checked by its own class
    except TypeError as error:
        if isinstance(error, RefcompressError):
            raise
        raise RefcompressError("input", f"{name}: {error}") from None


def _field(made: type, field: str, value: Any) -> Any:
    """Return a field as its class has it: a shape is a tuple of numbers."""
    return tuple(value.tolist()) if field == "shape" and isinstance(value, np.ndarray) else value


def size(call: tuple[tuple, dict[str, Any]]) -> int:
    """Return how many numbers the arrays of a call hold."""
    return sum(int(a.size) for a in testing.arrays_of(call))


def counted(size: int) -> str:
    """Return a size in words.

    >>> counted(1), counted(4097)
    ('1 number', '4,097 numbers')
    """
    return f"{size:,} number{'s' * (size != 1)}"


def too_large(call: tuple[tuple, dict[str, Any]]) -> str | None:
    """Return why a call is too large to be judged, or None."""
    longest = max((axis for a in testing.arrays_of(call) for axis in a.shape), default=0)
    if size(call) <= MOST_NUMBERS and longest <= LONGEST:
        return None
    return f"The input is too large: at most {MOST_NUMBERS:,} numbers, and {LONGEST:,} along an axis."
