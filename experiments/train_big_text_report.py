"""The tables and the picture of the experiment train_big_text, and what they show."""

import textwrap
from pathlib import Path

import numpy as np

from . import runner
from .characters import LENGTH
from .runner import mean_and_half

BATCH, SHARE = 8, 0.7  # windows of a step; of the operations: to train
Size = tuple[int, int]


def report(rows: list[dict]) -> str:
    rows = whole(rows)
    sizes, first = sizes_of(rows), rows[0]
    seeds, spent = sorted({row["seed"] for row in rows}), [f["spent"] for row in rows for f in row["files"]]
    budget = first["steps"] * BATCH * first["flops"] / SHARE
    paragraphs = (
        f"`make train-big-text`; seeds {', '.join(map(str, seeds))}, mean ± half the 95 % interval (t). Losses are "
        "bits a character, of a part of the text that nothing was chosen by, nor trained on but for a few paragraphs "
        "(characters.py). The text: "
        f"{first['text']}; {first['characters']} different characters, windows of {LENGTH}. Networks are decoders "
        "(experiments/characters.py): width x blocks.",
        "**What the paper says** (Li et al. 2020, arXiv 2002.11794, abstract). Wider and deeper transformers converge "
        "in fewer steps, by more than a step costs more; so the best use of a training budget is a very large network, "
        "stopped early. Large networks lose less by quantization and by pruning. So at equal bytes a large network "
        "that is compressed heavily is better than a small one that is compressed lightly.",
        f"**What is equal.** Each file has cost {budget:.2g} operations of products, from the first step to the last "
        f"({100 * min(spent):.1f} to {100 * max(spent):.1f} % of them were spent): seven tenths to train, three to "
        "prune, retrain, and tune the shared values. A pruned weight costs what the others do. Adam, batches of "
        f"{BATCH} windows, a learning rate of 0.512 over the width, 0.008 at most; nothing else is set for each "
        "network. A file holds the graph too, and its loss is that of the network that is read from it.")
    lines = ["# Train big, then compress: transformers on text", ""]
    for text in paragraphs:
        lines += [*textwrap.wrap(text, 125), ""]
    head = " | ".join(f"at {share:.0%}" for share in shares(rows))
    lines += ["## Uncompressed, after equal operations", "",
              f"| network | weights | steps | characters seen | {head} | test |",
              "| --- |" + " ---: |" * (4 + len(shares(rows)))]
    for size in sizes:
        mine = of(rows, size)
        curve = [np.mean([row["curve"][i][1] for row in mine]) for i in marks(rows)]
        lines.append(f"| {told(size)} | {mine[0]['weights']:,} | {mine[0]['steps']:,} | "
                     f"{mine[0]['steps'] * BATCH * LENGTH:,} | " + " | ".join(f"{y:.3f}" for y in curve)
                     + f" | {cell([row['test'] for row in mine])} |")
    said = ("At so many of the training operations, on a part of the validation text, along the one cosine of the "
            "rate: a network that was to stop there would have reached less.")
    lines += ["", *textwrap.wrap(said, 125), "",
              "## Rounded or pruned at once, without training since: bits a character more", "",
              "| network | " + " | ".join(first["at once"]) + " |", "| --- |" + " ---: |" * len(first["at once"])]
    for size in sizes:
        mine = of(rows, size)
        lines.append(f"| {told(size)} | " + " | ".join(
            cell([row["at once"][how] - row["validation"] for row in mine]) for how in first["at once"]) + " |")
    said = ("All values of a tensor share so many bits, or the smallest weights of the whole network go and the "
            "others have 8. A network that had few steps has learnt less, and so has less to lose: this is not an "
            "order of sizes alone.")
    lines += ["", *textwrap.wrap(said, 125), "", "## Files", "", *files(rows), "", "## What this shows", ""]
    for text in verdicts(rows):
        lines += textwrap.wrap(f"- {text}", 125, subsequent_indent="  ")
    return "\n".join([*lines, ""])


def files(rows: list[dict]) -> list[str]:
    """Return the table of files: those of most of the bytes last; bold is the best by the validation."""
    lines = ["| network | " + " | ".join(f"{t:,} B: test | weights kept" for t in targets(rows)) + " |",
             "| --- |" + " ---: |" * (2 * len(targets(rows)))]
    best = {target: min(sizes_of(rows), key=lambda size: validation(rows, size, target)) for target in targets(rows)}
    for size in sizes_of(rows):
        texts = []
        for target in targets(rows):
            found, mark = small(rows, size, target), "**" * (best[target] == size)
            bits = sorted({f["bits"] for f in found})
            texts.append(f"{mark}{cell([f['test'] for f in found])}{mark} | {100 * kept(rows, size, target):.3g} %, "
                         f"{'-'.join(map(str, bits))} bits")
        lines.append(f"| {told(size)} | " + " | ".join(texts) + " |")
    return lines


