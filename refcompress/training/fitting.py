"""Train a network on examples, and count what it gets wrong."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .losses import softmax_cross_entropy
from .network import Trainable
from .optimizers import Optimizer
from .tuning import Free, Hook

Inputs = np.ndarray | Mapping[str, np.ndarray]  # by name, where a graph has several


def cosine(t: float) -> float:
    """Return the factor of the learning rate at the share ``t`` of the training: half a cosine wave from 1 to 0.

    **Source** Loshchilov and Hutter 2017 (arXiv 1608.03983), the cosine, without restarts. **Departs** nothing.

    >>> cosine(0.0), round(cosine(0.5), 6), cosine(1.0)
    (1.0, 0.5, 0.0)
    """
    return 0.5 * (1 + math.cos(math.pi * t))


def constant(t: float) -> float:
    """Return 1: the learning rate stays as it is."""
    return 1.0


def fit(network: Trainable, inputs: Inputs, labels: np.ndarray, *, optimizer: Optimizer, epochs: int,
        rng: np.random.Generator, batch: int = 128, schedule: Callable[[float], float] = cosine,
        tuning: Hook | None = None, augment: Callable | None = None,
        progress: Callable[[int, int, float], None] | None = None) -> list[float]:
    """Train ``network`` on softmax cross-entropy over shuffled minibatches; return the mean loss of each epoch.

    inputs : (n, k) in the dtype of the network's parameters, or what the network takes, examples along the first axis;
    a mapping for a graph of several inputs. labels : (n,) integers. optimizer : SGD, Adam or anything
    with ``learning_rate`` and ``step(parameters, gradients)``, which returns False where it left the step out, as
    Scaled does;
    schedule : share of the steps done → factor of its learning rate. tuning : a hook of tuning.py, Free by default.
        augment : (inputs
    of a batch, rng) → what to train on in their place. progress : called after each epoch with (epochs done,
    epochs, loss). The last batch of an epoch is smaller where ``batch`` does not divide n.

    The order of the examples and what dropout drops come from ``rng`` alone: on one machine, with one BLAS, the same
    arguments give the same bits, whatever the number of its threads as long as it leaves short sums whole (see
    layers.product). The arithmetic is NumPy's, whichever implementation compresses.

    The mean loss of an epoch leaves out a loss that is not finite where the step was left out too: nothing came of it.
    Raises RefcompressError where inputs and labels differ in length; after an epoch with another loss that is not
    finite, with no finite loss at all, or that left a parameter infinite or NaN.

    Cost: per epoch 6 n multiplications a weight, less those for the gradient of the inputs.
    """
    n = _count(inputs)
    if len(labels) != n or n == 0:
        raise RefcompressError("labels", f"must have one entry an input, {n}, and at least one, not {len(labels)}")
    epochs, batch = arguments.integer(epochs, "epochs", 0), arguments.integer(batch, "batch", 1)
    hook: Hook = tuning or Free(network)
    learning_rate, steps, done, losses = optimizer.learning_rate, epochs * -(-n // batch), 0, []
    try:
        for epoch in range(epochs):
            order, total, counted = rng.permutation(n), 0.0, 0
            with np.errstate(over="ignore", invalid="ignore"):  # one refusal below, instead of a warning from each step
                for start in range(0, n, batch):
                    rows = order[start : start + batch]
                    x = _taken(inputs, rows)
                    x = x if augment is None else augment(x, rng)
                    loss, dy = softmax_cross_entropy(network.forward(x, rng), labels[rows])
                    network.backward(dy)
                    optimizer.learning_rate = learning_rate * schedule(done / steps)
                    left_out = optimizer.step(hook.parameters, hook.gradients()) is False
                    hook.apply()
                    if math.isfinite(loss) or not left_out:
                        total += loss * len(rows)
                        counted += len(rows)
                    done += 1
            losses.append(_mean_loss(total, counted, epoch + 1, hook.parameters))
            if progress is not None:
                progress(epoch + 1, epochs, losses[-1])
    finally:
        optimizer.learning_rate = learning_rate
    return losses


def _mean_loss(total: float, counted: int, epoch: int, parameters) -> float:
    """Return the mean of the losses that count, or refuse to go on from an epoch that ran away."""
    if counted == 0:
        raise RefcompressError(
            "network", f"has no finite loss in epoch {epoch}: every step was left out, and no loss scale helps"
        )
    if not math.isfinite(total):
        raise RefcompressError("optimizer", f"the loss is {total / counted} in epoch {epoch}: lower the rate")
    for name, p in parameters.items():
        if not np.isfinite(p).all():
            raise RefcompressError("optimizer", f"{name} is no longer finite after epoch {epoch}: lower the rate")
    return total / counted


def misses(outputs: np.ndarray, labels: np.ndarray) -> int:
    """Return how many rows of ``outputs`` (..., c) do not have their largest entry (the first of equals) at their
    label.

    A row with a NaN in it is no answer, and so a miss whatever its label is.
    """
    labels = arguments.array(labels, "labels", *np.typecodes["AllInteger"])
    if labels.shape != outputs.shape[:-1]:
        rows, given = (shape[0] if len(shape) == 1 else shape for shape in (outputs.shape[:-1], labels.shape))
        raise RefcompressError("labels", f"must have one entry an input, {rows}, not {given}")
    return int(np.count_nonzero((outputs.argmax(axis=-1) != labels) | np.isnan(outputs).any(axis=-1)))


def errors(network: Trainable, inputs: Inputs, labels: np.ndarray, *, batch: int = 1000) -> int:
    """Return how many of the inputs do not get their largest output at their label, as ``misses`` counts."""
    batch = arguments.integer(batch, "batch", 1)
    n = _count(inputs)
    if len(labels) != n:
        raise RefcompressError("labels", f"must have one entry an input, {n}, not {len(labels)}")
    wrong = 0
    for start in range(0, n, batch):
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is counted, not warned of
            outputs = network.forward(_taken(inputs, slice(start, start + batch)))
        wrong += misses(outputs, labels[start : start + batch])
    return wrong


def error_rate(network: Trainable, inputs: Inputs, labels: np.ndarray) -> float:
    """Return the share of the inputs that ``errors`` counts; at least one input."""
    n = _count(inputs)
    if n == 0 or len(labels) != n:
        raise RefcompressError("labels", f"must have one entry an input, {n}, and at least one, not {len(labels)}")
    return errors(network, inputs, labels) / np.asarray(labels).size


def mean_loss(network: Trainable, inputs: Inputs, labels: np.ndarray, *, batch: int = 1000) -> float:
    """Return the mean softmax cross-entropy of the inputs, of the network as in use; at least one input."""
    batch = arguments.integer(batch, "batch", 1)
    n = _count(inputs)
    if len(labels) != n or n == 0:
        raise RefcompressError("labels", f"must have one entry an input, {n}, and at least one, not {len(labels)}")
    total = 0.0
    for start in range(0, n, batch):
        part = slice(start, start + batch)
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is returned, not warned of
            total += softmax_cross_entropy(network.forward(_taken(inputs, part)), labels[part])[0] * len(labels[part])
    return total / n


def _count(inputs: Inputs) -> int:
    """Return how many examples there are; refuse inputs of different numbers."""
    if not isinstance(inputs, Mapping):
        return len(inputs)
    if not inputs:
        raise RefcompressError("inputs", "must have an array at least")
    n = len(next(iter(inputs.values())))
    for name, x in inputs.items():
        if len(x) != n:
            raise RefcompressError(f"inputs[{name!r}]", f"must have {n} examples as the first has, not {len(x)}")
    return n


def _taken(inputs: Inputs, rows) -> Inputs:
    """Return some of the examples."""
    return {name: x[rows] for name, x in inputs.items()} if isinstance(inputs, Mapping) else inputs[rows]
