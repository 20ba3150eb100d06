"""The pictures of a run: the roofline, where sparse breaks even, entropy coders' speed against their bits."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

from .cases import BATCHES, DENSITIES  # noqa: E402

MARKS = "osv^D<>pP*XhH"


def _save(figure, path) -> None:
    for ax in figure.axes:  # plain numbers in place of powers of ten
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_scale() == "log":
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def _widest(rows, op, case):
    """Return the row of our widest kernel on a case."""
    return next(
        (
            r
            for r in reversed(rows)
            if (r["op"], r["case"]) == (op, case)
            and r["kind"] == "ours"
            and r["seconds"]
            and r["implementation"] != "reference"
        ),
        None,
    )


def pictures(results: dict, folder: Path) -> None:
    rows = [row for row in results["rows"] if row["seconds"] and not row["refused"]]
    if any(row["operations"] for row in rows):
        _roofline(rows, results, folder / "roofline.png")
    if any(row["case"].startswith("4096 wide, density") for row in rows):
        _break_even(rows, results, folder / "break_even.png")
    if any(row["op"] == "huffman_encode" for row in rows):
        _coders(rows, results, folder / "entropy_coders.png")


def _roofline(rows, results, path) -> None:
    rates, bandwidth = results["limits"]["rates"], results["limits"]["bandwidth"]
    figure, ax = pyplot.subplots(figsize=(11, 7), layout="constrained")
    x = np.geomspace(0.1, 3000, 200)
    top = max(rates.values())
    for level, width, at in (("L2", 0.8, 0.13), ("L3", 0.8, 0.13), ("DRAM", 1.5, 0.13)):
        ax.plot(x, np.minimum(x * bandwidth[level], top) / 1e9, color="grey", linewidth=width)
        ax.text(
            at,
            at * bandwidth[level] / 1e9,
            f" read {level}, {bandwidth[level] / 1e9:.0f} GB/s",
            fontsize=8,
            va="bottom",
            color="grey",
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
    for kind, color in (("f32 avx512", "C0"), ("f32 avx2", "C0"), ("s8 avx512", "C3"), ("s16 avx2", "C3")):
        if kind in rates:
            ax.axhline(rates[kind] / 1e9, color=color, linestyle="--", linewidth=0.8)
            ax.text(
                3000,
                rates[kind] / 1e9,
                kind,
                ha="right",
                va="bottom" if "512" in kind else "top",
                fontsize=8,
                color=color,
            )
    ours, peers = {}, {}
    for row in rows:
        if not row["operations"] or row["case"].startswith("8 wide"):
            continue
        point = row["operations"] / row["touched"], row["operations"] / row["seconds"] / 1e9
        if row["kind"] == "peer":
            peers.setdefault(row["op"], []).append(point)
        elif row is _widest(rows, row["op"], row["case"]):
            ours.setdefault(row["op"], []).append(point)
    for i, op in enumerate(ours):
        ax.plot(*zip(*ours[op]), MARKS[i % len(MARKS)], color=f"C{i}", label=op, markersize=7)
        if op in peers:
            ax.plot(
                *zip(*peers[op]),
                MARKS[i % len(MARKS)],
                color=f"C{i}",
                fillstyle="none",
                markersize=5,
                alpha=0.6,
            )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="operations a byte that must be touched",
        ylabel="GOP/s (warm caches)",
        title=f"Roofline, {results['environment']['cpu']}, {results['environment']['threads']} thread(s); full: ours, "
        "hollow: peers",
        ylim=(0.3, 2 * top / 1e9),
    )
    ax.grid(alpha=0.3, which="both")
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, path)


def _break_even(rows, results, path) -> None:
    """Draw the time of the fastest dense product over our sparse one, and of the best sparse peer over it."""
    ratios = np.full((2, len(DENSITIES), len(BATCHES)), np.nan)
    for i, density in enumerate(DENSITIES):
        for j, batch in enumerate(BATCHES):
            case = f"4096 wide, density {density:g}, batch {batch}"
            own = _widest(rows, "csr_matmul", case)
            if own is None:
                continue
            dense = [r for name, r in own["ratios"].items() if "dense" in name]
            sparse = [r for name, r in own["ratios"].items() if "CSR" in name]
            for k, group in enumerate((dense, sparse)):
                if group:
                    ratios[k, i, j] = min(value for value, _, _ in group)
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for ax, values, title in zip(
        axes, ratios, ("fastest dense product over our sparse one", "best sparse peer over ours")
    ):
        if np.isnan(values).all():
            ax.set_axis_off()
            ax.set_title(f"{title}: no such peer in this run", fontsize=10)
            continue
        image = ax.imshow(np.log2(values), cmap="RdBu", vmin=-3, vmax=3, aspect="auto", origin="lower")
        for (i, j), value in np.ndenumerate(values):
            ax.text(
                j, i, f"{value:.2f}", ha="center", va="center", color="black" if abs(np.log2(value)) < 2 else "white"
            )
        ax.set(
            xticks=range(len(BATCHES)),
            xticklabels=BATCHES,
            yticks=range(len(DENSITIES)),
            yticklabels=DENSITIES,
            xlabel="columns",
            ylabel="density",
            title=title,
        )
        figure.colorbar(image, ax=ax, label="log2 of the ratio; blue: ours is faster")
    figure.suptitle(f"4096 x 4096, float32, {results['environment']['threads']} thread(s)")
    _save(figure, path)


def _coders(rows, results, path) -> None:
    streams = list(dict.fromkeys(r["case"] for r in rows if r["op"] == "huffman_encode" and "4,096 KiB" in r["case"]))
    labels = list(
        dict.fromkeys(r["implementation"] for r in rows if r["op"] == "huffman_encode" and r["case"] in streams)
    )
    colors = {label: pyplot.get_cmap("tab20")(i) for i, label in enumerate(labels)}
    figure, axes = pyplot.subplots(
        2, max(len(streams), 1), figsize=(4 * max(len(streams), 1), 8), layout="constrained", squeeze=False
    )
    for column, stream in enumerate(streams):
        bits = {
            r["implementation"]: float(r["note"].split()[0])
            for r in rows
            if r["op"] == "huffman_encode" and r["case"] == stream
        }
        for line, op in enumerate(("huffman_decode", "huffman_encode")):
            ax = axes[line, column]
            for row in rows:
                label = row["implementation"]
                if row["op"] == op and row["case"] == stream and label in bits:
                    ax.plot(bits[label], row["touched"] / row["seconds"] / 1e6, "o" if row["kind"] == "ours" else "^",
                            color=colors[label], label=label, markersize=8)
            ax.set(
                yscale="log",
                xlabel="bits a symbol",
                ylabel=f"{op.removeprefix('huffman_')}, MB/s",
                title=stream.split(",")[0],
            )
            ax.grid(alpha=0.3, which="both")
    if streams:
        axes[0, 0].legend(fontsize=7)
    _save(figure, path)
