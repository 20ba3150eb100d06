"""Small ONNX graphs, made by the package onnx, and read as networks."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from refcompress.graph import onnx as ours


def tensor(name: str, value) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def node(operator: str, inputs, outputs, **attributes) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, outputs, **attributes)


def value(name: str, shape=None, type: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, type, shape)


def proto(nodes, inputs=(), tensors=(), outputs=("y",), *, opset: int = 21, functions=()) -> onnx.ModelProto:
    """Return a model. inputs : name -> shape of a float32, or ValueInfoProtos."""
    given = [value(name, shape) for name, shape in inputs.items()] if isinstance(inputs, dict) else list(inputs)
    graph = helper.make_graph(nodes, "graph", given, [value(name) for name in outputs], list(tensors))
    domains = [helper.make_opsetid("", opset)] + [helper.make_opsetid(each.domain, 1) for each in functions]
    return helper.make_model(graph, opset_imports=domains, ir_version=10, functions=list(functions))


def read(tmp_path, model: onnx.ModelProto, **options):
    """Return the network of a model."""
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return ours.load(path, **options)


def of_one(tmp_path, operator: str, inputs, tensors=(), *, opset: int = 21, outputs=("y",), extra=(), **attributes):
    """Return what the network of one node gives for arrays. inputs : arrays and Nones; extra : names of tensors."""
    names = [f"x{i}" if each is not None else "" for i, each in enumerate(inputs)]
    infos = [value(name, each.shape, helper.np_dtype_to_tensor_dtype(each.dtype))
             for name, each in zip(names, inputs) if each is not None]
    model = proto([node(operator, [*names, *extra], outputs, **attributes)], infos, tensors, outputs, opset=opset)
    return read(tmp_path, model)(*(each for each in inputs if each is not None), allow_nan=True)
