"""Ranks after training: what each way to a rank costs the layers of LeNet-300-100 and LeNet-5 that a ReLU follows.

    python -m experiments.relu_ranks                # writes results/relu_ranks/; goes on where it stopped

Factors are made from the weights and the inputs of the first 2,000 to 50,000 training images. The ridge of lowrank_relu
is chosen by the output error on the validation images; all that is told is of the test images, which nothing saw.

A convolution is a matrix of filters by (channels, height, width). Its inputs are patches, one of each image, whose
place is drawn. In LeNet-5 a max-pooling stands between conv2 and its ReLU: the two can change places.
"""

import textwrap

import numpy as np

import refcompress as rc
from refcompress import training
from refcompress.recipes import lenet_5, lenet_300_100, style

from . import runner

RANKS = {"LeNet-300-100 fc1": (8, 16, 32, 64), "LeNet-300-100 fc2": (4, 8, 16, 32),
         "LeNet-5 conv2": (4, 8, 16, 32), "LeNet-5 fc1": (8, 16, 32, 64)}
# Fewer of LeNet-5, whose layers have the most weights.
EXAMPLES = {layer: (2_000, 5_000, 10_000) if layer.startswith("LeNet-5 ") else (2_000, 5_000, 10_000, 50_000)
            for layer in RANKS}
RIDGES = (0.0, 0.05, 0.2)
DEFAULT = 0.05
SVD, WHITENED = "truncated SVD", "whitened by the inputs"
WAYS = {
    SVD: lambda w, x, b, h, r: rc.lowrank_svd(w, rank=r),
    WHITENED: lambda w, x, b, h, r: rc.lowrank_whitened(w, h, rank=r),
    **{
        f"ridge {ridge:g}": lambda w, x, b, h, r, ridge=ridge: rc.lowrank_relu(w, x, rank=r, bias=b, ridge=ridge)
        for ridge in RIDGES
    },
}


def measure(record: runner.Record) -> None:
    result = record.value
    rows = result.setdefault("rows", [])
    done = {(r["layer"], r["examples"], r["rank"], r["way"]) for r in rows}
    wanted = [(layer, n, rank) for layer in RANKS for n in EXAMPLES[layer] for rank in RANKS[layer]
              if any((layer, n, rank, way) not in done for way in WAYS)]
    if not wanted:
        return
    examples, test = training.mnist.load()
    train, validation = training.mnist.split(examples)
    networks = {"LeNet-300-100": lenet_300_100.train_reference(train.inputs(), train.labels),
                "LeNet-5": lenet_5_trained(train)}
    result["networks"] = {name: {part: 100 * training.error_rate(trained, images.inputs(), images.labels)
                                 for part, images in (("validation", validation), ("test", test))}
                          for name, trained in networks.items()}
    for layer, n, rank in wanted:
        of, name = layer.split()
        network = networks[of]
        weight, b = network.parameters[f"{name}.weight"], network.parameters[f"{name}.bias"]
        w = np.ascontiguousarray(weight.reshape(len(weight), -1))
        x, *held_out = (
            rows_of(runner.layer_inputs(network, part)[name], weight.shape)
            for part in (train.inputs()[:n], validation.inputs(), test.inputs())
        )
        h = rc.quantize_hessian(x)
        for way, make in WAYS.items():
            if (layer, n, rank, way) in done:
                continue
            f = make(w, x, b, h, rank)
            other = network.copy()
            other.assign({f"{name}.weight": f.dense().reshape(weight.shape)})
            rows.append(
                {
                    "layer": layer,
                    "examples": n,
                    "rank": rank,
                    "way": way,
                    "calibration_output": output_error(w, b, f, x),
                    "validation_output": output_error(w, b, f, held_out[0]),
                    "test_output": output_error(w, b, f, held_out[1]),
                    "test": 100 * training.error_rate(other, test.inputs(), test.labels),
                }
            )
            record.keep()
            print(rows[-1], flush=True)


def lenet_5_trained(train) -> training.Network:
    """Return LeNet-5 after 12 epochs of Adam, its rate along a cosine; seed 0."""
    rng = np.random.default_rng(0)
    network = lenet_5.network(rng)
    training.fit(network, train.inputs(), train.labels, optimizer=training.Adam(1e-3, weight_decay=1e-4), epochs=12,
                 rng=rng)
    return network


