"""LeNet-300-100 on MNIST: the first network of the Deep Compression paper, with settings chosen on validation examples."""

from collections.abc import Callable

import numpy as np

from .. import training
from ..training import Adam, Dense, Dropout, Network, ReLU
from .deep_compression import Settings

SETTINGS = Settings(keep={"fc1.weight": 0.05, "fc2.weight": 0.08, "fc3.weight": 0.26},
                    bits={"fc1.weight": 4, "fc2.weight": 4, "fc3.weight": 4})


def network(rng: np.random.Generator) -> Network:
    """Return the untrained network 784-300-100-10: 266,200 weights and 410 biases, drawn from ``rng``."""
    return Network([
        ("drop1", Dropout(0.1)), ("fc1", Dense(784, 300, rng=rng)), ("relu1", ReLU()),
        ("drop2", Dropout(0.2)), ("fc2", Dense(300, 100, rng=rng)), ("relu2", ReLU()),
        ("drop3", Dropout(0.2)), ("fc3", Dense(100, 10, rng=rng)),
    ])


def train_reference(inputs: np.ndarray, labels: np.ndarray, *, seed: int = 0, epochs: int = 20,
                    progress: Callable[[str, int, int, float], None] | None = None) -> Network:
    """Return the network trained on ``inputs`` and ``labels``: Adam, its rate falling along a cosine.

    progress : called with ("reference", epochs done, epochs, loss) after each epoch.
    """
    rng = np.random.default_rng(seed)
    net = network(rng)
    told = None if progress is None else lambda done, total, loss: progress("reference", done, total, loss)
    training.fit(net, inputs, labels, optimizer=Adam(2e-3), epochs=epochs, rng=rng, batch=256, progress=told)
    return net
