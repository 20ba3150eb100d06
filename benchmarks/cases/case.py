"""What a case is, and the layers of real networks that cases are made of.

The weights are random: no kernel's speed depends on the values, only on shapes, densities and distributions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LAYERS = {
    "LeNet-300-100 fc1": (300, 784, 0.08),
    "AlexNet conv5": (256, 1728, 0.37),  # 13 x 13 positions
    "AlexNet fc6": (4096, 9216, 0.09),
    "AlexNet fc7": (4096, 4096, 0.09),
    "AlexNet fc8": (1000, 4096, 0.25),
    "VGG-16 conv4_2": (512, 4608, 0.27),  # 28 x 28 positions
    "MobileNetV2 last block": (320, 960, 0.3),  # 1 x 1, 7 x 7 positions; kept: an assumption, as below
    "MiniLM feed-forward": (1536, 384, 0.3),
    "4096 wide": (4096, 4096, 0.3),  # a layer of a large transformer
    "1024 wide": (1024, 1024, 0.3),
    "8 wide": (8, 8, 0.5),  # nothing but what a call costs
}


DENSITIES, BATCHES = (0.05, 0.1, 0.2, 0.3, 0.5), (1, 8, 64, 256)
# What a product is timed on: a layer, its batches, and those that --full adds.
GRID = (
    ("4096 wide", (1, 8, 64, 256), ()),
    ("AlexNet fc6", (1, 64), (8, 256)),
    ("1024 wide", (1, 64), (8, 256)),
    ("VGG-16 conv4_2", (784,), (196,)),
    ("MobileNetV2 last block", (49,), (1, 8)),
    ("MiniLM feed-forward", (64,), (1, 8, 256)),
)


@dataclass(frozen=True)
class Case:
    """One call: ``make(rng)`` returns (args, kwargs).

    operations : multiplications and additions, or 0 where bytes are what counts; touched : bytes read and written at
        least
    once, each counted once. arithmetic : the type whose multiply-adds bound the operations. reference : whether the
    reference ends in seconds; quick : whether --quick has it; overhead : whether it shows what a call costs, and
    prepared calls take part. weight : which argument of a product is the weight, None where there is none; products
    take part packed too, and their cold calls go round through copies. weights : how many it has. full : whether only
    --full has it.
    """

    op: str
    name: str
    make: Callable
    operations: float
    touched: float
    reference: bool = True
    arithmetic: str = "f32"
    quick: bool = False
    overhead: bool = False
    weight: int | None = None
    weights: int = 0
    full: bool = False


def normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def on_grid(make: Callable[..., Case], *args, **flags) -> list[Case]:
    """Return the cases of GRID; ``make(*args, layer, batch, **flags)`` returns one."""
    return [
        make(*args, layer, batch, full=full, **flags)
        for layer, *batches in GRID
        for full, own in zip((False, True), batches)
        for batch in own
    ]


def on_weights(op, layer, factor, **kwargs):
    """Return a case of an operation on a layer's weights; ``factor`` bytes are touched for each of them."""
    outputs, inputs, _ = LAYERS[layer]
    flags = {flag: kwargs.pop(flag) for flag in ("quick", "reference") if flag in kwargs}
    said = ", ".join(f"{name} {value}" for name, value in kwargs.items())
    return Case(op, f"{layer}{', ' + said if said else ''}", lambda rng: ((normal(rng, outputs, inputs),), kwargs), 0,
                factor * outputs * inputs, **flags)
