"""Dense products of float32 inputs by narrow weights."""

import numpy as np

from refcompress import formats, reference

from .case import BATCHES, LAYERS, Case, normal


def _shared(w, c):
    codes = (w * (c // 4)).astype(np.int8).view(np.uint8) % c
    return formats.Shared(codes, np.linspace(-2, 2, c, dtype=np.float32))


WEIGHTS = {  # the bytes of a weight, and how they are made
    "gemm_f32s4": (0.5, lambda w: reference.quantize_pack(reference.quantize_s8(w, group=32, bits=4))),
    "gemm_f32lut4": (0.5, lambda w: _shared(w, 16)),
    "gemm_f32lut8": (1, lambda w: _shared(w, 256)),
    "gemm_f32nf4": (0.5, reference.floats_nf4_encode),
    "gemm_f32f16": (2, lambda w: formats.Plain.of(w.astype(np.float16))),
    "gemm_f32bf16": (2, lambda w: formats.Plain(reference.floats_encode(w, "bfloat16"), "bfloat16")),
    "gemm_f32fp8": (1, lambda w: formats.Plain(reference.floats_encode(w, "fp8_e4m3"), "fp8_e4m3")),
    "gemm_f32mx": (0.5, lambda w: reference.floats_mx_encode(w, "mxfp4_e2m1")),
    "gemm_f32nvfp4": (0.5, reference.floats_nvfp4_encode),
}


def narrow(op, layer, batch, **flags):
    """Return a case of float32 inputs by narrow weights."""
    outputs, inputs, _ = LAYERS[layer]
    width, make = WEIGHTS[op]
    return Case(op, f"{layer}, batch {batch}",
                lambda rng: ((normal(rng, batch, inputs), make(normal(rng, outputs, inputs))), {}),
                2 * batch * outputs * inputs, width * outputs * inputs + 4 * batch * (inputs + outputs),
                reference=batch * outputs * inputs < 2e7, **flags)


CASES = [
    *(narrow(op, "LeNet-300-100 fc1", 64, quick=True) for op in WEIGHTS),
    *(narrow(op, "4096 wide", batch) for op in WEIGHTS for batch in BATCHES),
]
