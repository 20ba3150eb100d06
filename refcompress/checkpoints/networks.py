"""Networks: what a compressed file holds beside its tensors, so that it runs.

What knows operations is loaded by the first network that is asked for.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .. import container, models, reference
from ..container import DEFAULT_LIMIT
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import ELEMENT_TYPES, Graph, Plain
from .reading import is_compressed, load, unarranged
from .source_networks import graph_name
from .sources import Path
from .taking import Take, filled

if TYPE_CHECKING:
    from ..graph import Model

__all__ = ["load_model", "model_of", "save_model"]

TENSORS = ("has no graph: it holds tensors, and does not say in which order they are computed with, nor which "
           "activations stand between them; write the network as a function, load_model(path, network)")
WITHOUT = ("has no graph: it holds tensors of an ONNX model, and was written without the graph of that; compress says "
           "why when the model is compressed, also with --dry-run")


def load_model(path: Path | Mapping[str, Any], network: "Callable[[Take], Model] | None" = None, *,
               layout: str = "torch", names: Mapping[str, str] | None = None, unused: Iterable[str] = (),
               implementation: Any = reference, limit: int = DEFAULT_LIMIT) -> "Model":
    """Return the network that a file holds, or that ``network`` makes of its tensors.

    A compressed file with a graph and an ONNX model are networks. Other files hold tensors alone; who knows the network
    gives a function that takes each of them by its name and its shape, and returns the model.

    Parameters
    ----------
    path : the file; with ``network`` also a mapping of names to arrays
    network : take -> Model. ``take("fc1.weight", 32, 64)`` is the tensor of that name, of 32 outputs and 64 inputs;
        ``Builder(take)`` asks for it by ``b.take`` and keeps its name.
        float16 and bfloat16 become float32; what is stored in a compressed format stays so.
    layout : "torch" where the tensors lie as in a graph, outputs first; "keras" where they are to be turned: (inputs,
        outputs), (rows, columns, inputs, outputs). ``take(..., turned=False)`` is for a table of an embedding.
    names : the name in ``network`` -> the name in the file, where the two differ
    unused : names, or patterns as in a shell, of the tensors that the network leaves out
    implementation : the namespace that decodes
    limit : the most bytes that all tensors may have

    Returns
    -------
    model : It has the tensors in the formats in which they are stored; what is kept bit for bit is an array.

    Raises
    ------
    RefcompressError : the file has no graph; an entry that no node of the graph uses; a parameter without an entry.
        With ``network``, the first tensor that is not there, has another shape, or is not asked for.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> model = b.model(b.linear(b.input("x", (1, 2)), np.float32([[1, -1]]), name="fc"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(os.path.join(folder, "a.rcz"), model)
    ...     load_model(os.path.join(folder, "a.rcz"))(np.float32([[3, 1]]))
    array([[2.]], dtype=float32)
    >>> def network(take):
    ...     b = Builder(take)
    ...     return b.model(b.linear(b.input("x", (1, 2)), b.take("fc.weight", 1, 2)))
    >>> load_model({"kernel": np.float32([[1], [-1]])}, network, layout="keras", names={"fc.weight": "kernel"})(
    ...     np.float32([[3, 1]]))
    array([[2.]], dtype=float32)
    """
    if network is not None:
        tensors = path if isinstance(path, Mapping) else load(path, implementation=implementation, limit=limit)
        return filled(network, {name: _array(value) for name, value in tensors.items()}, layout=layout, names=names,
                      unused=unused)
    if isinstance(path, Mapping) or names or unused or layout != "torch":
        raise RefcompressError("network", "must be given with a mapping, layout, names or unused")
    if not is_compressed(path):
        return _of_others(path, limit)
    with container.open(path, implementation=implementation, limit=limit) as file:
        name, kind = file.graph_name, file.metadata.get("refcompress.source.kind")
    if name is None:
        raise RefcompressError("path", WITHOUT if kind == "onnx" else TENSORS)
    entries = load(path, implementation=implementation, limit=limit)
    graph = entries.pop(name)
    return model_of(graph, {name: _array(value) for name, value in entries.items()})


def save_model(path: Path, model: "Model", *, implementation: Any = reference,
               metadata: Mapping[str, str] | None = None) -> None:
    """Write a network to a compressed file: its graph first, then its tensors, in the formats that they have.

    A file that ends in .onnx is an ONNX model, whose tensors are the arrays that the formats stand for.
    """
    from ..graph import Model

    if not isinstance(model, Model):
        raise ArgumentTypeError("model", f"must be a Model, not {type(model).__name__}")
    if os.fsdecode(container.files.name_of(path)).lower().endswith(".onnx"):
        from ..graph import onnx

        return onnx.save(model, path)
    layers, arranged = unarranged(model.tensors)
    container.save(path, {graph_name(model.tensors): model.graph, **layers}, implementation=implementation,
                   metadata={**(metadata or {}), **arranged})


def model_of(graph: Graph, entries: Mapping[str, Any]) -> "Model":
    """Return the network of a graph and the entries of its file; refuse an entry that nothing uses, or that is missing.
    """
    from ..graph import Model

    taken = set(graph.parameters)
    for name in entries:
        if name not in taken:
            raise RefcompressError(f"entry {name!r}", "is used by no node of the graph in the file")
    for name in graph.parameters:
        if name not in entries:
            raise RefcompressError(f"entry {name!r}", "is not in the file, and the graph takes it")
    return Model(graph, entries)


def _of_others(path: Path, limit: int) -> "Model":
    """Return the network of an ONNX model, or of a type of file that means one."""
    with models.open(path, limit=limit) as source:
        if source.graph is not None:
            return model_of(source.graph, {name: tensor.read() for name, tensor in source.items()})
        if source.kind != "onnx":
            raise RefcompressError("path", TENSORS)
    from ..graph import onnx

    return onnx.load(path)


def _array(value: Any) -> Any:
    """Return what is kept bit for bit as an array, where NumPy has its type."""
    return value.dense() if isinstance(value, Plain) and ELEMENT_TYPES[value.type].numpy is not None else value
