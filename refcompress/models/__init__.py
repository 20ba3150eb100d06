"""Models in and out: dicts of named arrays from the files that others keep them in, one module a file type.

Such a module has three functions: ``load(path, *, limit, bfloat16)``, ``save(path, arrays, *, decoded)`` and
``is_decoded(path)``. :data:`FILE_TYPES` is the only place that names it. ``squeezenet`` reads one published file.
"""

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType

import numpy as np

from ..container import DEFAULT_LIMIT, files
from ..errors import RefcompressError
from . import npz

__all__ = ["FILE_TYPES", "file_type", "is_decoded", "load", "save"]

FILE_TYPES: dict[str, ModuleType] = {  # a file's suffix, in small letters: the module that reads and writes it
    ".npz": npz,
}


def file_type(path: str | bytes | PathLike) -> ModuleType:
    """Return the module for files of the suffix of ``path``; RefcompressError for a suffix that none reads."""
    files.name_of(path)
    name = fspath(path)
    suffix = Path(name.decode(errors="replace") if isinstance(name, bytes) else name).suffix.lower()
    if suffix not in FILE_TYPES:
        raise RefcompressError(
            "path", f"must end in {' or '.join(FILE_TYPES)}, a type of file that is read and written here"
        )
    return FILE_TYPES[suffix]


def load(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT, bfloat16: bool = False) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name, in its order; its suffix says which importer reads it.

    Parameters
    ----------
    path : a regular file
    limit : the most bytes that the file, and its arrays unpacked, may have
    bfloat16 : whether to take two bytes without a meaning for a bfloat16 (see :func:`npz.load`)
    """
    return file_type(path).load(path, limit=limit, bfloat16=bfloat16)


def save(path: str | bytes | PathLike, arrays: Mapping[str, np.ndarray], *, decoded: bool = False) -> None:
    """Write the arrays to a file of the type that its suffix says.

    With an exception the old file is left, whole.

    Parameters
    ----------
    path : the file to write or to replace
    arrays : name -> array of numbers
    decoded : whether to mark the file as made from a compressed one, which could make it again (see :func:`is_decoded`)
    """
    file_type(path).save(path, arrays, decoded=decoded)


def is_decoded(path: str | bytes | PathLike) -> bool:
    """Return whether :func:`save` marked the file at ``path`` as decoded."""
    return file_type(path).is_decoded(path)
