"""ONNX Runtime on the CPU: a model of one node for each operation (the package onnx writes it)."""

from collections.abc import Callable

import numpy as np

from ...formats import Quantized
from ..contiguous import plain
from . import NO_REFUSALS

FAILURES = {
    "gemm_s8s8": {"refusals": NO_REFUSALS},
    "gemm_u8s8": {"refusals": NO_REFUSALS},
    "gemm_f32f32": {"refusals": NO_REFUSALS},
    "quantize_s8": {"refusals": NO_REFUSALS},
    "dequantize_s8": {"values": "what overflows is an infinity, and here the largest float32",
                      "refusals": NO_REFUSALS},
}


def operations() -> dict[str, Callable]:
    import onnxruntime
    from onnx import TensorProto, helper

    types = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT,
             "int32": TensorProto.INT32}
    sessions: dict[tuple, onnxruntime.InferenceSession] = {}

    def run(node: str, result: str, *arrays: np.ndarray, **attributes) -> np.ndarray:
        key = node, result, tuple((a.dtype.name, a.ndim) for a in arrays), tuple(sorted(attributes.items()))
        names = "abcd"[: len(arrays)]
        if key not in sessions:
            inputs = [helper.make_tensor_value_info(name, types[a.dtype.name], [None] * a.ndim)
                      for name, a in zip(names, arrays)]
            graph = helper.make_graph([helper.make_node(node, list(names), ["y"], **attributes)], node, inputs,
                                      [helper.make_tensor_value_info("y", types[result], None)])
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = 1, 4
            sessions[key] = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                                         providers=["CPUExecutionProvider"])
        return sessions[key].run(None, dict(zip(names, map(plain, arrays))))[0]

    def product(x, w, *, x_zero_point=0):
        if x.shape[1] == 0 and len(x) and len(w):
            raise NotImplementedError("of no inputs (k is 0) the result is whatever its memory held before")
        zero = [] if type(x_zero_point) is int and x_zero_point == 0 else [np.array(x_zero_point, x.dtype)]
        return run("MatMulInteger", "int32", x, plain(w.T), *zero)

    def gemm_f32f32(x, w, *, transposed=False):
        return run("MatMul", "float32", x, w if transposed else plain(w.T))

    def by_one_scale(x, axis, group, scale) -> None:
        if group is not None or axis is not None or scale is None or np.size(scale) != 1:
            raise NotImplementedError("one given scale for all: others are shared along one axis, or blocks of it")

    def quantize_s8(x, *, bits=8, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None):
        by_one_scale(x, axis, group, scale)
        if bits != 8 or scheme != "affine" or zero_point is None:
            raise NotImplementedError("all integers of 8 bits are used, and the zero point is given")
        step, zero = np.float32(np.asarray(scale).reshape(())), np.int8(np.asarray(zero_point).reshape(()))
        values = run("QuantizeLinear", "int8", np.asarray(x), np.array(step), np.array(zero))
        shape = (1,) * np.ndim(x)
        return Quantized(values, np.full(shape, step), np.full(shape, zero), None)

    def dequantize_s8(q):
        by_one_scale(q.values, None, q.group, q.scale)
        return run("DequantizeLinear", "float32", q.values, q.scale.reshape(()), q.zero_point.reshape(()))

    return {"gemm_s8s8": product, "gemm_u8s8": product, "gemm_f32f32": gemm_f32f32, "quantize_s8": quantize_s8,
            "dequantize_s8": dequantize_s8}
