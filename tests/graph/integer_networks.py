"""Networks that the tests of integer inference run: a small CNN with all that a larger one has, and LeNet-5."""

from pathlib import Path

import numpy as np
from implementations import BOTH

import refcompress
from refcompress.graph import Builder, Model

LENET = Path(__file__).parents[2] / "results" / "deep_compression" / "lenet_5-smallest.rcz"


def drawn(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.normal(size=shape) * 0.3).astype(np.float32)


def small_cnn(seed: int = 0) -> Model:
    """Return a CNN with strides, pads, dilations, groups, a depthwise layer, a residual, pools, a gate, a concat."""
    rng = np.random.default_rng(seed)
    b = Builder()
    x = b.input("x", ("n", 3, 9, 11))
    first = b.relu(b.conv(x, drawn(rng, 8, 3, 3, 3), drawn(rng, 8), strides=(2, 2), pads=(1, 1, 1, 1), name="first"))
    deep = b.clip(b.conv(first, drawn(rng, 8, 1, 3, 3), drawn(rng, 8), pads=(1, 0, 1, 2), groups=8, name="deep"),
                  low=0.0, high=6.0)
    point = b.conv(deep, drawn(rng, 8, 8, 1, 1), name="point")
    gated = b.multiply(b.relu(b.add(point, first, name="residual")), b.sigmoid(point, name="gate"), name="gated")
    groups = b.conv(gated, drawn(rng, 6, 4, 3, 3), drawn(rng, 6), groups=2, dilations=(2, 1), pads=(2, 1, 2, 1))
    pooled = b.max_pool(b.concat(groups, gated, axis=1), kernel=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1))
    average = b.global_average_pool(b.average_pool(pooled, kernel=(2, 2), pads=(1, 0, 0, 1)))
    hidden = b.relu(b.linear(b.flatten(average), drawn(rng, 9, 14), drawn(rng, 9), name="hidden"))
    return b.model(b.linear(hidden, drawn(rng, 5, 9), drawn(rng, 5), name="last"))


def lenet_5() -> Model:
    """Return the LeNet-5 of the smallest file of Deep Compression; its images are (n, 1, 28, 28)."""
    layers = {name: np.asarray(layer) for name, layer in refcompress.load(LENET, implementation=BOTH[-1]).items()}
    b = Builder()
    x = b.input("image", ("n", 1, 28, 28))
    for name in ("conv1", "conv2"):
        conv = b.conv(x, layers[f"{name}.weight"], layers[f"{name}.bias"], name=name)
        x = b.relu(b.max_pool(conv, kernel=(2, 2), strides=(2, 2)))
    x = b.flatten(b.transpose(x, axes=(0, 2, 3, 1)))  # the file's network has its channels last
    x = b.relu(b.linear(x, layers["fc1.weight"], layers["fc1.bias"], name="fc1"))
    return b.model(b.linear(x, layers["fc2.weight"], layers["fc2.bias"], name="fc2"))
