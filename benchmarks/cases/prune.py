"""Pruning: scores, selection, surgery."""

import numpy as np

from refcompress import reference

from .case import LAYERS, Case, normal, on_weights


def score(op, layer, **flags):
    """Return a case of a score of a layer's weights, with a float64 statistic of each weight (wanda: of each input)."""
    outputs, inputs, _ = LAYERS[layer]
    shape = (inputs,) if op == "wanda" else (outputs, inputs)
    touched = 8 * outputs * inputs + 8 * int(np.prod(shape))
    return Case(f"prune_score_{op}", layer, lambda rng: ((normal(rng, outputs, inputs), rng.random(shape)), {}), 0,
                touched, **flags)


def surgery(outputs, inputs, **flags):
    """Return a case of prune_obs: half of a layer's weights, whose inputs go together."""
    def make(rng):
        x = normal(rng, 4 * inputs, inputs) + normal(rng, 4 * inputs, 1)
        return (normal(rng, outputs, inputs), reference.quantize_hessian(x)), {"sparsity": 0.5}

    return Case("prune_obs", f"{outputs} x {inputs}, half", make, 0, 9 * outputs * inputs + 8 * inputs**2, **flags)


CASES = [
    *(
        on_weights("prune_magnitude", layer, 5, sparsity=0.9, quick=layer.startswith("LeNet"))
        for layer in ("LeNet-300-100 fc1", "AlexNet fc8")
    ),
    *(on_weights("prune_magnitude", "4096 wide", 5, sparsity=sparsity) for sparsity in (0.5, 0.9)),
    on_weights("prune_select", "AlexNet fc8", 5, sparsity=0.9),
    on_weights("prune_select", "4096 wide", 5, sparsity=0.9),
    *(on_weights("prune_select", "4096 wide", 5, structure="nm", n=n, m=m)
      for n, m in ((2, 4), (4, 8), (2048, 4096))),
    *(on_weights("prune_select", "4096 wide", 5, structure=structure, sparsity=0.5) for structure in ("row", "column")),
    on_weights("prune_select", "4096 wide", 5, structure="block", block=(4, 4), sparsity=0.5),
    on_weights("prune_select", "LeNet-300-100 fc1", 5, structure="nm", n=2, m=4, quick=True),
    on_weights("prune_project_l0", "LeNet-300-100 fc1", 8, keep=23_520, quick=True),
    on_weights("prune_project_l0", "4096 wide", 8, keep=2**20),
    on_weights("prune_threshold", "4096 wide", 5, quality=1.0),
    on_weights("prune_threshold", "LeNet-300-100 fc1", 5, quality=1.0, quick=True),
    surgery(10, 100, quick=True),
    surgery(100, 300),
    *(
        score(op, layer, quick=layer.startswith("LeNet"))
        for op in ("wanda", "taylor", "movement", "obd", "fisher")
        for layer in ("LeNet-300-100 fc1", "4096 wide")
    ),
    *(
        Case(
            f"prune_score_{op}",
            "4096 units",
            lambda rng: ((rng.integers(0, 999, 4096).astype(np.float64), 999), {}),
            0,
            16 * 4096,
            quick=True,
        )
        for op in ("apoz", "activation")
    ),
]
