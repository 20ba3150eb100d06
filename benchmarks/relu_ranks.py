"""Ranks after training: what each way to a rank costs the layers of LeNet-300-100 that a ReLU follows.

    python -m benchmarks.relu_ranks                # writes results/relu_ranks/; goes on where it stopped

Factors are made from the weights and the inputs of the first 2,000 to 50,000 training images. The ridge of lowrank_relu is
chosen by the output error on the validation images; all that is told is of the test images, which nothing saw.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import refcompress as rc
from refcompress import training
from refcompress.recipes import lenet_300_100

RESULTS = Path(__file__).resolve().parents[1] / "results" / "relu_ranks"
RANKS = {"fc1": (8, 16, 32), "fc2": (4, 8, 16)}
EXAMPLES = (2_000, 5_000, 10_000, 50_000)
RIDGES = (0.0, 0.01, 0.05, 0.2)
DEFAULT = 0.05
SVD, WHITENED = "truncated SVD", "whitened by the inputs"
WAYS = {SVD: lambda w, x, b, h, r: rc.lowrank_svd(w, rank=r), WHITENED: lambda w, x, b, h, r: rc.lowrank_whitened(w, h, rank=r),
        **{f"ridge {ridge:g}": lambda w, x, b, h, r, ridge=ridge: rc.lowrank_relu(w, x, rank=r, bias=b, ridge=ridge) for ridge in RIDGES}}


def run(result: dict, keep) -> None:
    rows = result.setdefault("rows", [])
    done = {(r["layer"], r["examples"], r["rank"], r["way"]) for r in rows}
    wanted = [(layer, n, rank) for n in EXAMPLES for layer in RANKS for rank in RANKS[layer]
              if any((layer, n, rank, way) not in done for way in WAYS)]
    if not wanted:
        return
    examples, test = training.mnist.load()
    train, validation = training.mnist.split(examples)
    network = lenet_300_100.train_reference(train.inputs(), train.labels)
    result["network"] = {name: 100 * training.error_rate(network, part.inputs(), part.labels)
                         for name, part in (("validation", validation), ("test", test))}
    for layer, n, rank in wanted:
        w, b = network.parameters[f"{layer}.weight"], network.parameters[f"{layer}.bias"]
        x, *held_out = (before(network, layer, part) for part in (train.inputs()[:n], validation.inputs(), test.inputs()))
        h = rc.quantize_hessian(x)
        for way, make in WAYS.items():
            if (layer, n, rank, way) in done:
                continue
            f = make(w, x, b, h, rank)
            other = network.copy()
            other.assign({f"{layer}.weight": f.dense()})
            rows.append({"layer": layer, "examples": n, "rank": rank, "way": way,
                         "calibration_output": output_error(w, b, f, x),
                         "validation_output": output_error(w, b, f, held_out[0]), "test_output": output_error(w, b, f, held_out[1]),
                         "test": 100 * training.error_rate(other, test.inputs(), test.labels)})
            keep(result)
            print(rows[-1], flush=True)


def output_error(w, b, f, x) -> float:
    """Return ||relu(y') - relu(y)||**2 / ||relu(y)||**2 in %."""
    y = np.maximum(x.astype(np.float64) @ w.T + b, 0)
    z = np.maximum(rc.lowrank_matmul(f, np.ascontiguousarray(x.T)).T.astype(np.float64) + b, 0)
    return 100 * float(np.sum((z - y) ** 2) / np.sum(y**2))


def before(network, name, x):
    """Return what the layer ``name`` gets as its input."""
    for other, layer in network.layers.items():
        if other == name:
            return np.ascontiguousarray(x)
        x = layer.forward(x)
    raise ValueError(name)


def chosen(rows, layer, n, rank) -> dict[str, dict]:
    """Return the rows of a cell by way, and as "chosen" that of the ridge (not 0) of least output error on validation."""
    at = {r["way"]: r for r in rows if (r["layer"], r["examples"], r["rank"]) == (layer, n, rank)}
    return at | {"chosen": min((at[f"ridge {ridge:g}"] for ridge in RIDGES if ridge), key=lambda r: r["validation_output"])}


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def report(result) -> str:
    rows = result["rows"]
    columns = (SVD, WHITENED, "ridge 0", f"ridge {DEFAULT:g}", "chosen")
    lines = ["# Ranks after training, LeNet-300-100 on MNIST", "",
             "`python -m benchmarks.relu_ranks`; one network (seed 0): validation error "
             f"{result['network']['validation']:.2f} %, test error {result['network']['test']:.2f} %.", "",
             "First the output error, ||relu(y') - relu(y)||² / ||relu(y)||² in %, then in brackets the test error in %, with that one layer",
             "replaced and nothing retrained; both of the test images, which no way saw. n: training images whose inputs the factors are",
             "made from. The last three columns are `lowrank_relu`: without a ridge, with its default, and with the ridge (of "
             f"{', '.join(f'{r:g}' for r in RIDGES if r)})", "whose output error is least on the validation images.", ""]
    for layer in RANKS:
        lines += [f"## {layer}", "", "| rank | n | " + " | ".join(columns[:2]) + f" | no ridge | ridge {DEFAULT:g} | ridge chosen |",
                  "| ---: |" + " ---: |" * 6]
        for rank in RANKS[layer]:
            for n in EXAMPLES:
                at = chosen(rows, layer, n, rank)
                texts = [f"{number(at[way]['test_output'])} ({at[way]['test']:.2f})" for way in columns]
                lines.append(f"| {rank} | {n:,} | " + " | ".join(texts) + f", {at['chosen']['way'].split()[1]} |")
        lines.append("")
    return "\n".join([*lines, "## What this shows", "", *conclusions(rows), ""])


def conclusions(rows) -> list[str]:
    default, lines = f"ridge {DEFAULT:g}", []
    for layer in RANKS:
        cells = {n: [chosen(rows, layer, n, rank) for rank in RANKS[layer]] for n in EXAMPLES}
        worst = max((c["ridge 0"] for n in EXAMPLES for c in cells[n]), key=lambda r: r["test_output"] / r["calibration_output"])
        beaten = [f"{sum(c['ridge 0']['test_output'] > c[WHITENED]['test_output'] for c in cells[n])} of {len(cells[n])} ranks with {n:,} images"
                  for n in EXAMPLES]
        lines += [f"- {layer}, no ridge: worse on new images than whitening at {', '.join(beaten)}. At worst it loses "
                  f"{number(worst['test_output'])} % of the", f"  output there, and {worst['calibration_output']:.3g} % on the images that it saw "
                  f"(rank {worst['rank']}, {worst['examples']:,} images)."]
        every = [c for n in EXAMPLES for c in cells[n]]
        ratios = [c[default]["test_output"] / c[WHITENED]["test_output"] for c in every]
        gains = [c[default]["test_output"] / c["chosen"]["test_output"] - 1 for c in every]
        lines += [f"- {layer}, ridge {DEFAULT:g}: less output error than whitening in {sum(r < 1 for r in ratios)} of {len(every)} cells, "
                  f"{min(ratios):.2f} to {max(ratios):.2f} times as much; fewer test", f"  errors in {sum(c[default]['test'] < c[WHITENED]['test'] for c in every)}, "
                  f"more in {sum(c[default]['test'] > c[WHITENED]['test'] for c in every)}. With the chosen ridge the", "  output error is lower by another "
                  f"{100 * max(gains):.1f} % of itself at most."]
    return [*lines, "- All of one network: how its ranks compare says little of other networks."]


def plot(result, path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(2, 3, figsize=(14, 8), layout="constrained", sharex=True)
    styles = {SVD: ("C7", ":"), WHITENED: ("C0", "-"), "ridge 0": ("C3", "--"), "chosen": ("C2", "-")}
    names = {"ridge 0": "behind the ReLU, no ridge", "chosen": "behind the ReLU, ridge chosen"}
    for row, layer in zip(axes, RANKS):
        for ax, rank in zip(row, RANKS[layer]):
            for way, (color, line) in styles.items():
                y = [chosen(result["rows"], layer, n, rank)[way]["test_output"] for n in EXAMPLES]
                ax.plot(EXAMPLES, y, marker="o", color=color, linestyle=line, label=names.get(way, way))
            ax.set(title=f"{layer}, rank {rank}", xscale="log", yscale="log")
            ax.set_xticks(EXAMPLES, [f"{n:,}" for n in EXAMPLES])
            ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=20))
            ax.yaxis.set_major_formatter(lambda value, _: number(value))
            ax.minorticks_off()
            ax.grid(alpha=0.3)
        row[0].set_ylabel("output error on the test images, %")
    for ax in axes[-1]:
        ax.set_xlabel("calibration images")
    axes[0, 0].legend()
    figure.savefig(path, dpi=100, metadata={"Software": None})
    pyplot.close(figure)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relu_ranks", description=__doc__.splitlines()[0])
    parser.add_argument("--report", action="store_true", help="write table and plot from the JSON that is there")
    options = parser.parse_args(argv)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "relu_ranks.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    if not options.report:
        run(result, lambda result: path.write_text(json.dumps(result, indent=1) + "\n"))
    (RESULTS / "relu_ranks.md").write_text(report(result))
    plot(result, RESULTS / "relu_ranks.png")


if __name__ == "__main__":
    main()
