"""Layers with a Hessian: GPTQ, SparseGPT, and the searches of ranges and of scales."""

from refcompress import reference

from .case import LAYERS, Case, normal


def layer(op, layer, **kwargs):
    """Return a case of an operation on a layer and its Hessian, of inputs that go together.

    Its multiply-adds are those of the loop over the inputs alone, as if in float32.
    """
    outputs, inputs, _ = LAYERS[layer]
    quick = kwargs.pop("quick", False)

    def make(rng):
        x = normal(rng, 2 * inputs, inputs) + normal(rng, 2 * inputs, 1)
        return (normal(rng, outputs, inputs), reference.quantize_hessian(x)), kwargs

    said = ", ".join(f"{name} {value}" for name, value in kwargs.items())
    return Case(op, f"{layer}{', ' + said if said else ''}", make, outputs * inputs**2,
                9 * outputs * inputs + 8 * inputs**2, reference=inputs < 4096, quick=quick)


def adaround(layer, steps, **flags):
    """Return a case of quantize_adaround: its multiply-adds are those of the steps, and two errors."""
    outputs, inputs, _ = LAYERS[layer]

    def make(rng):
        x = normal(rng, 2 * inputs, inputs) + normal(rng, 2 * inputs, 1)
        return (normal(rng, outputs, inputs), reference.quantize_hessian(x)), {"iterations": steps}

    return Case("quantize_adaround", f"{layer}, {steps} steps", make, (steps + 2) * outputs * inputs**2,
                9 * outputs * inputs + 8 * inputs**2, **flags)


def awq(layer, steps, **flags):
    """Return a case of quantize_awq, without clipping; its multiply-adds are those of the errors."""
    outputs, inputs, _ = LAYERS[layer]
    return Case("quantize_awq", f"{layer}, group 32, {steps} steps",
                lambda rng: ((normal(rng, outputs, inputs), normal(rng, 2 * inputs, inputs)),
                             {"group": 32, "steps": steps, "clip": False}),
                steps * outputs * inputs**2, 9 * outputs * inputs + 8 * inputs**2, **flags)


CASES = [
    adaround("LeNet-300-100 fc1", 20, quick=True),
    adaround("MiniLM feed-forward", 50),
    layer("quantize_gptq", "MiniLM feed-forward", group=32, quick=True),
    layer("quantize_gptq", "4096 wide", group=128),
    layer("quantize_clip", "MiniLM feed-forward", group=32, quick=True),
    layer("quantize_clip", "4096 wide", group=128),
    awq("MiniLM feed-forward", 4, quick=True),
    layer("prune_sparsegpt", "MiniLM feed-forward", sparsity=0.5, quick=True),
    layer("prune_sparsegpt", "4096 wide", sparsity=0.5),
    layer("prune_sparsegpt", "4096 wide", n=2, m=4),
]
