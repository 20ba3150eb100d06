"""Read an ONNX model as a network."""

from collections.abc import Mapping
from os import PathLike

from ..model import Model
from ..passes import without_dead_nodes
from .conversion import converted
from .file import opened

__all__ = ["load"]


def load(path: str | bytes | PathLike, *, fixed: Mapping[str, int] | None = None) -> Model:
    """Return the network of an ONNX model.

    Parameters
    ----------
    path : the model; files that hold elements of its tensors must lie in its folder
    fixed : the sizes of inputs that are open, by name; each becomes this number

    Returns
    -------
    Model : it computes what the ONNX model computes; nodes whose outputs nothing takes are left out
        Its tensors are named as in a compressed file of the same model (refcompress.models.onnx): initialisers by their
        names, those of Constant nodes by their outputs. A weight that DequantizeLinear makes is a Quantized, by the
        node's output.

    Raises
    ------
    MissingExtra : the package onnx is not installed (the extra io).
    RefcompressError : operators, attributes or types that are not known here: of operators all, with counts.
    CorruptError : the file is no ONNX model.
    """
    file, source = opened(path)
    with source:
        graph, tensors = converted(file, fixed or {})
    return without_dead_nodes(Model(graph, tensors))
