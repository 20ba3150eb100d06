"""The rows of the experiment `networks` that recipes make: weights of few bits by several methods, pruned, shared out.

Each is calibrated on what its subject has for that, with batch norms folded first. Embeddings stay as they are in all.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from experiments.network_subjects import Subject
from experiments.runner import fastest
from refcompress.graph import Model
from refcompress.graph.passes import simplified
from refcompress.recipes.networks import allocate_network, prune_network, quantize_network
from refcompress.recipes.networks.layers import layers_of

__all__ = ["ROWS"]


def quantized(subject: Subject, **options: Any) -> Model:
    """Return a network whose matrices and convolutions are quantized in the order of its graph."""
    model = simplified(subject.model)
    rules = {layer.weight: None for layer in layers_of(model) if layer.why}
    return quantize_network(model, subject.calibration, rules=rules, implementation=fastest(), **options).model


def pruned(subject: Subject, **options: Any) -> Model:
    """Return a network whose matrices and convolutions are pruned in the order of its graph."""
    return prune_network(simplified(subject.model), subject.calibration, implementation=fastest(), **options).model


def shared_out(subject: Subject, bits: float) -> Model:
    """Return a network whose weights have 2 to 8 bits, so many on average."""
    model = simplified(subject.model)
    weights = sum(layer.value.size for layer in layers_of(model) if not layer.why)
    return allocate_network(model, subject.calibration, budget=int(weights * bits / 8), measure="layer",
                            implementation=fastest()).model


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
}
