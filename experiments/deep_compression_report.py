"""The table and the pictures of deep_compression.py, from its rows and its files."""

import numpy as np

from refcompress import container
from refcompress.ledger import layers_and_ledger
from refcompress.recipes import style

from . import runner

TITLES = {"lenet_300_100": "LeNet-300-100", "lenet_5": "LeNet-5"}
RAW = {"lenet_300_100": 1_066_440, "lenet_5": 1_724_320}
# (method, error in %, bytes, kind): B are bytes of a coded file or message, F a formula's, S counts of weights alone
# (drawn at 4 bytes each would be no file: they are not drawn). As in the papers, or raw / ratio where a paper gives the
# ratio.
LITERATURE = {
    "lenet_300_100": [("Deep Compression", 1.58, 27_000, "F"), ("soft weight sharing", 1.94, 1_066_440 / 64, "F"),
                      ("DeepCABAC", 1.9, 0.0182 * 1_066_440, "B"), ("EPR (Oktay 2020)", 1.9, 8_560, "B")],
    "lenet_5": [("Deep Compression", 0.74, 44_000, "F"), ("soft weight sharing", 0.97, 1_724_320 / 162, "F"),
                ("Weightless", 1.0, 4_520, "B"), ("EPR (Oktay 2020)", 0.9, 2_840, "B"), ("MIRACLE", 0.69, 3_030, "B"),
                ("MIRACLE", 0.96, 1_520, "B"), ("Bayesian GHS", 1.0, 1_724_320 / 771, "F")],
}
GOALS = {  # (bytes, test error in %, whose)
    "lenet_300_100": [
        (27_000, 1.64, "parity with Deep Compression"),
        (RAW["lenet_300_100"] // 64, 1.94, "soft weight sharing's 64x"),
        (8_560, 1.9, "the record in bytes (EPR)"),
    ],
    "lenet_5": [
        (44_000, 0.80, "parity with Deep Compression"),
        (RAW["lenet_5"] // 162, 0.97, "soft weight sharing's 162x"),
        (2_840, 0.9, "EPR"),
        (1_520, 0.96, "MIRACLE"),
    ],
}


def table(results: dict) -> str:
    lines = [
        "# Deep Compression as files, and past the paper",
        "",
        "`make reproduce`; one run of each network (seed 0). Bytes: the whole file, header, names, codebooks, "
        "biases, checksum",
        "and all, written, read back and compared bit for bit. Times smaller: than all parameters as float32. "
        "Settings were",
        "chosen on the validation images (the last 5,000 of the training set); the test images are only reported.",
        "",
    ]
    for name, result in results.items():
        lines += [
            f"## {TITLES[name]}",
            "",
            "| rung | step | weights | bytes | times smaller | saved by the step | validation, % | test, % |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        before = None
        for r in result["rows"]:
            saved = "" if before is None or r["step"].startswith("pruned") else f"{1 - r['bytes'] / before:.1%}"
            text = f"**{r['bytes']:,}**" if "file" in r else f"{r['bytes']:,}"
            lines.append(
                f"| {r.get('rung', '')} | {r['step']} | {r['weights']:,} | {text} | {RAW[name] / r['bytes']:.1f} | "
                f"{saved} | "
                f"{r['validation']:.2f} | {r['test']:.2f} |"
            )
            before = r["bytes"]
        files = [r for r in result["rows"] if "file" in r]
        lines += ["", "| goal | bytes | test, % | our smallest file that is at most so wrong | bytes | test, % | |",
                  "| --- | ---: | ---: | --- | ---: | ---: | --- |"]
        for size, error, whose in GOALS[name]:
            good = [r for r in files if r["test"] <= error]
            best = min(good, key=lambda r: r["bytes"]) if good else None
            mine = f"`{best['file']}` | {best['bytes']:,} | {best['test']:.2f}" if best else "none | |"
            lines.append(
                f"| {whose} | {size:,} | {error} | {mine} | "
                f"{'met' if best and best['bytes'] <= size else '**not met**'} |"
            )
        lines += ["", "Weights kept by layer, of the smallest file: "
                  + ", ".join(f"{key} {count:,}" for key, count in files[-1]["layers"].items()) + ".", ""]
    return "\n".join(lines)


def pictures(results: dict, folder) -> None:
    for name, draw, height in (
        ("error_and_bytes", draw_errors, 5),
        ("where_bytes_go", draw_bytes, 4),
        ("weights", draw_weights, 4),
    ):
        with runner.picture(folder / f"{name}.png", 1, 2, size=(13, height)) as (_, axes):
            for ax, (network, result) in zip(axes, results.items()):
                draw(ax, network, result["rows"], folder)


def draw_errors(ax, network: str, rows, folder) -> None:
    """Draw test error against bytes, beside what was published."""
    for kind, marker, text in (
        ("B", "s", "published: bytes of a file or message"),
        ("F", "^", "published: by a formula"),
    ):
        points = [p for p in LITERATURE[network] if p[3] == kind]
        ax.plot(
            [p[2] for p in points], [p[1] for p in points], marker, color="grey" if kind == "F" else "C1", label=text
        )
        for method, error, size, _ in points:
            ax.annotate(method, (size, error), textcoords="offset points", xytext=(0, 6 if kind == "F" else -13),
                        fontsize=8, ha="center")
    files = [r for r in rows if "file" in r]
    ax.plot([r["bytes"] for r in files], [r["test"] for r in files], "o-", color="C0", label="ours: bytes of the file")
    for r in files:
        ax.annotate(
            f"{r['bytes']:,} B",
            (r["bytes"], r["test"]),
            textcoords="offset points",
            xytext=(7, 3),
            ha="left",
            fontsize=8,
            color="C0",
        )
    ax.axhline(rows[0]["test"], color="C0", linestyle=":", label="ours, dense")
    ax.set(xscale="log", xlabel="bytes", ylabel="test error, %", title=TITLES[network])
    style.plain_ticks(ax.xaxis)
    ax.margins(x=0.25, y=0.12)  # room for the labels of the outermost points
    below(ax)


def draw_bytes(ax, network: str, rows, folder) -> None:
    """Draw what each file spends on the weights of each layer, on biases, and on what describes them."""
    files = [r for r in rows if "file" in r]
    names = [f"{r['file']}\n{r['test']:.2f} % errors" for r in files]
    left, spent = np.zeros(len(files)), [parts(folder / r["file"]) for r in files]
    for part in spent[0]:
        sizes = np.array([each[part] for each in spent])
        ax.barh(names, sizes, left=left, label=part, height=0.6)
        left += sizes
    for name, size in zip(names, left):
        ax.text(size, name, f" {size:,.0f}", va="center", fontsize=8)
    ax.set(xlabel="bytes", title=f"{TITLES[network]}: where the bytes go")
    ax.margins(x=0.12)
    ax.grid(False, axis="y")
    below(ax)


def parts(path) -> dict[str, float]:
    """Return the bytes of a file by what they are for; they add up to the file."""
    items = layers_and_ledger(path.read_bytes(), implementation=runner.fastest())[1].items
    entries = list(dict.fromkeys(item.entry for item in items if item.entry.endswith("weight")))
    spent = dict.fromkeys([*(f"weights of {name.removesuffix('.weight')}" for name in entries), "biases", "codebooks",
                           "names, shapes, checksums"], 0.0)
    for item in items:
        if item.kind in ("codebooks", "scales"):
            spent["codebooks"] += item.bytes
        elif item.kind not in ("values", "indices", "fillers", "contexts", "arrays", "code tables"):
            spent["names, shapes, checksums"] += item.bytes
        elif item.entry.endswith("weight"):
            spent[f"weights of {item.entry.removesuffix('.weight')}"] += item.bytes
        else:
            spent["biases"] += item.bytes
    return spent


def below(ax) -> None:
    """Put the legend below the picture, where it hides no data."""
    ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)


def draw_weights(ax, network: str, rows, folder) -> None:
    """Draw the weights of the first file before and after they were shared."""
    row, key = next(r for r in rows if "file" in r), "fc1.weight"
    values = container.load(folder / row["file"], implementation=runner.fastest())[key].dense()
    values = values[values != 0]
    before = row["before sharing"]
    ax.stairs(
        before["counts"],
        np.linspace(before["from"], before["to"], len(before["counts"]) + 1),
        fill=True,
        color="C0",
        alpha=0.5,
        label="pruned, before sharing: a bin",
    )
    book, counts = np.unique(values, return_counts=True)
    ax.vlines(book, 0, counts, color="C1", linewidth=3, label="after sharing: values and how often")
    ax.set(title=f"{TITLES[network]}, {key}: {len(values):,} weights", xlabel="weight", ylabel="count")
    below(ax)
