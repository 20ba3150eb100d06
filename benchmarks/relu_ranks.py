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


def report(result) -> str:
    rows = result["rows"]
    lines = ["# Ranks after training, LeNet-300-100 on MNIST", "",
             "`python -m benchmarks.relu_ranks`; one network (seed 0): validation error "
             f"{result['network']['validation']:.2f} %, test error {result['network']['test']:.2f} %.", "",
             "Output error: ||relu(y') - relu(y)||² / ||relu(y)||² in %, on the test images, which no way saw. Test error: with that",
             "one layer replaced, nothing retrained. n: training images whose inputs the factors are made from. \"behind the ReLU\" is",
             f"`lowrank_relu` with the ridge (of {', '.join(f'{r:g}' for r in RIDGES if r)}) that is best on the validation images; its",
             f"default is {DEFAULT:g}. Without a ridge (0) it is what this table showed before.", ""]
    for layer in RANKS:
        lines += [f"## {layer}", "", "| rank | n | SVD: output error | test, % | whitened: output error | test, % | no ridge: output error "
                  f"| test, % | ridge {DEFAULT:g}: output error | test, % | behind the ReLU: ridge | output error | test, % |",
                  "| ---: |" + " ---: |" * 12]
        for rank in RANKS[layer]:
            for n in EXAMPLES:
                at = chosen(rows, layer, n, rank)
                texts = [f"{r['test_output']:.3g} | {r['test']:.2f}" for r in (at[SVD], at[WHITENED], at["ridge 0"], at[f"ridge {DEFAULT:g}"])]
                best = at["chosen"]
                lines.append(f"| {rank} | {n:,} | " + " | ".join(texts) + f" | {best['way'].split()[1]} | {best['test_output']:.3g} | "
                             f"{best['test']:.2f} |")
        lines.append("")
    return "\n".join([*lines, "## What this shows", "", *conclusions(rows), ""])


def conclusions(rows) -> list[str]:
    lines = []
    for layer in RANKS:
        worst = max((r for r in rows if r["layer"] == layer and r["way"] == "ridge 0"), key=lambda r: r["test_output"] / r["calibration_output"])
        lines.append(f"- {layer}, no ridge: at worst {worst['test_output']:,.3g} % of the output is lost on new images where "
                     f"{worst['calibration_output']:.3g} % is on those of the calibration (rank {worst['rank']}, {worst['examples']:,} images).")
        for name, text in (("chosen", "the ridge chosen"), (f"ridge {DEFAULT:g}", "the default ridge")):
            counts = []
            for n in EXAMPLES:
                cells = [chosen(rows, layer, n, rank) for rank in RANKS[layer]]
                ratios = [c[name]["test_output"] / c[WHITENED]["test_output"] for c in cells]
                fewer = sum(c[name]["test"] < c[WHITENED]["test"] for c in cells)
                counts.append(f"{n:,}: {min(ratios):.2f} to {max(ratios):.2f} times, fewer test errors at {fewer} of {len(cells)} ranks")
            lines.append(f"- {layer}, {text}: output error against that of whitening, by images: " + "; ".join(counts) + ".")
    return lines


def plot(result, path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

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
