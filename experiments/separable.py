"""A convolutional network with batch norm and depthwise convolutions on MNIST, trained as a graph: formats and grids.

    python -m experiments.separable                # writes results/separable/; goes on where it was stopped

The same network, order and first weights in float32, float16 with dynamic loss scaling and bfloat16 (torch's lists of
operations); then the float32 one on a grid: weights of 4 bits and activations of 8, rounded once, and trained on.
"""

import time

import numpy as np

from refcompress import graph
from refcompress.training import (
    POLICIES,
    Adam,
    AutocastGraph,
    GraphNetwork,
    LearnedSteps,
    LossScaler,
    QuantizedInputs,
    Scaled,
    errors,
    fit,
    mnist,
)

from . import runner

SEEDS, IMAGES, TESTED, EPOCHS, TUNE_EPOCHS, BATCH = 3, 20_000, 10_000, 4, 2, 50
SCALERS = {"float32": 1.0, "float16": 65536.0, "bfloat16": 1.0}
GRID = [*SCALERS, "rounded to W4A8", "trained at W4A8"]


def network(seed: int) -> graph.Model:
    """Return the untrained graph: a convolution, and twice a depthwise and a pointwise one; 3,104 weights."""
    b, rng = graph.Builder(), np.random.default_rng(seed)

    def normed(y, m, name):
        start = {"weight": 1, "bias": 0, "mean": 0, "variance": 1}
        tensors = [b.tensor(f"{name}.norm.{part}", np.full(m, v, np.float32)) for part, v in start.items()]
        return b.relu(b.batch_norm(y, *tensors, name=f"{name}.norm"), name=f"{name}.relu")

    def conv(y, name, *shape, **attributes):
        weight = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        return normed(b.conv(y, weight.astype(np.float32), name=name, **attributes), shape[0], name)

    y = b.reshape(b.input("x", ("n", 784)), shape=(-1, 1, 28, 28), name="image")
    y = conv(y, "conv", 16, 1, 3, 3, strides=(2, 2), pads=(1,) * 4)
    y = conv(y, "depthwise1", 16, 1, 3, 3, groups=16, strides=(2, 2), pads=(1,) * 4)
    y = conv(y, "pointwise1", 32, 16, 1, 1)
    y = conv(y, "depthwise2", 32, 1, 3, 3, groups=32, pads=(1,) * 4)
    y = conv(y, "pointwise2", 48, 32, 1, 1)
    y = b.flatten(b.global_average_pool(y, name="mean"), name="flat")
    weight = rng.standard_normal((10, 48)) / np.sqrt(48)
    return b.model(b.linear(y, weight.astype(np.float32), np.zeros(10, np.float32), name="fc"))


def behind() -> dict:
    """Return a grid of 8 bits for each ReLU's output."""
    names = ("conv", "depthwise1", "pointwise1", "depthwise2", "pointwise2")
    return {f"{name}.relu": QuantizedInputs(8) for name in names}


def run(seed: int, train, test) -> list[dict]:
    """Train in each format, then tune the float32 network on its grid; return a row each."""
    rows, trained = [], {}
    for format, scale in SCALERS.items():
        net, began = GraphNetwork(network(seed), batch_statistics=True), time.process_time()
        low = AutocastGraph(net, policy=POLICIES[format], scaler=LossScaler(scale, dynamic=scale > 1))
        losses = fit(low, *train, optimizer=Scaled(Adam(1e-2), low.scaler), epochs=EPOCHS, batch=BATCH,
                     rng=np.random.default_rng(seed))
        rows.append({"seed": seed, "how": format, "loss": losses[-1], "errors": errors(low, *test),
                     "skipped": low.scaler.skipped, "seconds": round(time.process_time() - began, 1)})
        trained[format] = net.model()
    net, began = GraphNetwork(trained["float32"], behind=behind()), time.process_time()
    net.forward(train[0][:1000], np.random.default_rng(0))  # sets the steps of the activations
    tuning = LearnedSteps(net, {name: 4 for name, p in net.parameters.items() if p.ndim > 1})
    rows.append({"seed": seed, "how": "rounded to W4A8", "errors": errors(net, *test)})
    losses = fit(net, *train, optimizer=Adam(1e-3), tuning=tuning, epochs=TUNE_EPOCHS, batch=BATCH,
                 rng=np.random.default_rng(seed))
    stored = net.model().replaced(tuning.quantized())  # weights as integers, activations behind quantize nodes
    wrong = sum(int(np.count_nonzero(stored(part).argmax(axis=1) != labels)) for part, labels in zip(
        np.split(test[0], 10), np.split(test[1], 10)))
    rows.append({"seed": seed, "how": "trained at W4A8", "loss": losses[-1], "errors": wrong,
                 "errors_in_training": errors(net, *test), "seconds": round(time.process_time() - began, 1)})
    return rows


def report(rows: list[dict]) -> str:
    """Return the errors by what was done, a column a seed."""
    seeds = sorted({row["seed"] for row in rows})
    lines = ["# A separable network on MNIST, trained as a graph: test error in %", "",
             f"`make separable`; {IMAGES:,} training images, {EPOCHS} epochs, {TUNE_EPOCHS} more on the grid; 3,104 "
             "weights. Difference: paired with float32, mean ± half the 95 % confidence interval (Student's t).", "",
             "| how | " + " | ".join(f"seed {seed}" for seed in seeds) + " | mean | difference | skipped steps |",
             "| --- |" + " --- |" * (len(seeds) + 3)]
    by = {(row["how"], row["seed"]): row for row in rows}
    for how in GRID:
        percent = np.array([100 * by[how, seed]["errors"] / TESTED for seed in seeds])
        mean, half = runner.mean_and_half(percent - [100 * by["float32", seed]["errors"] / TESTED for seed in seeds])
        said = "" if how == "float32" else f"{mean:+.2f} ± {half:.2f}"
        skipped = sum(by[how, seed].get("skipped", 0) for seed in seeds)
        lines.append(f"| {how} | " + " | ".join(f"{p:.2f}" for p in percent)
                     + f" | {percent.mean():.2f} | {said} | {skipped} |")
    last = [by["trained at W4A8", seed] for seed in seeds]
    same = sum(row["errors"] == row["errors_in_training"] for row in last)
    lines += ["", "The last row runs from the stored graph: weights as integers of 4 bits, `quantize` and `dequantize` "
              f"around the activations. Of {len(seeds)} networks {same} have as many errors there as in training.", ""]
    return "\n".join(lines)


def measure(record: runner.Record) -> None:
    examples, test = mnist.load()
    train = examples.inputs()[:IMAGES], examples.labels[:IMAGES]
    for seed in range(SEEDS):
        if not any(row["seed"] == seed for row in record.value):
            record.value += run(seed, train, (test.inputs(), test.labels))
            record.keep()
            print(seed, [(row["how"], row["errors"]) for row in record.value[-len(GRID):]], flush=True)


def main(argv=None) -> None:
    runner.run("separable", __doc__, list, measure, report, argv=argv)


if __name__ == "__main__":
    main()