def rows_of(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the inputs of a layer as rows; of a convolution one patch of each image, its place drawn (seed 0)."""
    if len(shape) == 2:
        return x
    _, c, h, w = shape
    rng, (n, rows, columns, _) = np.random.default_rng(0), x.shape
    at = rng.integers(0, (rows - h + 1, columns - w + 1), (n, 2))
    cut = np.stack([x[i, r : r + h, s : s + w] for i, (r, s) in enumerate(at)])
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 2).reshape(n, c * h * w))


def output_error(w, b, f, x) -> float:
    """Return ||relu(y') - relu(y)||**2 / ||relu(y)||**2 in %."""
    y = np.maximum(x.astype(np.float64) @ w.T + b, 0)
    z = np.maximum(rc.lowrank_matmul(f, np.ascontiguousarray(x.T)).T.astype(np.float64) + b, 0)
    return 100 * float(np.sum((z - y) ** 2) / np.sum(y**2))


def chosen(rows, layer, n, rank) -> dict[str, dict]:
    """Return the rows of a cell by way, and as "chosen" that of the ridge (not 0) of least output error on
    validation."""
    at = {r["way"]: r for r in rows if (r["layer"], r["examples"], r["rank"]) == (layer, n, rank)}
    return at | {
        "chosen": min((at[f"ridge {ridge:g}"] for ridge in RIDGES if ridge), key=lambda r: r["validation_output"])
    }


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def report(result) -> str:
    rows = result["rows"]
    columns = (SVD, WHITENED, "ridge 0", f"ridge {DEFAULT:g}", "chosen")
    text = (
        "First the output error, ||relu(y') - relu(y)||² / ||relu(y)||² in %, then in brackets the test error in %, "
        "with that one "
        "layer replaced and nothing retrained; both of the test images, which no way saw. n: training images whose "
        "inputs the factors "
        "are made from. The last three columns are `lowrank_relu`: without a ridge, with its default, and with the "
        "ridge (of "
        f"{', '.join(f'{r:g}' for r in RIDGES if r)}) whose output error is least on the validation images."
    )
    lines = [
        "# Ranks after training, LeNet-300-100 and LeNet-5 on MNIST",
        "",
        "`python -m experiments.relu_ranks`; one network of each (seed 0). Errors on validation and test images, in %: "
        + "; ".join(f"{name} {errors['validation']:.2f} and {errors['test']:.2f}"
                    for name, errors in result["networks"].items()) + ".",
        "",
        *textwrap.wrap(text, 125),
        "",
    ]
    for layer in RANKS:
        lines += [
            f"## {layer}",
            "",
            "| rank | n | " + " | ".join(columns[:2]) + f" | no ridge | ridge {DEFAULT:g} | ridge chosen |",
            "| ---: |" + " ---: |" * 6,
        ]
        for rank in RANKS[layer]:
            for n in EXAMPLES[layer]:
                at = chosen(rows, layer, n, rank)
                texts = [f"{number(at[way]['test_output'])} ({at[way]['test']:.2f})" for way in columns]
                lines.append(f"| {rank} | {n:,} | " + " | ".join(texts) + f", {at['chosen']['way'].split()[1]} |")
        lines.append("")
    return "\n".join([*lines, "## What this shows", "", *conclusions(rows), ""])


def conclusions(rows) -> list[str]:
    default, lines = f"ridge {DEFAULT:g}", []
    for layer in RANKS:
        cells = {n: [chosen(rows, layer, n, rank) for rank in RANKS[layer]] for n in EXAMPLES[layer]}
        worst = max(
            (c["ridge 0"] for n in EXAMPLES[layer] for c in cells[n]),
            key=lambda r: r["test_output"] / r["calibration_output"],
        )
        beaten = [
            f"{sum(c['ridge 0']['test_output'] > c[WHITENED]['test_output'] for c in cells[n])} with {n:,} images"
            for n in EXAMPLES[layer]
        ]
        every = [c for n in EXAMPLES[layer] for c in cells[n]]
        ratios = [c[default]["test_output"] / c[WHITENED]["test_output"] for c in every]
        gains = [1 - c["chosen"]["test_output"] / c[default]["test_output"] for c in every]
        lines += [
            f"- {layer}, no ridge: of {len(RANKS[layer])} ranks it is worse on new images than whitening at "
            f"{', '.join(beaten)}. "
            f"The largest gap: {number(worst['test_output'])} % of the output is lost on new images, "
            f"{worst['calibration_output']:.3g} % on those that it saw (rank {worst['rank']}, {worst['examples']:,} "
            "images).",
            f"- {layer}, ridge {DEFAULT:g}: less output error than whitening in {sum(r < 1 for r in ratios)} of "
            f"{len(every)} cells, "
            f"{min(ratios):.2f} to {max(ratios):.2f} times as much; fewer test errors in "
            f"{sum(c[default]['test'] < c[WHITENED]['test'] for c in every)}, more in "
            f"{sum(c[default]['test'] > c[WHITENED]['test'] for c in every)}. The chosen ridge lowers its output "
            "error by at most "
            f"{100 * max(gains):.1f} % of itself.",
        ]
    lines.append("- All of two networks: how their ranks compare says little of other networks.")
    return [part for line in lines for part in textwrap.wrap(line, 125, subsequent_indent="  ")]


def plot(result, path) -> None:
    with runner.picture(path, len(RANKS), 4, size=(16, 14), dpi=100, sharex="row") as (_, axes):
        for row, layer in zip(axes, RANKS):
            for ax, rank in zip(row, RANKS[layer]):
                draw(ax, EXAMPLES[layer], [chosen(result["rows"], layer, n, rank) for n in EXAMPLES[layer]])
                ax.set(title=f"{layer}, rank {rank}")
            row[0].set_ylabel("output error on the test images, %")
        for ax in axes[-1]:
            ax.set_xlabel("calibration images")
        axes[0, 0].legend()


def draw(ax, examples, cells) -> None:
    """Draw the output error of four ways against the number of calibration images."""
    from matplotlib.ticker import LogLocator

    styles = {SVD: (style.GREY, ":"), WHITENED: ("C0", "-"), "ridge 0": ("C3", "--"), "chosen": ("C2", "-")}
    names = {"ridge 0": "behind the ReLU, no ridge", "chosen": "behind the ReLU, ridge chosen"}
    for way, (color, line) in styles.items():
        ax.plot(examples, [cell[way]["test_output"] for cell in cells], marker="o", color=color, linestyle=line,
                label=names.get(way, way))
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(examples, [f"{n:,}" for n in examples])
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
    ax.yaxis.set_major_formatter(lambda value, _: number(value))
    ax.minorticks_off()
    ax.grid(alpha=0.3)


def main(argv=None) -> None:
    runner.run("relu_ranks", __doc__, dict, measure, report, plot, argv)


if __name__ == "__main__":
    main()
