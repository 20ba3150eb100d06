"""Sparse rows: conversion and products."""

import numpy as np

from refcompress import reference
from refcompress.formats import CSR, Plain

from .case import BATCHES, DENSITIES, LAYERS, Case, normal, on_weights


def sparse(rng, layer, density, values="float32"):
    outputs, inputs, kept = LAYERS[layer]
    w = normal(rng, outputs, inputs)
    a = reference.csr_from_dense(w, rng.random(w.shape, dtype=np.float32) < (density or kept))
    if values == "float32":
        return a
    data = a.values.astype(np.float16) if values == "float16" else Plain(
        (a.values.view(np.uint32) >> 16).astype(np.uint16), values)
    return CSR(a.shape, a.indptr, a.indices, data)


def csr_matmul(layer, batch, density=None, values="float32", **flags):
    outputs, inputs, kept = LAYERS[layer]
    share = density or kept
    entries = share * outputs * inputs
    name = f"{layer}, density {share:g}, " + (f"{values}, " if values != "float32" else "") + f"batch {batch}"
    read = (8 if values == "float32" else 6) * entries + 4 * batch * (inputs + outputs)
    return Case("csr_matmul", name, lambda rng: ((sparse(rng, layer, density, values), normal(rng, inputs, batch)), {}),
                2 * entries * batch, read, reference=entries < 5e5, weight=0, weights=outputs * inputs, **flags)


def csr_from_dense(layer, density=None, **flags):
    outputs, inputs, kept = LAYERS[layer]
    share = density or kept

    def make(rng):
        w = normal(rng, outputs, inputs)
        w[rng.random(w.shape, dtype=np.float32) >= share] = 0
        return (w,), {}

    return Case("csr_from_dense", f"{layer}, density {share:g}", make, 0, (4 + 8 * share) * outputs * inputs, **flags)


def csr_to_dense(layer, density=None, **flags):
    outputs, inputs, kept = LAYERS[layer]
    share = density or kept
    return Case("csr_to_dense", f"{layer}, density {share:g}", lambda rng: ((sparse(rng, layer, density),), {}), 0,
                (4 + 8 * share) * outputs * inputs, **flags)


CASES = [
    on_weights("csr_from_dense", "AlexNet fc8", 4 + 8, quick=True),
    *(csr_from_dense("4096 wide", density) for density in (0.1, 0.5)),
    csr_to_dense("AlexNet fc8", quick=True),
    *(csr_to_dense("4096 wide", density) for density in (0.1, 0.5)),
    *(csr_matmul("LeNet-300-100 fc1", batch, quick=batch != 8) for batch in (1, 8, 64)),
    csr_matmul("AlexNet conv5", 169),
    *(csr_matmul("AlexNet fc7", batch) for batch in (1, 8, 64)),
    csr_matmul("VGG-16 conv4_2", 784),
    csr_matmul("MobileNetV2 last block", 49),
    *(csr_matmul("MiniLM feed-forward", batch) for batch in (1, 64, 256)),
    *(csr_matmul("4096 wide", batch, density) for density in DENSITIES for batch in BATCHES),
    *(csr_matmul("4096 wide", batch, 0.2, values) for values in ("float16", "bfloat16") for batch in (1, 64)),
    csr_matmul("8 wide", 1, quick=True, overhead=True),
]
