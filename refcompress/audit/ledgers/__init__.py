"""The ledgers of foreign files, one file a format: what the models' walkers find becomes spans of a book."""

import os
from importlib import import_module
from os import PathLike

from ...container import MAGIC, files
from ...errors import RefcompressError
from ..stored import Inspection

__all__ = ["KINDS", "inspect"]

KINDS = {  # what a file is by its content or its name: the module here, and what the format is called
    "rcz": ("rcz", "compressed file of refcompress"),
    "npz": ("npz", "NumPy archive (.npz)"),
    "safetensors": ("safetensors", "safetensors"),
    "sharded": ("sharded", "index of a model in several files"),
    "gguf": ("gguf", "GGUF"),
    "torch": ("pytorch", "PyTorch archive (zip)"),
    "onnx": ("onnx", "ONNX"),
}

EMPTY = b"PK\5\6"  # how an archive of zip begins that has no member


def inspect(path: str | bytes | PathLike) -> Inspection:
    """Return where each byte of a model file goes; no element of a tensor is read.

    Parameters
    ----------
    path : a file of refcompress, or of NumPy (.npz), safetensors, GGUF, ONNX or PyTorch (zip), an index of a model in
        several files, or a folder with one. What it is is read from its content, and of ONNX from its name.

    Raises
    ------
    CorruptError, UnsupportedVersionError : the file is damaged, as the readers of ``models`` say it.
    RefcompressError : the file is of no kind that is read; OSError as the system says.
    """
    name = os.fsdecode(files.name_of(path))
    return import_module(f"{__name__}.{KINDS[kind_of(name)][0]}").inspect(name)


def kind_of(path: str) -> str:
    """Return which row of KINDS a file is; RefcompressError for none. A folder is that of a model in several files."""
    if os.path.isdir(path):
        return "sharded"
    with files.Opened(path) as file:
        if bytes(file.read(0, min(len(MAGIC), file.size))) == MAGIC:
            return "rcz"
        from ...models import content  # which loads the readers

        kind = content.kind_of(file)
        if kind is None and path.lower().endswith(".npz") and bytes(file.read(0, min(4, file.size))) == EMPTY:
            kind = "npz"
    if kind in KINDS:
        return str(kind)
    if kind is None and path.lower().endswith(".onnx"):
        return "onnx"
    if file.size == 0:
        raise RefcompressError("path", "is empty")
    said = {"legacy": "is a pickle without an archive, which only running it could read", "keras": "is a file of HDF5 "
            "or Keras, whose bytes are not itemised"}.get(kind or "", "does not start like a model file")
    raise RefcompressError("path", f"{said}; what is read: " + ", ".join(text for _, text in KINDS.values()))
