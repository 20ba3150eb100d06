"""ONNX Runtime: MatMulInteger, DequantizeLinear before MatMul, QuantizeLinear."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from . import Peer, by_rule

THREADS = 1


def set_threads(threads: int) -> None:
    global THREADS
    THREADS = threads


def _session(nodes, x, kind, weights, result):
    graph = helper.make_graph(nodes, "case", [helper.make_tensor_value_info("x", kind, x.shape)],
                              [helper.make_tensor_value_info("y", result, None)],
                              [numpy_helper.from_array(np.ascontiguousarray(w), name) for name, w in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = THREADS, 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})[0]


def _integers(x, w):
    kind = TensorProto.UINT8 if x.dtype == np.uint8 else TensorProto.INT8
    return _session([helper.make_node("MatMulInteger", ["x", "w"], ["y"])], x, kind, {"w": w.T}, TensorProto.INT32)


def _scaled(x, w):
    if w.scale.shape[1] != 1:
        raise ValueError("scales of groups have no DequantizeLinear in opset 13")
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=1),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    full = np.broadcast_to
    weights = {
        "w": w.values.T,
        "s": full(w.scale.ravel(), len(w.values)),
        "z": full(w.zero_point.ravel(), len(w.values)),
    }
    return _session(nodes, x, TensorProto.FLOAT, weights, TensorProto.FLOAT)


PEERS = {
    "gemm_s8s8": Peer("ONNX Runtime", _integers, by_rule("gemm_s8s8")),
    "gemm_u8s8": Peer("ONNX Runtime", _integers, by_rule("gemm_u8s8")),
    "gemm_f32s8": Peer("ONNX Runtime", _scaled, by_rule("gemm_f32s8")),
}
