"""OpenVINO: int8 weights that are decompressed inside the product."""

import numpy as np
import openvino
from openvino import opset8 as ov

from . import Peer, by_rule

THREADS = 1
CORE = openvino.Core()


def set_threads(threads: int) -> None:
    global THREADS
    THREADS = threads


def _scaled(x, w):
    if w.scale.shape[1] != 1 or np.any(w.zero_point):
        raise ValueError("only scales of rows, without zero points")
    given = ov.parameter(list(x.shape), np.float32)
    weights = ov.multiply(
        ov.convert(ov.constant(w.values), "f32"), ov.constant(np.broadcast_to(w.scale, (len(w.values), 1)).copy())
    )
    model = openvino.Model([ov.matmul(given, weights, False, True)], [given])
    options = {
        "INFERENCE_NUM_THREADS": THREADS,
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
    }
    request = CORE.compile_model(model, "CPU", options).create_infer_request()
    return lambda: request.infer([x], share_inputs=True)[0]


PEERS = {"gemm_f32s8": Peer("OpenVINO", _scaled, by_rule("gemm_f32s8"))}
