"""Networks: what a compressed file holds beside its tensors, so that it runs.

A tensor keeps in the file the axes that it has in the source. For the run, weights are turned to what kernels take:
outputs by inputs.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .. import container, reference
from ..container import DEFAULT_LIMIT
from ..errors import RefcompressError
from ..formats import ArrayFormat, Graph, Plain, Quantized, is_array_format
from ..graph import Model
from ..graph.uses import is_weight, uses
from .arranged import Arranged
from .reading import is_compressed, load
from .source_networks import graph_name
from .sources import Path

__all__ = ["as_it_runs", "load_model", "model_of", "save_model"]


def load_model(path: Path, *, implementation: Any = reference, limit: int = DEFAULT_LIMIT) -> Model:
    """Return the network that a file holds: a compressed file with a graph, or an ONNX model.

    Parameters
    ----------
    path : the file
    implementation : the namespace that decodes
    limit : the most bytes that all tensors may have

    Returns
    -------
    model : Weights stay compressed, as they are stored. What an operation takes as an array is decoded.

    Raises
    ------
    RefcompressError : the file has no graph; an entry that no node of the graph uses; a parameter without an entry.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> model = b.model(b.linear(b.input("x", (1, 2)), np.float32([[1, -1]]), name="fc"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(os.path.join(folder, "a.rcz"), model)
    ...     load_model(os.path.join(folder, "a.rcz"))(np.float32([[3, 1]]))
    array([[2.]], dtype=float32)
    """
    if not is_compressed(path):
        from ..graph import onnx

        return onnx.load(path)
    with container.open(path, implementation=implementation, limit=limit) as file:
        name = file.graph_name
    if name is None:
        raise RefcompressError("path", "has no graph: it holds tensors, and does not say in which order they are "
                                       "computed with, nor which activations stand between them")
    entries = load(path, implementation=implementation, limit=limit)
    return model_of(entries.pop(name), entries)


def save_model(path: Path, model: Model, *, implementation: Any = reference,
               metadata: Mapping[str, str] | None = None) -> None:
    """Write a network to a compressed file: its graph first, then its tensors, in the formats that they have.

    A file that ends in .onnx is an ONNX model, whose tensors are the arrays that the formats stand for.
    """
    container.save(path, {graph_name(model.tensors): model.graph, **model.tensors}, implementation=implementation,
                   metadata=metadata)


def model_of(graph: Graph, entries: Mapping[str, Any]) -> Model:
    """Return the network of a graph and the entries of its file; refuse an entry that nothing uses, or that is missing.
    """
    taken = set(graph.parameters)
    for name in entries:
        if name not in taken:
            raise RefcompressError(f"entry {name!r}", "is used by no node of the graph in the file")
    for name in graph.parameters:
        if name not in entries:
            raise RefcompressError(f"entry {name!r}", "is not in the file, and the graph takes it")
    return Model(*as_it_runs(graph, entries))


def as_it_runs(graph: Graph, entries: Mapping[str, Any]) -> tuple[Graph, dict[str, np.ndarray | ArrayFormat]]:
    """Return graph and tensors as they run.

    A matrix (k, m) that nodes multiply transposed becomes one of (m, k), where its format has such a form: then these
    nodes say no longer that it is transposed. What is no weight, and what was kept bit for bit, becomes an array.
    """
    tensors: dict[str, np.ndarray | ArrayFormat] = {}
    upright: set[str] = set()
    for name, used in uses(graph).items():
        value = entries[name]
        if is_array_format(value) and (isinstance(value, Plain) or not all(map(is_weight, used))):
            value = value.dense()
        elif is_array_format(value) and all(dict(node.attributes).get("transposed") is True for node, _ in used):
            other = _transposed(value)
            if other is not None:
                value = other
                upright.add(name)
        tensors[name] = value
    return _upright(graph, upright) if upright else graph, tensors


def _upright(graph: Graph, names: set[str]) -> Graph:
    """Return the graph whose nodes take these weights as they are, not transposed."""
    names = names & set(graph.parameters)
    nodes = []
    for node in graph.nodes:
        attributes = {key: _upright(value, names) if isinstance(value, Graph) else value
                      for key, value in node.attributes}
        if any(is_weight((node, i)) and name in names for i, name in enumerate(node.inputs)):
            del attributes["transposed"]
        nodes.append(replace(node, attributes=attributes))
    return replace(graph, nodes=tuple(nodes))


def _transposed(value: ArrayFormat) -> ArrayFormat | None:
    """Return a matrix in a format with its axes exchanged and the same bits; None where the format cannot."""
    if isinstance(value, Arranged) and is_array_format(value.layer) and value.arrangement.axes == (1, 0):
        return value.layer if value.layer.shape == value.arrangement.shape else None
    if isinstance(value, Quantized) and value.group is None and len(value.shape) == 2:
        parts = (np.ascontiguousarray(part.T) for part in (value.values, value.scale, value.zero_point))
        return Quantized(*parts)
    return None
