"""The tables and the plot of quantization.py, from its rows."""

import numpy as np

from . import runner

HEADING = """# Post-training quantization: method by bits

`python -m experiments.quantization`. Output error: the mean over the matrices of ||y' - y||² / ||y||², in %, on
inputs that no method saw. Symmetric grids with a scale an output; "groups" have a scale for each 64 inputs, "clipped"
the grids of quantize_clip, "descending" the order of largest second moments. Bytes: a file (version 2) of the layers,
with the input scales and biases of the methods that have them, written, read back and compared; the network's own
biases and embeddings, which stay float32, are not in it. "allocated": bits a matrix from 2, 3, 4, 5, 6, 8 by
allocate_front, costs the relative output errors of "GPTQ, clipped" on the calibration inputs.
"""


def tables(results, measures) -> str:
    lines = [HEADING]
    for name, rows in results.items():
        lines += [f"## {name}", ""]
        widths = sorted({r["bits"] for r in rows if isinstance(r["bits"], int) and r["bits"] < 32})
        methods = list(dict.fromkeys(r["method"] for r in rows if r["method"] not in ("float32", "allocated")))
        at = {(r["method"], r["bits"]): r for r in rows if isinstance(r["bits"], int)}
        plain = next((r for r in rows if r["method"] == "float32"), None)
        for key, title in {"output_error": "output error, %", **measures[name], "bytes": "bytes of the file"}.items():
            suffix = f"; float32: {_number(plain[key], key)}" if plain and key != "output_error" else ""
            lines += [f"**{title}**{suffix}", "", "| method | " + " | ".join(f"{b} bits" for b in widths) + " |",
                      "| --- |" + " ---: |" * len(widths)]
            best = {b: min((at[m, b][key] for m in methods if (m, b) in at), default=None) for b in widths}
            for method in methods:
                cells = [_cell(at.get((method, b)), key, best[b]) for b in widths]
                lines.append(f"| {method} | " + " | ".join(cells) + " |")
            lines.append("")
        if "validation" in measures[name]:
            lines += _chosen(rows, widths)
        allocated = sorted((r for r in rows if r["method"] == "allocated"), key=lambda r: r["bytes"])
        if allocated:
            keys = ["output_error", *measures[name]]
            titles = " | ".join(["output error, %", *measures[name].values()])
            lines += ["**allocated bits**", "", f"| bytes | {titles} | matrices of 2, 3, 4, 5, 6, 8 bits |",
                      "| ---: |" + " ---: |" * len(keys) + " --- |"]
            for r in allocated:
                counts = ", ".join(str(r["bits"].count(b)) for b in (2, 3, 4, 5, 6, 8))
                lines.append(f"| {r['bytes']:,} | " + " | ".join(_number(r[k], k) for k in keys) + f" | {counts} |")
            lines.append("")
    return "\n".join(lines)


def _chosen(rows, widths) -> list[str]:
    lines = ["**the method chosen by validation error** (of equals, by output error), and its test error", "",
             "| bits | method | validation, % | test, % |", "| ---: | --- | ---: | ---: |"]
    for b in widths:
        r = min((r for r in rows if r["bits"] == b), key=lambda r: (r["validation"], r["output_error"]))
        lines.append(f"| {b} | {r['method']} | {r['validation']:.2f} | {r['test']:.2f} |")
    return [*lines, ""]


def _cell(row, key, best) -> str:
    if row is None:
        return ""
    text = _number(row[key], key)
    return f"**{text}**" if row[key] == best and key in ("output_error", "embedding") else text


def _number(value, key) -> str:
    return f"{value:,}" if key == "bytes" else f"{value:.2f}" if key in ("validation", "test") else f"{value:.3g}"


SHOWN = ("nearest", "nearest, groups", "clipped", "AWQ", "AWQ, groups", "AdaRound, clipped", "GPTQ", "GPTQ, groups",
         "GPTQ, clipped", "SmoothQuant, inputs of 8 bits")
ERRORS = {"output_error": "output error, %", "test": "test error, %", "embedding": "1 - cosine of embeddings, %"}


def plot(results, path) -> None:
    """Draw error against bytes, a line for each method, the allocation's Pareto front in black; needs matplotlib."""
    panels = [(name, key) for name, rows in results.items() for key in ERRORS if rows and key in rows[0]]
    rows = -(-len(panels) // 2)
    with runner.picture(path, rows, 2, size=(13, 5 * rows), squeeze=False) as (figure, axes):
        entries = {}
        for ax, (name, key) in zip(axes.flat, panels):
            draw(ax, results[name], key)
            ax.set(title=name, xlabel="bytes of the file", ylabel=ERRORS[key], xscale="log", yscale="log")
            entries |= {label: line for line, label in zip(*ax.get_legend_handles_labels())}
        figure.legend(entries.values(), entries.keys(), loc="outside right upper")


def draw(ax, rows, key: str) -> None:
    """Draw one error of one network."""
    for i, method in enumerate(SHOWN):
        points = sorted((r["bytes"], r[key]) for r in rows if r["method"] == method)
        if points:
            ax.plot(*np.transpose(points), marker="o", markersize=4, color=f"C{i % 6}",
                    linestyle="-" if i < 6 else "--", label=method)  # black is the allocation
    front = sorted((r["bytes"], r[key]) for r in rows if r["method"] == "allocated")
    if front:
        ax.plot(*np.transpose(front), color="black", marker=".", linewidth=2, label="allocated (GPTQ, clipped)")
    plain = next((r for r in rows if r["method"] == "float32"), None)
    if plain and key == "test":
        ax.axhline(plain[key], color="grey", linestyle=":", label="float32")
