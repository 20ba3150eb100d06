"""Models in and out: named tensors from the files that others keep them in, one module a file type.

Such a module has ``open(path, *, limit)``, which gives a :class:`Source`: names, shapes and types at once, elements
when they are asked for. A type that is written too has ``save(path, tensors, *, metadata, like, decoded)`` and
``is_decoded(path)``. :data:`FILE_TYPES` is the only place that names the modules; each is loaded when a file of its
type comes. ``npy`` reads a single array; ``squeezenet`` reads one published file, which has a network.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from types import ModuleType
from typing import TYPE_CHECKING

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..errors import LimitError, RefcompressError
from .content import kind_of

if TYPE_CHECKING:  # what __getattr__ below finds, for tools that only read
    from .mapping import from_mapping
    from .source import Source, Tensor, Value

__all__ = ["FILE_TYPES", "TARGET_TYPES", "Source", "Tensor", "Value", "file_type", "from_mapping", "is_decoded", "load",
           "open", "save"]

FILE_TYPES = {  # a file's suffix, in small letters: the module here that reads it, and writes it if it is in WRITTEN
    ".npz": "npz",
    ".safetensors": "safetensors",
    ".json": "sharded",
    ".gguf": "gguf",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".bin": "pytorch",
    ".ckpt": "pytorch",
    ".jit": "pytorch",
    ".h5": "keras",
    ".hdf5": "keras",
    ".keras": "keras",
    ".onnx": "onnx",
    ".net": "squeezenet",
}
WRITTEN = ("npz", "safetensors", "gguf", "onnx")
HOMES = {"from_mapping": "mapping", "Source": "source", "Tensor": "source", "Value": "source"}  # loaded when asked for
TARGET_TYPES = tuple(suffix for suffix, module in FILE_TYPES.items() if module in WRITTEN)
KINDS: dict[str | None, tuple[str, str]] = {  # what a file is by its content: its name, and the suffix that it needs
    "npz": ("an archive of NumPy", ".npz"), "safetensors": ("a file of safetensors", ".safetensors"),
    "sharded": ("JSON", ".json"), "gguf": ("a GGUF file", ".gguf"), "torch": ("a checkpoint of PyTorch", ".pt"),
    "legacy": ("a pickle", ".pt"), "keras": ("a file of HDF5 or Keras", ".h5"),
}


def __getattr__(name: str):
    """Return what stands for a model in memory, which needs NumPy: the headers of files do not (PEP 562)."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    return found


def file_type(path: str | bytes | PathLike) -> ModuleType:
    """Return the module for files of the suffix of ``path``; RefcompressError for a suffix that none reads."""
    suffix = _suffix(path)
    if suffix not in FILE_TYPES:
        raise RefcompressError("path", f"must end in {_listed(FILE_TYPES)}, a type of file that is read here")
    return import_module(f"{__name__}.{FILE_TYPES[suffix]}")


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT, bfloat16: bool = False,
         rest: bool = False) -> "Source":
    """Return the tensors of a model by name, in its order, each read when it is asked for.

    Parameters
    ----------
    path : a file whose suffix is in FILE_TYPES, or a folder with one sharded model. What the file holds must agree with
        its suffix: a file of safetensors under the name of another type is refused with the name to give it.
    limit : the most bytes that one tensor may have
    bfloat16 : of .npz alone: whether to take two bytes without a meaning for a bfloat16 (see :func:`npz.open`)
    rest : of .npz and .gguf: whether an array of texts, or a tensor of a type that is not read here, is named in the
        ``left_out`` of the source and the rest is read; otherwise the file is refused

    Returns
    -------
    source : a Mapping name -> Tensor; to be closed, or used in a ``with``
    """
    name = os.fsdecode(files.name_of(path))
    if os.path.isdir(name):
        from . import sharded

        return sharded.open(name, limit=limit)
    module, here = file_type(path), FILE_TYPES[_suffix(path)]
    with files.Opened(path) as file:
        kind = kind_of(file)
    said, suffix = KINDS.get(kind, ("", ""))
    if kind is not None and FILE_TYPES.get(suffix) != here:
        raise RefcompressError("path", f"is {said} by its content; its name must end in {suffix}")
    if here == "npz":
        return module.open(path, limit=limit, bfloat16=bfloat16, rest=rest)
    if arguments.boolean(bfloat16, "bfloat16"):
        raise RefcompressError("bfloat16", "is for files that end in .npz: all others say which tensors are bfloat16")
    return module.open(path, limit=limit, rest=rest) if here == "gguf" else module.open(path, limit=limit)


def load(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT, bfloat16: bool = False) -> "dict[str, Value]":
    """Return the tensors of a model by name, in its order, all of them read (see :func:`open`).

    limit : the most bytes that all of them may have together
    """
    limit = arguments.integer(limit, "limit", 0)
    with open(path, limit=limit, bfloat16=bfloat16) as source:
        total = sum(tensor.nbytes for tensor in source.values())
        if total > limit:
            raise LimitError("limit", f"the tensors have {total} bytes, the limit is {limit}")
        return {name: tensor.read() for name, tensor in source.items()}


def save(path: str | bytes | PathLike, tensors: Mapping, *, metadata: Mapping[str, str] | None = None,
         like: str | bytes | PathLike | None = None, decoded: bool = False) -> None:
    """Write the tensors to a file of the type that its suffix says, which is one of TARGET_TYPES.

    With an exception the old file is left, whole.

    Parameters
    ----------
    path : the file to write or to replace
    tensors : name -> Tensor, or whatever :func:`from_mapping` takes
    metadata : str -> str, for types of file that have a place for it
    like : of .onnx and .gguf alone: the original file, of which all that is no tensor is taken over
    decoded : whether to mark the file as made from a compressed one, which could make it again (see :func:`is_decoded`)
    """
    suffix = _suffix(path)
    if suffix not in TARGET_TYPES:
        raise RefcompressError("path", f"must end in {_listed(TARGET_TYPES)}, a type of file that is written here")
    from .mapping import from_mapping

    file_type(path).save(path, from_mapping(tensors), metadata=metadata, like=like, decoded=decoded)


def is_decoded(path: str | bytes | PathLike) -> bool:
    """Return whether :func:`save` marked the file at ``path`` as decoded."""
    module = file_type(path)
    return FILE_TYPES[_suffix(path)] in WRITTEN and module.is_decoded(path)


def _suffix(path: str | bytes | PathLike) -> str:
    return os.path.splitext(os.fsdecode(files.name_of(path)))[1].lower()


def _listed(suffixes) -> str:
    *others, last = suffixes
    return f"{', '.join(others)} or {last}" if others else last
