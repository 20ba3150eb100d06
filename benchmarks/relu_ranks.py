"""Ranks after training: what each way to a rank costs the layers of LeNet-300-100 that a ReLU follows.

    python -m benchmarks.relu_ranks                # writes results/relu_ranks/ (two minutes)

Factors are made from the weights and the inputs of 5,000 training images; output errors are told on the validation images,
and the error rate with that one layer replaced. The test images are only reported.
"""

import json
from pathlib import Path

import numpy as np

import refcompress as rc
from refcompress import training
from refcompress.recipes import lenet_300_100

RESULTS = Path(__file__).resolve().parents[1] / "results" / "relu_ranks"
RANKS = {"fc1": (4, 8, 12, 16, 24, 32, 48, 64), "fc2": (2, 4, 6, 8, 12, 16, 24, 32)}
WAYS = {
    "truncated SVD": lambda w, x, b, h, r: rc.lowrank_svd(w, rank=r),
    "whitened by the inputs": lambda w, x, b, h, r: rc.lowrank_whitened(w, h, rank=r),
    "behind the ReLU": lambda w, x, b, h, r: rc.lowrank_relu(w, x, rank=r, bias=b),
}


def measure() -> dict:
    examples, test = training.mnist.load()
    train, validation = training.mnist.split(examples)
    network = lenet_300_100.train_reference(train.inputs(), train.labels)
    result = {"network": {name: 100 * training.error_rate(network, part.inputs(), part.labels)
                          for name, part in (("validation", validation), ("test", test))}, "layers": {}}
    for name, ranks in RANKS.items():
        w, b = network.parameters[f"{name}.weight"], network.parameters[f"{name}.bias"]
        x, held_out = (before(network, name, part) for part in (train.inputs()[:5000], validation.inputs()))
        h = rc.quantize_hessian(x)
        y = np.maximum(held_out.astype(np.float64) @ w.T + b, 0)
        values = rc.lowrank_relu_values(w)
        rows = []
        for rank in ranks:
            for way, make in WAYS.items():
                f = make(w, x, b, h, rank)
                z = np.maximum(rc.lowrank_matmul(f, np.ascontiguousarray(held_out.T)).T.astype(np.float64) + b, 0)
                other = network.copy()
                other.assign({f"{name}.weight": f.dense()})
                rows.append({"rank": rank, "way": way, "output_error": 100 * float(np.sum((z - y) ** 2) / np.sum(y**2)),
                             "validation": 100 * training.error_rate(other, validation.inputs(), validation.labels),
                             "test": 100 * training.error_rate(other, test.inputs(), test.labels)})
                print(name, rows[-1], flush=True)
        result["layers"][name] = {"rows": rows, "values": {key: getattr(values, key).tolist()
                                                           for key in ("lower", "estimate", "attained", "upper")}}
    return result


def before(network, name, x):
    """Return what the layer ``name`` gets as its input."""
    for other, layer in network.layers.items():
        if other == name:
            return np.ascontiguousarray(x)
        x = layer.forward(x)
    raise ValueError(name)


def report(result) -> str:
    lines = ["# Ranks after training, LeNet-300-100 on MNIST", "",
             "`python -m benchmarks.relu_ranks`; one network (seed 0): validation error "
             f"{result['network']['validation']:.2f} %, test error {result['network']['test']:.2f} %. Output error:",
             "||relu(y') - relu(y)||² / ||relu(y)||² in %, on the validation images, which no way saw. Test error: with that one",
             "layer replaced, nothing retrained.", ""]
    for name, layer in result["layers"].items():
        lines += [f"## {name}", "", "| rank | " + " | ".join(f"{way}: output error | test, %" for way in WAYS) + " |",
                  "| ---: |" + " ---: |" * (2 * len(WAYS))]
        at = {(r["rank"], r["way"]): r for r in layer["rows"]}
        for rank in RANKS[name]:
            cells = [f"{at[rank, way]['output_error']:.3g} | {at[rank, way]['test']:.2f}" for way in WAYS]
            lines.append(f"| {rank} | " + " | ".join(cells) + " |")
        better = sum(at[rank, "behind the ReLU"]["output_error"] <= min(at[rank, way]["output_error"] for way in WAYS)
                     for rank in RANKS[name])
        lines += ["", f"Least output error behind the ReLU at {better} of {len(RANKS[name])} ranks.", ""]
    return "\n".join(lines)


def plot(result, path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(14, 8), layout="constrained")
    for row, (name, layer) in zip(axes, result["layers"].items()):
        for key, ax, title in (("output_error", row[0], "output error, % (validation)"), ("test", row[1], "test error, %")):
            for way in WAYS:
                points = [(r["rank"], r[key]) for r in layer["rows"] if r["way"] == way]
                ax.plot(*zip(*points), marker="o", label=way)
            ax.set(title=f"{name}: {title}", xlabel="rank", yscale="log")
            ax.grid(alpha=0.3, which="both")
        row[1].axhline(result["network"]["test"], color="grey", linestyle=":", label="as trained")
        row[1].legend()
        values = layer["values"]
        row[2].fill_between(range(len(values["lower"])), values["lower"], values["upper"], alpha=0.25, label="certified")
        row[2].plot(values["estimate"], label="estimate")
        row[2].set(title=f"{name}: ReLU singular values", xlabel="rank left out from")
        row[2].legend()
    figure.savefig(path, dpi=100, metadata={"Software": None})
    pyplot.close(figure)


def main() -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = measure()
    (RESULTS / "relu_ranks.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "relu_ranks.md").write_text(report(result))
    plot(result, RESULTS / "relu_ranks.png")


if __name__ == "__main__":
    main()
