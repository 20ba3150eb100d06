"""Train big, then compress, on MNIST: widths at one budget of operations, compressed to the same files.

    python -m experiments.train_big                 # writes results/train_big/; goes on where it stopped

Every file of every width has cost the same number of operations, those of 2 epochs of 784-300-100-10: a share of them
to train the network, the others to prune it, retrain it, and tune the values that its weights and biases share.
Operations of pruned weights are counted in two ways: not at all (sparse products leave them out), or like all others
(dense products do not).

Each seed sets other 5,000 of the 60,000 training images aside, as validation images. The share is chosen on these, for
each width and size; the test images are only reported.
"""

import textwrap

import numpy as np

from refcompress import container, training
from refcompress.agreement import exactly
from refcompress.recipes.train_big import Flops, compress_to, flops_an_example, train_for, widths

from . import runner
from .runner import mean_and_half

HIDDEN = ((10, 10), (20, 10), (30, 15), (75, 25), (150, 50), (300, 100))
TARGETS = (4_000, 8_000, 16_000)
SHARES = (0.5, 0.75)  # of the operations: to train
PAID = ("kept", "all")  # which weights' operations a step of the compression pays for
SEEDS, BITS, BATCH, WEIGHT_DECAY = 5, 4, 128, 1e-4
EPOCHS = 2  # of 300-100: the operations of a file, from the first step to the last
EPOCH = 55_000  # examples to train on


def measure(record: runner.Record) -> None:
    rows = record.value
    done = {(tuple(r["hidden"]), r["seed"], r["share"]) for r in rows}
    wanted = [(hidden, seed, share) for seed in range(SEEDS) for hidden in HIDDEN for share in SHARES
              if (hidden, seed, share) not in done]
    if not wanted:
        return
    examples, test = training.mnist.load()
    test = test.inputs(), test.labels
    epoch = flops_an_example(widths(784, (300, 100), 10, np.random.default_rng(0))) * EPOCH  # of 300-100
    space = runner.fastest()
    for n, (hidden, seed, share) in enumerate(wanted, 1):
        (x, y), validation = split(examples, seed)
        rng = np.random.default_rng([seed, *hidden])
        network, ledger = widths(784, hidden, 10, rng), Flops(EPOCHS * epoch)
        steps = train_for(
            network, x, y, flops=share * ledger.budget, ledger=ledger, rng=rng, batch=BATCH, weight_decay=WEIGHT_DECAY
        )
        row = {"hidden": list(hidden), "seed": seed, "share": share, "steps": steps, "epochs": steps * BATCH / EPOCH,
               "format": container.VERSION, **rates(network, validation, test), "files": []}
        for paid in PAID:
            for target in TARGETS:
                if paid == "all" and row["files"][TARGETS.index(target)]["whole"]:  # the same steps, however one counts
                    row["files"].append({**row["files"][TARGETS.index(target)], "paid": paid})
                    continue
                own = Flops(ledger.budget, ledger.spent)
                small = compress_to(network, target, x, y, bits=BITS, flops=own.left, ledger=own, batch=BATCH,
                                    rng=np.random.default_rng([seed, *hidden, target]), weight_decay=WEIGHT_DECAY,
                                    dense=paid == "all", implementation=space)
                exactly(dict(small.layers), container.loads(small.data))
                row["files"].append(
                    {
                        "paid": paid,
                        "target": target,
                        "bytes": len(small.data),
                        "kept": small.kept,
                        "whole": small.whole,
                        "bits": small.bits,
                        "steps": small.steps,
                        "spent": own.spent / own.budget,
                        **rates(small.network, validation, test),
                    }
                )
        rows.append(row)
        record.keep()
        print(
            f"{n} of {len(wanted)}: {hidden}, seed {seed}, share {share}: {row['epochs']:.1f} epochs, validation "
            f"{row['validation']:.2f} %, files " + ", ".join(f"{f['validation']:.2f}" for f in row["files"]),
            flush=True,
        )


def split(examples, seed: int):
    """Return the examples to train on and the 5,000 to choose by, those that the seed draws: pairs of inputs and
    labels."""
    order = np.random.default_rng(seed).permutation(len(examples))
    x = examples.inputs()
    return tuple((x[rows], examples.labels[rows]) for rows in (np.sort(order[:EPOCH]), np.sort(order[EPOCH:])))


def rates(network, validation, test) -> dict:
    return {
        name: 100 * training.error_rate(network, *part) for name, part in (("validation", validation), ("test", test))
    }


