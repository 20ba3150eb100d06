"""The trained network of the course: LeNet-300-100 on MNIST, trained once for all lessons."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refcompress import training
from refcompress.recipes import lenet_300_100

QUICK = os.environ.get("REFCOMPRESS_LESSONS", "quick") != "full"
KEPT = Path(__file__).resolve().parents[2] / "build" / "lessons"  # not in git: any machine makes it again
EXAMPLES, EPOCHS = (20_000, 4) if QUICK else (55_000, 20)


@dataclass(frozen=True)
class Digits:
    """Inputs (n, 784) float32 in [0, 1] and labels (n,) uint8: to train on, to choose settings by, and to report."""

    training: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def mnist() -> Digits:
    """Return MNIST from ``data/mnist``: 20,000 images to train on in the quick form, all 55,000 in the full one."""
    examples, test = training.mnist.load()
    chosen, validation = training.mnist.split(examples)
    return Digits((chosen.inputs()[:EXAMPLES], chosen.labels[:EXAMPLES]),
                  (validation.inputs(), validation.labels), (test.inputs(), test.labels))


def lenet(digits: Digits | None = None) -> training.Network:
    """Return LeNet-300-100, trained. The first lesson that asks trains it and keeps the weights for the others."""
    recipe = hashlib.sha256(Path(lenet_300_100.__file__).read_bytes()).hexdigest()[:8]  # another recipe, another file
    path = KEPT / f"lenet-{EXAMPLES}-{EPOCHS}-{recipe}.npz"
    if path.is_file():
        network = lenet_300_100.network(np.random.default_rng(0))
        with np.load(path) as kept:
            network.assign(dict(kept))
        return network
    network = lenet_300_100.train_reference(*(digits or mnist()).training, epochs=EPOCHS)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{os.getpid()}-{path.name}")  # two lessons may train at once: each file appears whole
    np.savez(part, **network.parameters)
    part.replace(path)
    return network


def matrices(network: training.Network) -> dict[str, np.ndarray]:
    """Return copies of the matrices of weights, by the name of their layer; biases are no matrices."""
    return {name: layer.parameters["weight"].copy() for name, layer in network.layers.items()
            if "weight" in layer.parameters}


def percent_wrong(network: training.Network, examples: tuple[np.ndarray, np.ndarray],
                  weights: dict[str, np.ndarray] | None = None) -> float:
    """Return the errors on (inputs, labels) in percent, with these matrices in place of the layers' own.

    The network is left as it was.
    """
    own = {f"{name}.weight": network.parameters[f"{name}.weight"].copy() for name in weights or {}}
    network.assign({f"{name}.weight": w for name, w in (weights or {}).items()})
    wrong = 100 * training.error_rate(network, *examples)
    network.assign(own)
    return wrong


def layer_inputs(network: training.Network, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each layer with weights is given when the network is run on these inputs, by the layer's name."""
    given, x = {}, inputs
    for name, layer in network.layers.items():
        if "weight" in layer.parameters:
            given[name] = np.ascontiguousarray(x)
        x = layer.forward(x)
    return given
