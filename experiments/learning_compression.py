"""Learning-compression on LeNet-300-100: the ranks that a price asks for, and the other compressions of the LC toolkit.

    python -m experiments.learning_compression      # writes results/learning_compression/; goes on where it stopped

One reference network (seed 0). The settings of the L steps (30 steps of 2 epochs, SGD) were chosen on the validation
images; the test images are only reported. Ratios are of files: written, read back and compared.

The published point is made again from a reference of the authors' kind, with their settings: tanh, Glorot's weights, no
dropout and no penalty, the mean image taken off, SGD with a rate of 0.1 * 0.99**epoch for 300 epochs; L steps of 30
epochs at a rate of 0.1 * 0.98**step. What differs: our momentum is plain, the rate falls within an L step, 5,000
training images are kept for validation.
"""

import numpy as np

from refcompress import container, training
from refcompress.agreement import exactly
from refcompress.recipes import lenet_300_100
from refcompress.recipes.learning_compression import Ranks, Sparse, Sum, Values, geometric, learning_compression

from . import runner

LAYERS = ("fc1.weight", "fc2.weight", "fc3.weight")
SIZES = {"fc1.weight": 235_200, "fc2.weight": 30_000, "fc3.weight": 1_000}
MUS = geometric(1e-3, 1.1, 30)  # as published for LeNet-300
ALPHAS = (0.25e-6, 0.5e-6, 1e-6, 2e-6, 4e-6, 8e-6, 16e-6)
RANKS = {f"ranks, alpha {alpha:g}": {name: Ranks(alpha) for name in LAYERS} for alpha in ALPHAS}
TWO = Values(2, runner.fastest())
TOOLKIT = {  # ours: (compressions, what the toolkit's authors report in %, mus)
    "2 values a layer": ({name: TWO for name in LAYERS}, 2.56, geometric(1e-3, 1.25, 30)),
    "2 values in fc1 and fc3": ({name: TWO for name in LAYERS[::2]}, 2.26, geometric(1e-3, 1.25, 30)),
    "5 % of the weights": ({name: Sparse(keep=SIZES[name] // 20) for name in LAYERS}, 2.18, geometric(1e-3, 1.25, 30)),
    "2 values and 1 % corrected": ({name: Sum(TWO, Sparse(keep=SIZES[name] // 100)) for name in LAYERS}, 2.17,
                                   geometric(1e-3, 1.25, 30)),
}


def measured(result, test) -> dict:
    """Return a row; test : inputs and labels."""
    data = container.dumps(result.compressed)
    exactly(dict(result.compressed), container.loads(data))
    kept = {name: step for name, step in result.steps[-1]["chosen"].items()}
    return {"bytes": len(data), "validation": 100 * result.steps[-1]["validation_error"],
            "test": 100 * training.error_rate(result.network, *test), "chosen": kept, "steps": result.steps}


def toolkit(record: runner.Record) -> None:
    """Add the reference and all compressions of it that are not there."""
    rows = record.value
    cases = {
        name: (compressions, 1.90 if name.endswith("alpha 1e-06") else None, MUS)
        for name, compressions in RANKS.items()
    }
    cases |= TOOLKIT
    if all(name in rows for name in cases) and "reference" in rows:
        return
    examples, test = training.mnist.load()
    train, validation = (part for part in training.mnist.split(examples))
    pairs = (train.inputs(), train.labels), (validation.inputs(), validation.labels)
    network = lenet_300_100.train_reference(*pairs[0])
    rows["reference"] = {"bytes": len(container.dumps(dict(network.parameters))), "published": 2.13,
                         "validation": 100 * training.error_rate(network, *pairs[1]),
                         "test": 100 * training.error_rate(network, test.inputs(), test.labels)}
    for name, (compressions, reported, mus) in cases.items():
        if name in rows:
            continue

        def told(done, steps, record, name=name):
            print(f"\r{name}: LC step {done} of {steps}, loss {record['loss']:.4f}, validation "
                  f"{100 * record['validation_error']:.2f} %", end="\n" if done == steps else "", flush=True)

        result = learning_compression(network, *pairs, compressions, mus=mus, progress=told)
        rows[name] = {"published": reported, **measured(result, (test.inputs(), test.labels))}
        record.keep()


def published(record: runner.Record) -> None:
    """Add the point of alpha 1e-6, with the network and the settings of the authors (examples/cvpr2020 of their
    toolkit)."""
    name, rows = "as published, alpha 1e-06", record.value
    if name in rows:
        return
    examples, test = training.mnist.load()
    train, validation = (part for part in training.mnist.split(examples))
    mean = train.inputs().mean(axis=0)
    pairs = [(part.inputs() - mean, part.labels) for part in (train, validation, test)]
    rng = np.random.default_rng(0)
    sizes = (784, 300), (300, 100), (100, 10)
    layers = [layer for i, (k, m) in enumerate(sizes, 1)
              for layer in ((f"fc{i}", training.Dense(k, m, rng=rng)), (f"tanh{i}", training.Tanh()))]
    network = training.Network(layers[:-1])
    # Glorot and Bengio's, as theirs: the ranks depend on it
    for weight in (network.parameters[name] for name in LAYERS):
        limit = np.sqrt(6 / sum(weight.shape))
        weight[...] = rng.uniform(-limit, limit, weight.shape)
    training.fit(
        network,
        *pairs[0],
        optimizer=training.SGD(0.1),
        epochs=300,
        rng=rng,
        batch=256,
        schedule=lambda t: 0.99 ** (300 * t),
    )
    rows["as published, reference"] = {
        "bytes": len(container.dumps(dict(network.parameters))),
        "published": 2.13,
        "validation": 100 * training.error_rate(network, *pairs[1]),
        "test": 100 * training.error_rate(network, *pairs[2]),
    }
    print(name, rows["as published, reference"], flush=True)
    result = learning_compression(
        network,
        *pairs[:2],
        {layer: Ranks(1e-6) for layer in LAYERS},
        mus=MUS,
        epochs=30,
        learning_rate=0.1,
        decay=0.98,
        progress=lambda done, steps, record: print(name, done, record["validation_error"], flush=True),
    )
    rows[name] = {"published": 1.90, **measured(result, pairs[2])}
    record.keep()


def measure(record: runner.Record) -> None:
    toolkit(record)
    published(record)


def report(rows: dict) -> str:
    lines = [
        "# Learning-compression on LeNet-300-100, MNIST",
        "",
        "`python -m experiments.learning_compression`; one run each, 30 LC steps of 2 epochs. Published: the "
        "authors' LC "
        "toolkit and its CVPR 2020 paper, from a reference of 2.13 %; ours starts at "
        f"{rows['reference']['test']:.2f} % (test), {rows['reference']['validation']:.2f} % (validation). The rows 'as "
        "published' have a reference and settings of the authors' kind: tanh, no dropout, Glorot's weights, 30 LC "
        "steps of 30 epochs.",
        "No rank was set by hand: alpha is the price of a parameter. Bytes: the whole file, biases and all; low-rank",
        "factors are float32 in it.",
        "",
        "| compression | chosen | bytes | times smaller | validation, % | test, % | published test, % |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    full = rows["reference"]["bytes"]
    for name, row in rows.items():
        chosen = ", ".join(str(c) for c in row.get("chosen", {}).values())
        reported = f"{row['published']:.2f}" if row.get("published") else ""
        lines.append(f"| {name} | {chosen} | {row['bytes']:,} | {full / row['bytes']:.1f} | {row['validation']:.2f} | "
                     f"{row['test']:.2f} | {reported} |")
    return "\n".join([*lines, ""])


def plot(rows: dict, path) -> None:
    with runner.picture(path, 1, 2, size=(12, 4.5)) as (_, (left, right)):
        draw(rows, left, right)


def draw(rows: dict, left, right) -> None:
    curve = [(row["bytes"], row["test"], name.split()[-1]) for name, row in rows.items() if name.startswith("ranks")]
    left.plot(*zip(*[(b, t) for b, t, _ in curve]), marker="o", label="ranks learnt (ours)")
    for i, (size, error, alpha) in enumerate(curve):  # above and below the line by turns: they stand close together
        left.annotate(f"α = {alpha}", (size, error), textcoords="offset points", xytext=(4, 6 if i % 2 else -12),
                      fontsize=8)
    left.margins(x=0.15)
    for i, (name, row) in enumerate((n, r) for n, r in rows.items() if n in TOOLKIT):
        left.plot(row["bytes"], row["test"], marker="s", linestyle="", color=f"C{i + 1}", label=f"{name} (ours)")
    left.axhline(rows["reference"]["test"], color="grey", linestyle=":", label="reference (ours)")
    left.set(xscale="log", xlabel="bytes of the file", ylabel="test error, %", title="error and cost")
    left.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)  # below the data
    for name, row in rows.items():
        if name.startswith("ranks"):
            right.plot([s["chosen"]["fc1.weight"] for s in row["steps"]], label=f"α = {name.split()[-1]}")
    right.set(xlabel="LC step", ylabel="rank of fc1 (of 300)", title="ranks while training", yscale="symlog")
    right.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def main(argv=None) -> None:
    runner.run("learning_compression", __doc__, dict, measure, report, plot, argv)


if __name__ == "__main__":
    main()