def files_of(rows, hidden, share, paid, target) -> list[dict]:
    """Return the files of a width and size, one a seed, in the order of the seeds."""
    mine = sorted((r for r in rows if tuple(r["hidden"]) == hidden and r["share"] == share), key=lambda r: r["seed"])
    return [f for r in mine for f in r["files"] if f["paid"] == paid and f["target"] == target]


def cell(rows, hidden, paid, target) -> dict:
    """Return what a width comes to at a size, with the share that is best on the validation images, on the mean of
    the seeds."""
    def validation(share):
        return float(np.mean([f["validation"] for f in files_of(rows, hidden, share, paid, target)]))

    share = min(SHARES, key=validation)
    files = files_of(rows, hidden, share, paid, target)
    return {
        "hidden": hidden,
        "share": share,
        "validation": validation(share),
        "test": [f["test"] for f in files],
        "kept": float(np.mean([f["kept"] for f in files])) / weights(hidden),
        "bits": sorted({f["bits"] for f in files}),
        "bytes": float(np.mean([f["bytes"] for f in files])),
    }


def weights(hidden) -> int:
    sizes = (784, *hidden, 10)
    return sum(a * b for a, b in zip(sizes, sizes[1:]))


def told(hidden) -> str:
    return "-".join(map(str, hidden))


def table(rows, paid) -> list[str]:
    lines = ["| hidden | weights | " + " | ".join(f"{t:,} B: test, % | weights kept" for t in TARGETS) + " |",
             "| --- | ---: |" + " ---: |" * (2 * len(TARGETS))]
    for hidden in HIDDEN:
        texts = []
        for target in TARGETS:
            best = min((cell(rows, h, paid, target) for h in HIDDEN), key=lambda c: c["validation"])
            c = cell(rows, hidden, paid, target)
            mark = "**" if hidden == best["hidden"] else ""
            mean, half = mean_and_half(c["test"])
            bits = (
                ""
                if c["bits"] == [BITS]
                else f", {'-'.join(str(b) for b in sorted({c['bits'][0], c['bits'][-1]}))} bits"
            )
            texts.append(f"{mark}{mean:.2f} ± {half:.2f}{mark} | {100 * c['kept']:.3g} %{bits}")
        lines.append(f"| {told(hidden)} | {weights(hidden):,} | " + " | ".join(texts) + " |")
    return [*lines, ""]


def verdict(rows, paid, target) -> str:
    """Return in a sentence or two which width is best at a size, against the best of those that keep half of their
    weights."""
    cells = [cell(rows, h, paid, target) for h in HIDDEN]
    best = min(cells, key=lambda c: c["validation"])
    light = min((c for c in cells if c["kept"] >= 0.5), key=lambda c: c["validation"])
    at = cells.index(best)
    text = (
        f"- {target:,} B: {told(best['hidden'])} is best (chosen on validation; "
        f"it keeps {100 * best['kept']:.3g} % of its weights)."
    )
    if light is best:
        return f"{text} It is lightly compressed itself, so the paper's order is not seen."
    mean, half = mean_and_half(np.subtract(light["test"], best["test"]))
    text += (
        f" The best of those that keep at least half of their weights, {told(light['hidden'])}, errs by "
        f"{mean:.2f} ± {half:.2f} "
        "points more"
    )
    if mean <= half:
        return f"{text}, which the seeds do not tell from none."
    text += ": the paper's order is seen"
    if all(a["validation"] >= b["validation"] for a, b in zip(cells[:at], cells[1 : at + 1])):
        text += ", and up to the best each width is better than the one before it"
    if at + 1 < len(cells):
        mean, half = mean_and_half(np.subtract(cells[-1]["test"], best["test"]))
        text += f". Beyond it the order turns round: {told(HIDDEN[-1])} errs by {mean:.2f} ± {half:.2f} "
        text += "points more than the best"
    return f"{text}."


