"""OpenVINO on the CPU: a compiled model for each product."""

from collections.abc import Callable

import numpy as np

from ..contiguous import plain
from . import NO_REFUSALS

FAILURES = {"gemm_f32f32": {"threads": "a compiled model that is called has one request, which threads share",
                            "refusals": NO_REFUSALS}}


def operations() -> dict[str, Callable]:
    import openvino

    ops = openvino.opset13
    how = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled: dict[tuple, Callable] = {}

    def made(key: tuple, build: Callable) -> Callable:
        if key not in compiled:
            compiled[key] = openvino.Core().compile_model(build(), "CPU", how)
        return compiled[key]

    def gemm_f32f32(x, w, *, transposed=False):
        def build():
            a, b = (ops.parameter(openvino.PartialShape([-1, -1]), np.float32) for _ in range(2))
            return openvino.Model([ops.matmul(a, b, False, not transposed)], [a, b])

        return np.array(made(("matmul", bool(transposed)), build)([plain(x), plain(w)])[0])

    return {"gemm_f32f32": gemm_f32f32}
