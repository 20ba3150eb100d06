"""Train big, then compress, on MNIST: widths at one budget of operations, compressed to the same files.

    python -m benchmarks.train_big                 # writes results/train_big/; goes on where it stopped

Every network gets the operations of 6 epochs of 784-300-100-10, and each file those of 3 more, in which it is pruned
and shared. Settings were chosen on the validation images (the last 5,000 of the training set), the test images
are only reported.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np

from refcompress import container, training
from refcompress.agreement import exactly
from refcompress.recipes.train_big import Flops, compress_to, flops_an_example, train_for, widths

RESULTS = Path(__file__).resolve().parents[1] / "results" / "train_big"
HIDDEN = ((75, 25), (150, 50), (300, 100), (600, 200), (1200, 400))
TARGETS = (4_000, 8_000, 16_000)
SEEDS, BITS, BATCH = 5, 4, 128
EPOCHS, MORE = 6, 3  # of 300-100: to train, and for each file
T_95 = 2.776  # Student's t, two-sided 95 %, 4 degrees of freedom
EPOCH = 55_000


def implementation():
    try:
        from refcompress import native
        return native
    except ImportError:
        from refcompress import reference
        return reference


def run(rows: list, keep) -> None:
    done = {(tuple(r["hidden"]), r["seed"]) for r in rows}
    wanted = [(hidden, seed) for seed in range(SEEDS) for hidden in HIDDEN if (hidden, seed) not in done]
    if not wanted:
        return
    examples, test = training.mnist.load()
    train, validation = training.mnist.split(examples)
    x, y = train.inputs(), train.labels
    epoch = flops_an_example(widths(784, (300, 100), 10, np.random.default_rng(0))) * EPOCH  # of 300-100
    space = implementation()
    for n, (hidden, seed) in enumerate(wanted, 1):
        rng = np.random.default_rng(seed)
        network = widths(784, hidden, 10, rng)
        ledger = Flops(EPOCHS * epoch)
        steps = train_for(network, x, y, flops=EPOCHS * epoch, ledger=ledger, rng=rng, batch=BATCH)
        row = {"hidden": list(hidden), "seed": seed, "weights": sum(p.size for p in network.parameters.values() if p.ndim == 2),
               "steps": steps, "epochs": steps * BATCH / EPOCH, "flops": ledger.spent, **rates("", network, validation, test),
               "files": []}
        for target in TARGETS:
            try:
                small = compress_to(network, target, x, y, bits=BITS, flops=MORE * epoch, ledger=Flops(2 * MORE * epoch), rng=rng,
                                    implementation=space)
            except ValueError as error:
                row["files"].append({"target": target, "refused": str(error)})
                continue
            exactly(dict(small.layers), container.loads(small.data))
            row["files"].append({"target": target, "bytes": len(small.data), "kept": small.kept,
                                 **rates("", small.network, validation, test)})
        rows.append(row)
        keep(rows)
        print(f"{n} of {len(wanted)}: {hidden}, seed {seed}: {row['epochs']:.1f} epochs, test {row['test']:.2f} %, files "
              + ", ".join(f"{f.get('test', float('nan')):.2f}" for f in row["files"]), flush=True)


def rates(prefix, network, validation, test) -> dict:
    return {f"{prefix}{name}": 100 * training.error_rate(network, part.inputs(), part.labels)
            for name, part in (("validation", validation), ("test", test))}


def mean_and_half(values) -> tuple[float, float]:
    return float(np.mean(values)), T_95 * float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def cells(rows, hidden, target=None):
    """Return the test errors of a width over the seeds: of the dense network, or of its files for a target."""
    mine = [r for r in rows if tuple(r["hidden"]) == hidden]
    if target is None:
        return [r["test"] for r in mine]
    return [f["test"] for r in mine for f in r["files"] if f["target"] == target and "test" in f]


def report(rows) -> str:
    lines = ["# Train big, then compress: test error in %, MNIST", "",
             f"`python -m benchmarks.train_big`; {SEEDS} seeds, mean ± half the 95 % interval (t). All widths get the same",
             f"operations: those of {EPOCHS} epochs of 300-100; each file those of {MORE} more, while it is pruned, shared",
             f"in {BITS} bits, coded; at most so many bytes, all included.", "",
             "| hidden | weights | epochs | uncompressed | " + " | ".join(f"{t:,} B" for t in TARGETS) + " |",
             "| --- | ---: | ---: | ---: |" + " ---: |" * len(TARGETS)]
    best = {t: min((np.mean(cells(rows, h, t)) for h in HIDDEN if cells(rows, h, t)), default=None) for t in TARGETS}
    for hidden in HIDDEN:
        mine = [r for r in rows if tuple(r["hidden"]) == hidden]
        texts = []
        for target in TARGETS:
            values = cells(rows, hidden, target)
            if len(values) < len(mine):
                texts.append("does not fit")
                continue
            mean, half = mean_and_half(values)
            texts.append(f"{'**' if mean == best[target] else ''}{mean:.2f} ± {half:.2f}{'**' if mean == best[target] else ''}")
        mean, half = mean_and_half(cells(rows, hidden))
        lines.append(f"| {'-'.join(map(str, hidden))} | {mine[0]['weights']:,} | {mine[0]['epochs']:.1f} | {mean:.2f} ± {half:.2f} | "
                     + " | ".join(texts) + " |")
    dense = {h: float(np.mean(cells(rows, h))) for h in HIDDEN}
    first = {t: min((h for h in HIDDEN if cells(rows, h, t)), key=lambda h: np.mean(cells(rows, h, t))) for t in TARGETS}
    lines += ["", "What this shows: uncompressed, the budget suits " + "-".join(map(str, min(dense, key=dense.get))) + " best; compressed to "
              + ", ".join(f"{t:,} B {'-'.join(map(str, h))}" for t, h in first.items()) + ". A wider network has fewer steps in which to be",
              "pruned, and more to lose in each. So at this scale, with pruning paid for out of the same kind of budget, small files",
              "come from narrow networks: the paper's order (the widest network, compressed most, is best) is not what is seen here."]
    return "\n".join([*lines, ""])


def plot(rows, path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, ax = pyplot.subplots(figsize=(7, 5), layout="constrained")
    for i, hidden in enumerate(HIDDEN):
        points = [(t, *mean_and_half(cells(rows, hidden, t))) for t in TARGETS if len(cells(rows, hidden, t)) == SEEDS]
        if points:
            x, y, half = zip(*points)
            ax.errorbar(x, y, half, marker="o", capsize=3, color=f"C{i}", label="-".join(map(str, hidden)))
    ax.set(xscale="log", yscale="log", xlabel="bytes of the file", ylabel="test error, %",
           title="one budget of operations, one size of file: width by colour")
    ax.set_yticks([1.5, 2, 3, 4, 6, 10], ["1.5", "2", "3", "4", "6", "10"])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend(title="hidden units")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_big", description=__doc__.splitlines()[0])
    parser.add_argument("--report", action="store_true", help="write table and plot from the JSON that is there")
    options = parser.parse_args(argv)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "train_big.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    if not options.report:
        run(rows, lambda rows: path.write_text(json.dumps(rows, indent=1) + "\n"))
    (RESULTS / "train_big.md").write_text(report(rows))
    plot(rows, RESULTS / "train_big.png")


if __name__ == "__main__":
    main()