def report(rows) -> str:
    spent = [f["spent"] for r in rows for f in r["files"]]
    paragraphs = (
        f"`python -m experiments.train_big`; {len({r['seed'] for r in rows})} seeds, mean ± half the 95 % interval "
        "(t). Each seed draws its own weights, its own order of the examples, and which 5,000 of the 60,000 training "
        "images are set aside for validation.",
        f"**What is equal.** Each file has cost the operations of {EPOCHS} epochs of 784-300-100-10, from the first "
        f"step to the last ({100 * min(spent):.1f} to {100 * max(spent):.1f} % of them were spent): half or three "
        "quarters of them to train, the others to prune, retrain, and tune the shared values. Which of the two shares "
        "is told follows from the validation images, for each width and size. Adam, an L2 penalty of "
        f"{WEIGHT_DECAY:g}, batches of {BATCH}. Operations are those of the products: 2 a weight and example forward, "
        "2 for the gradient of the weights, 2 for that of the inputs but in the first layer.",
        f"**What is small.** Weights and biases are shared ({BITS} bits a weight; a network that fits with all of its "
        "weights takes as many more, up to 8, as fit; 3 bits a bias), and coded. Bytes are those of the whole file, of "
        f"version {', '.join(map(str, sorted({r['format'] for r in rows})))} of the format. Bold: the best on the "
        "validation images.",
    )
    lines = ["# Train big, then compress: test error in %, MNIST", ""]
    for text in paragraphs:
        lines += [*textwrap.wrap(text, 125), ""]
    lines += [
        "## Uncompressed",
        "",
        "| hidden | " + " | ".join(f"{s:g} of the operations: epochs | test, %" for s in SHARES) + " |",
        "| --- |" + " ---: |" * (2 * len(SHARES)),
    ]
    for hidden in HIDDEN:
        texts = []
        for share in SHARES:
            mine = [r for r in rows if tuple(r["hidden"]) == hidden and r["share"] == share]
            mean, half = mean_and_half([r["test"] for r in mine])
            texts.append(f"{mine[0]['epochs']:.1f} | {mean:.2f} ± {half:.2f}")
        lines.append(f"| {told(hidden)} | " + " | ".join(texts) + " |")
    for paid, title in zip(PAID, ("Pruned weights cost nothing", "Pruned weights cost what others do")):
        lines += ["", f"## {title}", "", *table(rows, paid)]
        for target in TARGETS:
            lines += textwrap.wrap(verdict(rows, paid, target), 125, subsequent_indent="  ")
    lines += ["", "## What this shows", "", *conclusions(rows)]
    return "\n".join([*lines, ""])


def conclusions(rows) -> list[str]:
    best = {paid: [min(HIDDEN, key=lambda h: cell(rows, h, paid, t)["validation"]) for t in TARGETS] for paid in PAID}
    kept, every = best["kept"], best["all"]
    text = (
        f"Best at {', '.join(f'{t:,}' for t in TARGETS)} B: {', '.join(map(told, kept))} where pruned weights cost "
        "nothing; "
        f"{', '.join(map(told, every))} where they cost what others do."
    )
    if all(ways == sorted(ways) and ways[0] < ways[-1] for ways in best.values()):
        text += " The more bytes a file may have, the wider the network that it should come from."
    if all(a >= b for a, b in zip(kept, every)) and kept != every:
        text += " Where pruned weights cost nothing, it is as wide or wider."
    if all(ways[-1] < HIDDEN[-1] for ways in best.values()):
        text += (" The widest networks, which the budget gives the fewest steps, are never best.")
    return textwrap.wrap(f"{text} All of this is of one budget, one kind of network and one set of images.", 125)


def plot(rows, path) -> None:
    with runner.picture(path, 1, 2, size=(12, 5.5), sharey=True) as (figure, axes):
        figure.suptitle("one budget of operations, files of one size")
        for ax, paid, title in zip(axes, PAID, ("pruned weights cost nothing", "pruned weights cost what others do")):
            for i, target in enumerate(TARGETS):
                draw(ax, [cell(rows, hidden, paid, target) for hidden in HIDDEN], f"C{i}", f"{target:,} B")
            ax.set(xscale="log", yscale="log", xlabel="hidden units (at their count of weights)", title=title)
            ax.set_xticks([weights(hidden) for hidden in HIDDEN], [told(hidden) for hidden in HIDDEN], rotation=30)
            ticks = [2, 3, 4, 6, 10, 20, 40, 80]
            ax.set_yticks(ticks, [str(t) for t in ticks])
            ax.minorticks_off()
            ax.grid(alpha=0.3)
        axes[0].set_ylabel("test error, %")
        axes[0].legend(title="filled: at least half\nof the weights kept")


def draw(ax, cells, color: str, label: str) -> None:
    """Draw the error of each width, with its interval; filled where at least half of the weights were kept."""
    x, (y, half) = [weights(c["hidden"]) for c in cells], zip(*(mean_and_half(c["test"]) for c in cells))
    ax.errorbar(x, y, half, capsize=3, color=color, label=label)
    for light, fill in ((True, color), (False, "white")):
        points = [(a, b) for a, b, c in zip(x, y, cells) if (c["kept"] >= 0.5) == light]
        ax.plot(*zip(*points), "o", color=color, markerfacecolor=fill)


def main(argv=None) -> None:
    runner.run("train_big", __doc__, list, measure, report, plot, argv)


if __name__ == "__main__":
    main()
