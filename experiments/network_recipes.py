"""The rows of the experiment `networks` that recipes make: weights of few bits by several methods, pruned, shared out.

Each is calibrated on what its subject has for that, with batch norms folded first. Embeddings stay as they are, but
where a row says what they become.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from experiments.network_subjects import Subject
from experiments.runner import fastest
from refcompress import compress, quantize_s8
from refcompress.checkpoints.networks import load_model
from refcompress.graph import Model
from refcompress.graph.passes import simplified
from refcompress.recipes.networks import allocate_network, prune_network, quantize_network
from refcompress.recipes.networks.layers import layers_of

__all__ = ["rows_of"]


def quantized(subject: Subject, **options: Any) -> Model:
    """Return a network whose matrices and convolutions are quantized in the order of its graph."""
    model = simplified(subject.model)
    rules = {layer.weight: None for layer in layers_of(model) if layer.why}
    return quantize_network(model, subject.calibration, rules=rules, implementation=fastest(), **options).model


def whole(subject: Subject, **options: Any) -> Model:
    """Return a network as ``quantized`` does, with embeddings of 8 bits, a scale a row."""
    model = quantized(subject, **options)
    tables = {node.inputs[1] for node in model.graph.nodes if node.operation == "embedding"} & set(model.tensors)
    return model.replaced({name: quantize_s8(model.tensors[name], axis=0) for name in tables})


def pruned(subject: Subject, **options: Any) -> Model:
    """Return a network whose matrices and convolutions are pruned in the order of its graph."""
    return prune_network(simplified(subject.model), subject.calibration, implementation=fastest(), **options).model


def shared_out(subject: Subject, bits: float) -> Model:
    """Return a network whose weights have 2 to 8 bits, so many on average."""
    model = simplified(subject.model)
    weights = sum(layer.value.size for layer in layers_of(model) if not layer.why)
    return allocate_network(model, subject.calibration, budget=int(weights * bits / 8), measure="layer",
                            implementation=fastest()).model


def low_rank(subject: Subject, share: float) -> Model:
    """Return a network of which this share of the bytes of its weights is left, by ranks, on the whole."""
    model = simplified(subject.model)
    nbytes = sum(layer.value.nbytes for layer in layers_of(model) if not layer.why)
    ranks = [{}, *({"rank": rank} for rank in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4))]
    return allocate_network(model, subject.calibration, budget=int(share * nbytes), candidates=ranks, measure="layer",
                            implementation=fastest()).model


def preset(subject: Subject, name: str) -> Model:
    """Return a network compressed by a preset: no calibration, no training."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.rcz")
        compress(simplified(subject.model), name, target=path, implementation=fastest())
        return load_model(path, implementation=fastest())


WITH_EMBEDDINGS: dict[str, Callable[[Subject], Model]] = {
    "8 bits, GPTQ, embeddings of 8 bits": partial(whole, method="gptq", bits=8),
    "4 bits, GPTQ, clipped, biases corrected, embeddings of 8 bits": partial(whole, method="gptq", bits=4, clip=True,
                                                                             correct_bias=True),
}
ROWS: dict[str, Callable[[Subject], Model]] = {
    "8 bits, nearest": partial(quantized, method="nearest", bits=8),
    "8 bits, GPTQ": partial(quantized, method="gptq", bits=8),
    "8 bits, SmoothQuant, inputs of 8 bits": partial(quantized, method="smooth", bits=8),
    "4 bits, nearest": partial(quantized, method="nearest", bits=4),
    "4 bits, nearest, clipped": partial(quantized, method="nearest", bits=4, clip=True),
    "4 bits, AWQ, clipped": partial(quantized, method="awq", bits=4, clip=True),
    "4 bits, GPTQ, clipped, biases corrected": partial(quantized, method="gptq", bits=4, clip=True, correct_bias=True),
    "2 to 8 bits, 4 on average, shared out": partial(shared_out, bits=4.0),
    "half of the weights, magnitude": partial(pruned, method="magnitude", sparsity=0.5),
    "half of the weights, SparseGPT": partial(pruned, method="sparsegpt", sparsity=0.5),
    "2 of 4, SparseGPT": partial(pruned, method="sparsegpt", n=2, m=4),
    "low rank, half of the bytes": partial(low_rank, share=0.5),
    "preset deep": partial(preset, name="deep"),
}


def rows_of(subject: Subject) -> dict[str, Callable[[Subject], Model]]:
    """Return, by the name of its row, each recipe that this network has a use for."""
    return ROWS | (WITH_EMBEDDINGS if any(node.operation == "embedding" for node in subject.model.graph.nodes) else {})
