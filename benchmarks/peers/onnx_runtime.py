"""ONNX Runtime: MatMulInteger, MatMulNBits, DequantizeLinear before MatMul, DynamicQuantizeMatMul.

MatMulNBits has a level of accuracy: 1 multiplies in float32, 4 brings x to int8. DequantizeLinear before MatMul becomes
MatMulNBits of level 4, unless the session is told otherwise.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from . import Peer, by_rule
from .bounds import one_apart, quantized, quantized_together, within
from .weights import values

THREADS = 1
EXACT, IN_INTEGERS = 1, 4
ITSELF = "quantizes x itself"


def set_threads(threads: int) -> None:
    global THREADS
    THREADS = threads


def _session(nodes, x, kind, weights, result):
    graph = helper.make_graph(nodes, "case", [helper.make_tensor_value_info("x", kind, x.shape)],
                              [helper.make_tensor_value_info("y", result, None)],
                              [numpy_helper.from_array(np.ascontiguousarray(w), name) for name, w in weights.items()])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = THREADS, 4
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", str(EXACT))
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})[0]


def _integers(x, w):
    kind = TensorProto.UINT8 if x.dtype == np.uint8 else TensorProto.INT8
    return _session([helper.make_node("MatMulInteger", ["x", "w"], ["y"])], x, kind, {"w": w.T}, TensorProto.INT32)


def _of_rows(a, n):
    return np.broadcast_to(a.ravel(), n)


def _scaled(x, w):
    if w.scale.shape[1] != 1:
        raise ValueError("its scales of groups are MatMulNBits")
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=1),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    weights = {"w": w.values.T, "s": _of_rows(w.scale, len(w.values)), "z": _of_rows(w.zero_point, len(w.values))}
    return _session(nodes, x, TensorProto.FLOAT, weights, TensorProto.FLOAT)


def _dynamic(x, x_scale, w, bias=None):
    if w.scale.shape[1] != 1:
        raise ValueError("only scales of rows")
    weights = {"w": w.values.T, "s": _of_rows(w.scale, len(w.values)), "z": _of_rows(w.zero_point, len(w.values))}
    if bias is not None:
        weights["b"] = bias
    node = helper.make_node("DynamicQuantizeMatMul", ["x", *weights], ["y"], domain="com.microsoft")
    return _session([node], x * x_scale[:, None], TensorProto.FLOAT, weights, TensorProto.FLOAT)


def _to_int8(x, w, bias, multiplier, shift):
    """QGemm: its zero points of x and y are 128."""
    if np.ptp(multiplier) or np.ptp(shift):
        raise ValueError("only one factor for all outputs")
    one, middle = np.float32(1), np.uint8(128)
    weights = {"one": one, "middle": middle, "w": w.T, "zero": np.int8(0), "bias": bias,
               "divisor": np.float32(2.0 ** (31 + int(shift[0])) / int(multiplier[0]))}
    inputs = ["x", "one", "middle", "w", "one", "zero", "bias", "divisor", "middle"]
    node = helper.make_node("QGemm", inputs, ["y"], domain="com.microsoft")
    return _session([node], x.view(np.uint8) + np.uint8(128), TensorProto.UINT8, weights, TensorProto.UINT8)


def n_bits(level):
    """Return what prepares MatMulNBits at a level of accuracy: w has groups of 16, 32, 64, 128 or 256, or none."""
    def prepare(x, *rest):
        scales, w, *bias = rest if len(rest) > 1 else (None, *rest)
        whole, bits = values(w), getattr(w, "bits", 8)
        n, k = whole.shape
        group = w.group or 128
        if group not in (16, 32, 64, 128, 256) or k % group:
            raise ValueError("only groups of 16, 32, 64, 128 or 256 that divide k")
        blocks = k // group
        codes = whole.view(np.uint8).reshape(n, blocks, group) + np.uint8(1 << bits - 1)
        zeros = np.broadcast_to(w.zero_point.astype(np.int16) + (1 << bits - 1), (n, blocks)).astype(np.uint8)
        if bits == 4:
            codes &= 15
            codes = codes[..., ::2] | codes[..., 1::2] << 4
            zeros = np.concatenate([zeros, np.zeros((n, blocks % 2), np.uint8)], axis=1)
            zeros = zeros[:, ::2] | zeros[:, 1::2] << 4
        weights = {"w": codes, "s": np.broadcast_to(w.scale, (n, blocks)).ravel()}
        if np.any(w.zero_point):
            weights["z"] = zeros.ravel()
        nodes = [helper.make_node("MatMulNBits", ["x", *weights], ["y" if not bias else "p"], domain="com.microsoft",
                                  K=k, N=n, bits=bits, block_size=group, accuracy_level=level)]
        if bias:
            weights["b"] = bias[0]
            nodes.append(helper.make_node("Add", ["p", "b"], ["y"]))
        x = x if scales is None else x * scales[:, None]
        return _session(nodes, x, TensorProto.FLOAT, weights, TensorProto.FLOAT)

    return prepare


PEERS = {
    "gemm_s8s8": Peer("ONNX Runtime", _integers, by_rule("gemm_s8s8")),
    "gemm_u8s8": Peer("ONNX Runtime", _integers, by_rule("gemm_u8s8")),
    "gemm_f32s8": [
        Peer("ONNX Runtime, dequantized", _scaled, by_rule("gemm_f32s8"), bytes_a_weight=4),
        Peer("ONNX Runtime, MatMulNBits", n_bits(EXACT), by_rule("gemm_f32s8")),
    ],
    "gemm_f32s4": Peer("ONNX Runtime, MatMulNBits", n_bits(EXACT), by_rule("gemm_f32s4")),
    "gemm_s8s4": Peer("ONNX Runtime, MatMulNBits", n_bits(IN_INTEGERS), within(quantized), note=ITSELF),
    "gemm_s8s8_requantized": Peer("ONNX Runtime, QGemm", _to_int8, one_apart, note="to uint8"),
    "gemm_s8s8_scaled": [
        Peer("ONNX Runtime, MatMulNBits", n_bits(IN_INTEGERS), within(quantized), note=ITSELF),
        Peer("ONNX Runtime, dynamic", _dynamic, within(quantized_together), note=ITSELF + ", by one scale"),
    ],
}
