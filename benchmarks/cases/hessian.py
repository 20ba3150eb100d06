"""Layers with a Hessian: GPTQ, SparseGPT, OBS."""

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


CASES = [
    layer("quantize_gptq", "MiniLM feed-forward", group=32, quick=True),
    layer("quantize_gptq", "4096 wide", group=128),
    layer("prune_sparsegpt", "MiniLM feed-forward", sparsity=0.5, quick=True),
    layer("prune_sparsegpt", "4096 wide", sparsity=0.5),
    layer("prune_sparsegpt", "4096 wide", n=2, m=4),
]
