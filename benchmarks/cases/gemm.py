"""Dense products."""

import numpy as np

from refcompress import reference

from .case import LAYERS, Case, normal, on_grid


def gemm(op, layer, batch, group=None, transposed=False, short=False, **flags):
    """Return a case of a dense product; short : an unsigned x of 7 bits, of which AVX2's pairs do not saturate."""
    outputs, inputs, _ = LAYERS[layer]

    def make(rng):
        w = rng.integers(-127, 128, (outputs, inputs), np.int8)
        if op == "gemm_f32f32":
            shape = (inputs, outputs) if transposed else (outputs, inputs)
            return (normal(rng, batch, inputs), normal(rng, *shape)), {"transposed": True} if transposed else {}
        if op == "gemm_f32s8":
            return (normal(rng, batch, inputs), reference.quantize_s8(normal(rng, outputs, inputs), **scales)), {}
        low, high = (0, 128 if short else 256) if op == "gemm_u8s8" else (-128, 128)
        return (rng.integers(low, high, (batch, inputs)).astype(np.uint8 if op == "gemm_u8s8" else np.int8), w), {}

    scales = {"axis": 0} if group is None else {"group": group}
    wide = 4 if op.startswith("gemm_f32") else 1
    touched = (4 if op == "gemm_f32f32" else 1) * outputs * inputs + wide * batch * inputs + 4 * batch * outputs
    return Case(
        op,
        f"{layer}{f', groups of {group}' if group else ''}{', transposed' if transposed else ''}"
        f"{', x of 7 bits' if short else ''}, batch {batch}",
        make,
        2 * batch * outputs * inputs,
        touched,
        reference=batch * outputs * inputs < 2e7,
        arithmetic="f32" if wide == 4 else "s8",
        weight=1,
        weights=outputs * inputs,
        **flags,
    )


def mixed(layer, batch, axis, share=0.1, **flags):
    """Return a case of gemm_f32mixed with a share of the rows (axis 0) or columns (axis 1) at 16 bits."""
    outputs, inputs, _ = LAYERS[layer]

    def make(rng):
        wide = rng.random((outputs, inputs)[axis]) < share
        return (
            normal(rng, batch, inputs),
            reference.allocate_mixed(normal(rng, outputs, inputs), wide, axis=axis),
        ), {}

    return Case("gemm_f32mixed", f"{layer}, {share:.0%} of the {('rows', 'columns')[axis]} wide, batch {batch}", make,
                2 * batch * outputs * inputs, (1 + share) * outputs * inputs + 4 * batch * (inputs + outputs),
                reference=batch * outputs * inputs < 2e7, weight=1, weights=outputs * inputs, **flags)


CASES = [
    *(gemm(op, "8 wide", 1, quick=True, overhead=True) for op in ("gemm_s8s8", "gemm_f32s8")),
    *(gemm(op, "LeNet-300-100 fc1", 64, quick=True) for op in ("gemm_s8s8", "gemm_u8s8", "gemm_f32s8", "gemm_f32f32")),
    *(gemm(op, "AlexNet conv5", 169) for op in ("gemm_s8s8", "gemm_u8s8", "gemm_f32s8")),
    *(case for op in ("gemm_s8s8", "gemm_u8s8", "gemm_f32s8") for case in on_grid(gemm, op)),
    *(gemm("gemm_f32s8", "4096 wide", batch, group=32) for batch in (1, 64)),
    *(gemm("gemm_u8s8", "4096 wide", batch, short=True) for batch in (1, 64)),
    *(gemm("gemm_f32f32", "4096 wide", batch) for batch in (1, 16, 64)),
    *(gemm("gemm_f32f32", "4096 wide", batch, transposed=True) for batch in (1, 16, 64)),
    *(mixed("LeNet-300-100 fc1", 64, axis, quick=True) for axis in (0, 1)),
    *(mixed("4096 wide", batch, axis) for batch in (1, 64) for axis in (0, 1)),
]
