"""OpenVINO: weights of 4, 8 and 16 bits that are decompressed inside the product, in float32 or with x in int8."""

import numpy as np
import openvino
from openvino import opset13 as ov

from . import Peer, by_rule
from .bounds import quantized, rounded, within
from .weights import dense, values

THREADS = 1
CORE = openvino.Core()
FOUR_BITS = openvino.Type.u4, openvino.Type.nf4, openvino.Type.f4e2m1


def set_threads(threads: int) -> None:
    global THREADS
    THREADS = threads


def _product(x, weight, precision="f32", group=0):
    """Return the call of x by a node of weights; group : of values of x that get a scale in int8, 0 for float32."""
    given = ov.parameter(list(x.shape), np.float32)
    model = openvino.Model([ov.matmul(given, weight, False, True)], [given])
    options = {
        "INFERENCE_NUM_THREADS": THREADS,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": precision,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(group),
    }
    request = CORE.compile_model(model, "CPU", options).create_infer_request()
    return lambda: request.infer([x], share_inputs=True)[0]


def _stored(numbers: np.ndarray, kind: openvino.Type):
    """Return a constant of a type that NumPy has not: of 4 bits, two values in a byte."""
    tensor = openvino.Tensor(kind, list(numbers.shape))
    if kind in FOUR_BITS:
        flat = numbers.ravel().view(np.uint8) & 15
        tensor.data[...] = (flat[::2] | flat[1::2] << 4).reshape(tensor.data.shape)
    else:
        tensor.data[...] = numbers.view(tensor.data.dtype)
    return ov.constant(tensor, shared_memory=False)


def _weights(w):
    """Return the node of integers with scales: converted, less the zero points, times the scales, rows put together."""
    whole = values(w)
    n, k = whole.shape
    groups = w.scale.shape[1] if w.group else 1
    kind = openvino.Type.u4 if getattr(w, "bits", 8) == 4 else openvino.Type.u8
    half = 8 if kind == openvino.Type.u4 else 128
    if w.group and k % w.group:
        raise ValueError("only groups that divide k")
    def apart(a):
        return np.ascontiguousarray(np.broadcast_to(a, (n, groups)).reshape(n, groups, 1) if w.group else
                                    np.broadcast_to(a, (n, 1)))

    shape = (n, groups, k // groups) if w.group else (n, k)
    codes = (whole.view(np.uint8) + np.uint8(half)).reshape(shape)
    zeros = apart(w.zero_point).view(np.uint8) + np.uint8(half)
    if zeros.size % 2 and kind == openvino.Type.u4:
        raise ValueError("an odd number of zero points of 4 bits")
    less = ov.subtract(ov.convert(_stored(codes, kind), "f32"), ov.convert(_stored(zeros, kind), "f32"))
    weight = ov.multiply(less, ov.constant(apart(w.scale)))
    return ov.reshape(weight, np.array([n, k], np.int64), False) if w.group else weight


def _scaled(x, w):
    return _product(x, _weights(w))


def _in_integers(x, scale, w, bias=None):
    if bias is not None and np.any(bias):
        raise ValueError("without a bias")
    return _product(x * scale[:, None], _weights(w), group=w.group or 128)


def _of_floats(kind, precision="f32"):
    def prepare(x, w):
        x, w = dense(x), dense(w)
        numbers = w.astype(np.float16) if kind == openvino.Type.f16 else (w.view(np.uint32) >> 16).astype(np.uint16)
        return _product(x, ov.convert(_stored(numbers, kind), "f32"), precision)

    return prepare


def _in_blocks(codes, kind, scale):
    """Return the node of a float type's codes in blocks: converted, times the scale of each block."""
    n, k = codes.shape
    if k % scale.shape[1]:
        raise ValueError("only blocks that divide k")
    whole = ov.convert(_stored(codes.reshape(n, scale.shape[1], -1), kind), "f32")
    return ov.reshape(ov.multiply(whole, ov.constant(scale[..., None].copy())), np.array([n, k], np.int64), False)


def _nf4(x, w):
    return _product(x, _in_blocks(w.codes, openvino.Type.nf4, w.scales))


def _mx(x, w):
    if w.format != "mxfp4_e2m1" or np.any(w.scales == 255):
        raise ValueError("only mxfp4_e2m1")
    return _product(x, _in_blocks(w.codes, openvino.Type.f4e2m1, np.float32(2) ** (w.scales.astype(np.float32) - 127)))


def _fp8(x, w):
    if w.type != "fp8_e4m3":
        raise ValueError("only fp8_e4m3")
    return _product(x, ov.convert(_stored(w.patterns, openvino.Type.f8e4m3), "f32"))


ITSELF = "quantizes x itself"
PEERS = {
    "gemm_f32s8": Peer("OpenVINO, u8", _scaled, by_rule("gemm_f32s8")),
    "gemm_f32s4": Peer("OpenVINO, u4", _scaled, by_rule("gemm_f32s4")),
    "gemm_s8s4": Peer("OpenVINO, u4", _in_integers, within(quantized), note=ITSELF),
    "gemm_s8s8_scaled": Peer("OpenVINO, u8", _in_integers, within(quantized), note=ITSELF),
    "gemm_f32f16": Peer("OpenVINO, f16", _of_floats(openvino.Type.f16), by_rule("gemm_f32f16")),
    "gemm_f32nf4": Peer("OpenVINO, nf4", _nf4, by_rule("gemm_f32nf4")),
    "gemm_f32mx": Peer("OpenVINO, f4e2m1", _mx, by_rule("gemm_f32mx")),
    "gemm_f32fp8": Peer("OpenVINO, f8e4m3", _fp8, by_rule("gemm_f32fp8")),
    "gemm_f32bf16": Peer("OpenVINO, bf16", _of_floats(openvino.Type.bf16), by_rule("gemm_f32bf16")),
    "gemm_bf16bf16": Peer("OpenVINO, bf16", _of_floats(openvino.Type.bf16, "bf16"), within(rounded(9, 3)),
                          note="x, w and y in bfloat16"),
}
