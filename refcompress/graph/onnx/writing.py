"""Write a network as an ONNX model."""

import math
from collections.abc import Mapping
from os import PathLike

from ...container import files
from ...errors import LimitError
from ..model import Model
from .exporting import Export
from .package import onnx_package

__all__ = ["save"]

MOST_BYTES = 2**31  # of a message of protobuf
IR_VERSION = 10  # ONNX 1.16: the one that has integers of 4 bits; runtimes refuse files of a version above their own


def save(model: Model, path: str | bytes | PathLike, *, integers: bool = False,
         metadata: Mapping[str, str] | None = None) -> None:
    """Write a network to an ONNX file, whole or not at all.

    Parameters
    ----------
    model : its nodes become ONNX's operators of opset 20, or of the first later one that all of them need; its tensors
        initialisers of the same names
    path : the file
    integers : whether a weight that is Quantized stays as it is stored, as integers with DequantizeLinear; else every
        compressed weight is written as float32. What ONNX has no such scales for is written as float32 too.
    metadata : what the model is to say about itself, str -> str

    What ``load`` reads of the file computes the same bits, except where a float that is an attribute is no float32.

    Raises
    ------
    MissingExtra : the package onnx is not installed (the extra io).
    RefcompressError : a node that ONNX has no operators for.
    LimitError : tensors of 2 GiB and more, which a file of protobuf cannot hold.
    """
    onnx = onnx_package()
    total = sum(4 * math.prod(value.shape) for value in model.tensors.values())
    if total >= MOST_BYTES:
        raise LimitError("model", f"has {total} bytes of float32, and a file of protobuf has fewer than {MOST_BYTES}")
    export = Export(model, integers)
    graph = export.graph(model.graph, "network")
    export.tensors()
    graph.initializer.extend(export.initializers)
    for i, node in enumerate(export.weights):
        graph.node.insert(i, node)
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", export.opset)],
                                   ir_version=IR_VERSION, producer_name="refcompress")
    onnx.helper.set_model_props(proto, dict(metadata or {}))
    files.write(path, proto.SerializeToString())