def verdicts(rows: list[dict]) -> list[str]:
    """Return what is seen of each of the paper's claims, from the figures alone."""
    sizes = sizes_of(rows)
    losses = [np.mean([row["validation"] for row in of(rows, size)]) for size in sizes]
    quick = int(np.argmin(losses))
    text = (f"After equal operations {told(sizes[quick])} is best (by the validation), of networks from "
            f"{told(sizes[0])} to {told(sizes[-1])}")
    rising = losses[: quick + 1] == sorted(losses[: quick + 1], reverse=True)
    if quick == 0:
        found = [f"{text}: the smallest. The paper's order is not seen."]
    else:
        found = [text + (": each up to there is better than the one before it, as the paper says" if rising else "")
                 + (", and beyond it the budget pays for too few steps." if quick + 1 < len(sizes) else ".")]
    second = int(np.argsort(losses)[1])
    gap, half = mean_and_half([a["validation"] - b["validation"] for a, b in
                               zip(of(rows, sizes[second]), of(rows, sizes[quick]))])
    if gap <= half:
        found[0] += f" {told(sizes[second])} is next, and the seeds do not tell the two apart."
    for how in rows[0]["at once"]:
        costs = [mean_and_half([row["at once"][how] - row["validation"] for row in of(rows, size)]) for size in sizes]
        more = [mean for mean, _ in costs]
        least, most = int(np.argmin(more)), int(np.argmax(more))
        order = "the larger a network, the less it loses" if more == sorted(more, reverse=True) else \
            "the larger a network, the more it loses" if more == sorted(more) else \
            f"{told(sizes[least])} loses least and {told(sizes[most])} most"
        apart = more[most] - more[least] > costs[least][1] + costs[most][1]
        found.append(f"At once, {how}: {order} ({more[least]:.3f} to {more[most]:.3f} bits a character)"
                     + ("." if apart else ", which the seeds do not tell apart."))
    for target in targets(rows):
        best = min(sizes, key=lambda size: validation(rows, size, target))
        text = (f"{target:,} B: {told(best)} is best (by the validation); it keeps "
                f"{100 * kept(rows, best, target):.3g} % of its weights.")
        light = [size for size in sizes if kept(rows, size, target) >= 0.5]
        if best in light:
            found.append(f"{text} That is light compression: the paper's order is not seen at this size.")
            continue
        rival = min(light, key=lambda size: validation(rows, size, target))
        mean, half = mean_and_half([a["test"] - b["test"] for a, b in
                                    zip(small(rows, rival, target), small(rows, best, target))])
        seen = ": the paper's order is seen." if mean > half else ", which the seeds do not tell from none."
        found.append(f"{text} {told(rival)}, the best of those that keep half of theirs or more, loses "
                     f"{mean:.3f} ± {half:.3f} bits a character more{seen}")
    return [*found, "All of this is of one small budget, one text, and networks far smaller than the paper's."]


def whole(rows: list[dict]) -> list[dict]:
    """Return the rows of the seeds for which all sizes are there, in the order of sizes and seeds."""
    sizes = {(row["width"], row["depth"]) for row in rows}
    seeds = {row["seed"] for row in rows}
    done = [seed for seed in seeds if {(r["width"], r["depth"]) for r in rows if r["seed"] == seed} == sizes]
    return sorted((row for row in rows if row["seed"] in done), key=lambda row: (row["weights"], row["seed"]))


def sizes_of(rows: list[dict]) -> list[Size]:
    return list(dict.fromkeys((row["width"], row["depth"]) for row in rows))


def of(rows: list[dict], size: Size) -> list[dict]:
    return [row for row in rows if (row["width"], row["depth"]) == size]


def targets(rows: list[dict]) -> list[int]:
    return [f["target"] for f in rows[0]["files"]]


def small(rows: list[dict], size: Size, target: int) -> list[dict]:
    """Return the files of a network at a size, one a seed."""
    return [f for row in of(rows, size) for f in row["files"] if f["target"] == target]


def validation(rows: list[dict], size: Size, target: int) -> float:
    return float(np.mean([f["validation"] for f in small(rows, size, target)]))


def kept(rows: list[dict], size: Size, target: int) -> float:
    return float(np.mean([f["kept"] for f in small(rows, size, target)])) / of(rows, size)[0]["weights"]


def marks(rows: list[dict]) -> list[int]:
    """Return which points of the curves the table has."""
    last = len(rows[0]["curve"]) - 1
    return [last // 4, last // 2, last]


def shares(rows: list[dict]) -> list[float]:
    return [(i + 1) / len(rows[0]["curve"]) for i in marks(rows)]


def told(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def cell(values: list[float]) -> str:
    mean, half = mean_and_half(values)
    return f"{mean:.3f} ± {half:.3f}"


def plot(rows: list[dict], path: Path) -> None:
    rows = whole(rows)
    with runner.picture(path, 1, 2, size=(12, 5.5)) as (figure, axes):
        figure.suptitle("transformers on text: equal operations, then equal bytes")
        for i, size in enumerate(sizes_of(rows)):
            mine = of(rows, size)
            x = np.mean([[point[0] for point in row["curve"]] for row in mine], axis=0)
            y = np.mean([[point[1] for point in row["curve"]] for row in mine], axis=0)
            axes[0].plot(x, y, ".-", color=f"C{i}", label=f"{told(size)}, {mine[0]['weights']:,} weights")
            nbytes = [np.mean([f["bytes"] for f in small(rows, size, t)]) for t in targets(rows)]
            loss, half = zip(*(mean_and_half([f["test"] for f in small(rows, size, t)]) for t in targets(rows)))
            axes[1].errorbar(nbytes, loss, half, capsize=3, color=f"C{i}", label=told(size))
            for light, fill in ((True, f"C{i}"), (False, "white")):
                points = [(a, b) for a, b, t in zip(nbytes, loss, targets(rows))
                          if (kept(rows, size, t) >= 0.5) == light]
                if points:
                    axes[1].plot(*zip(*points), "o", color=f"C{i}", markerfacecolor=fill)
        axes[0].set(xlabel="operations of training", ylabel="bits a character, validation", title="uncompressed")
        axes[1].set(xlabel="bytes of the file", ylabel="bits a character, test", xscale="log",
                    title="files; filled: at least half of the weights kept")
        axes[1].set_xticks(targets(rows), [f"{t:,}" for t in targets(rows)])
        axes[1].minorticks_off()
        for ax in axes:
            ax.grid(alpha=0.3)
            ax.legend()
