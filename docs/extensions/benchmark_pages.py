"""The pages of the last recorded run of the benchmarks. All figures are read from results/bench; none is typed."""

import json
from functools import cache

from docstrings import prose
from operation_facts import ROOT

from refcompress.ops import OPS

RUN = ROOT / "results" / "bench" / "summary.json"
COPY = "copying the input"


@cache
def run() -> dict:
    return json.loads(RUN.read_text(encoding="utf-8"))


def _figure(ratio: float) -> str:
    return f"{ratio:.3g}" if ratio < 1000 else f"{ratio:,.0f}"


def widest(rows: list[dict]) -> dict:
    """Return the row of our widest kernel among the rows of a case; the reference's where there is no kernel."""
    return [row for row in rows if row["kind"] == "ours"][-1]


def cases(name: str) -> list[tuple[str, dict, dict[str, list[float]]]]:
    """Return (case, our widest row, its ratios to peers) of an operation, in the order of the run."""
    own: dict[str, list[dict]] = {}
    for row in run()["rows"]:
        if row["op"] == name:
            own.setdefault(row["case"], []).append(row)
    ours = {row["implementation"] for row in run()["rows"] if row["kind"] == "ours"}
    out = []
    for case, rows in own.items():
        if not any(row["kind"] == "ours" for row in rows):
            continue
        row = widest(rows)
        out.append((case, row, {peer: r for peer, r in row["ratios"].items() if peer not in ours and peer != COPY}))
    return out


def when() -> str:
    """Return one sentence: when the run was, on what, at which commit."""
    e = run()["environment"]
    return (f"{e['date'][:10]}, {e['cpu']}, {e['threads']} thread{'s' if e['threads'] != 1 else ''}, {e['compiler']}, "
            f"commit {e['commit']}")


def _table(found) -> list[str]:
    lines = ["| case | our form | times as fast as NumPy's reference | fastest peer | "
             "times as fast as it (95 % interval) |",
             "| --- | --- | --- | --- | --- |"]
    for case, row, peers in found:
        base = row["ratios"].get("reference")
        peer = min(peers, key=lambda name: peers[name][0]) if peers else None
        ratio = "{} ({} to {})".format(*map(_figure, peers[peer])) if peer else ""
        lines.append(f"| {prose(case)} | {row['implementation'].removeprefix('native.')} | "
                     f"{_figure(base[0]) if base else ''} | {prose(peer) if peer else 'none'} | {ratio} |")
    return lines


def of_operation(name: str) -> list[str]:
    """Return the lines about an operation: its cases in the recorded run."""
    found = cases(name)
    if not found:
        return ["It has no case in the [recorded run](../benchmarks/index.md)."]
    return [f"From the recorded run ({prose(when())}). [All operations](../benchmarks/index.md).", "", *_table(found)]


def index() -> str:
    """Return the page of the run: what it ran on, the limits of that machine, and a table for each family."""
    e, limits = run()["environment"], run()["limits"]
    lines = ["# Benchmarks", "",
             "The last run that was recorded, read from `results/bench/summary.json` when this page was made. A ratio "
             "above 1 means that ours is faster. What disagrees with the reference is not timed. `make bench-peers` "
             "repeats the run.",
             "", "| of the run | |", "| --- | --- |",
             *(f"| {key} | {prose(', '.join(value) if isinstance(value, list) else str(value))} |"
               for key, value in e.items()
               if isinstance(value, (str, int, list))), "",
             "The variables of the environment that change a peer's speed:", "",
             "| variable | value |", "| --- | --- |",
             *(f"| `{key}` | `{value}` |" for key, value in e["variables"].items()), "",
             "## Limits of this machine", "",
             "Measured in C in the same run. No kernel can be faster than the limit that binds it.", "",
             "| arithmetic | 10⁹ operations a second |", "| --- | --- |",
             *(f"| {key} | {value / 1e9:,.0f} |" for key, value in limits["rates"].items()), "",
             "| memory | 10⁹ bytes a second |", "| --- | --- |",
             *(f"| {key} | {value / 1e9:,.0f} |" for key, value in limits["bandwidth"].items()), "",
             "## All cases of an operation together", "",
             "The geometric mean over the cases that have a peer: how many times as fast as the fastest peer ours is.",
             "",
             "| operation | times as fast as the fastest peer |", "| --- | --- |",
             *(f"| {_named(name)} | {_figure(ratio)} |" for name, ratio in run()["summary"].items()), ""]
    for name in OPS:
        if found := cases(name):
            lines += [f"## `{name}`", "", f"[Its page](../operations/{name}.md).", "", *_table(found), ""]
    return "\n".join(lines)


def _named(name: str) -> str:
    return f"[`{name}`](../operations/{name}.md)" if name in OPS else f"`{name}`"
