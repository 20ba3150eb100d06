"""Small ONNX models, made by the package onnx."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from refcompress.formats import ELEMENT_TYPES, Plain

TYPES = sorted(set(TensorProto.DataType.values()) - {TensorProto.UNDEFINED, TensorProto.STRING, TensorProto.COMPLEX128})


def model(initializers=(), nodes=None, *, inputs=(), outputs=("y",), opset=21, ir_version=10, functions=(), **more):
    """Return a model with these tensors; without nodes one that hands its input on."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])] if nodes is None else nodes
    graph = helper.make_graph(
        nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, None]), *inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in outputs],
        list(initializers), **more)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version,
                             functions=list(functions))


def saved(path, made):
    path.write_bytes(made.SerializeToString())
    return path


def tensor_of(number: int, shape, name: str, raw: bool, rng) -> TensorProto:
    """Return a tensor of random bit patterns of a type, in raw_data or in the field that the type has else."""
    dtype = helper.tensor_dtype_to_np_dtype(number)
    bits = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2, 27: 6, 28: 6, TensorProto.BOOL: 1}.get(number, 8 * dtype.itemsize)
    patterns = rng.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8) & np.uint8((1 << min(bits, 8)) - 1)
    patterns = patterns.reshape(-1)
    if number in (TensorProto.INT4, TensorProto.INT2):  # an ml_dtypes integer is sign-extended
        patterns = np.where(patterns >> bits - 1, patterns | 256 - (1 << bits), patterns).astype(np.uint8)
    tensor = numpy_helper.from_array(patterns.view(dtype).reshape(shape), name)
    if raw:
        return tensor
    field = helper.tensor_dtype_to_field(number)
    storage = np.frombuffer(tensor.raw_data, np.uint8)
    if field == "int32_data":
        values = storage if number in (21, 22, 23, 25, 26) or dtype.itemsize == 1 else storage.view(
            f"{'i' if dtype.kind == 'i' else 'u'}{dtype.itemsize}")
        values = patterns if number in (27, 28) else values.view(np.int8) if number == TensorProto.INT8 else values
    else:
        values = storage.view({"float_data": "f4", "double_data": "f8", "int64_data": "i8"}.get(
            field, f"u{dtype.itemsize}"))
    tensor.ClearField("raw_data")
    getattr(tensor, field).extend(values.tolist())
    return tensor


def same_bits(ours, theirs: np.ndarray) -> bool:
    """Return whether a tensor that we read is bit for bit the array that the package onnx reads."""
    kept = ours if isinstance(ours, Plain) else Plain.of(ours)
    bits = ELEMENT_TYPES[kept.type].bits
    wanted = np.ascontiguousarray(theirs).reshape(-1).view(kept.patterns.dtype)
    if bits < 8:  # ml_dtypes extends the sign
        wanted = wanted & np.uint8((1 << bits) - 1)
    return kept.shape == theirs.shape and np.array_equal(kept.patterns.reshape(-1), wanted)


def every_tensor(made: onnx.ModelProto) -> dict[str, TensorProto]:
    """Return initialisers and Constants by name, of all graphs, with the package onnx alone."""
    found: dict[str, TensorProto] = {}

    def walk(nodes, initializers):  # in the order of the file, as the package writes it
        for node in nodes:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value":
                    found.setdefault(node.output[0], attribute.t)
                for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                    walk(graph.node, graph.initializer)
        for tensor in initializers:
            found.setdefault(tensor.name, tensor)

    walk(made.graph.node, made.graph.initializer)
    for function in made.functions:
        walk(function.node, [])
    return found
