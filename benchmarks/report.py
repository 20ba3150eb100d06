"""What a run says: the table in the terminal, the JSON with its environment, the history, and what became slower."""

import json
import math
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from .measure import DRAWS, FILLED, centre

ROOT = Path(__file__).resolve().parents[1]
# What is reported fell below this share of what it was, by more than chance: the ratios of a kernel in so many cases
# and more together, or in one case alone. Between two runs of the same code arrays lie better and worse: no kernel as a
# whole fell, and of its cases alone 6 of some 300 one way and 2 the other.
FELL, CASES = 0.9, 5
# What a peer's speed depends on.
VARIABLES = ("OPENBLAS_", "MKL_", "OMP_", "KMP_", "GLIBC_", "ONEDNN_", "ATEN_", "FBGEMM_")


def environment(compiler: str, isas: list[str], threads: int, absent: dict[str, str], versions: dict[str, str]) -> dict:
    """Return what a figure depends on besides the code."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], cwd=ROOT, capture_output=True,
                             text=True).stdout.strip()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"date": time.strftime("%Y-%m-%d %H:%M:%S"), "commit": commit + ("+" if changed else ""), "cpu": cpu,
            "instruction sets": isas, "threads": threads, "compiler": compiler, "python": platform.python_version(),
            "numpy": np.__version__, "blas": f"{blas['name']} {blas['version']}", "system": platform.platform(),
            # They change how fast a peer is: OPENBLAS_CORETYPE=Haswell halved NumPy's products on a processor with
            # AVX-512.
            "variables": {name: value for name, value in sorted(os.environ.items())
                          if name.startswith(VARIABLES) and "/" not in value},
            "peers": versions, "absent peers": absent}


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def best_peer(row: dict) -> str | None:
    """Return the peer that is fastest where this row is; None where there is none."""
    return min(row["peers"], key=lambda name: row["ratios"][name][0]) if row["peers"] else None


def with_peers(rows: list[dict]) -> list[dict]:
    """Give each row the names of the peers (or of the yardstick) that were timed on its case."""
    for row in rows:
        row["peers"] = [r["implementation"] for r in rows if (r["op"], r["case"]) == (row["op"], row["case"])
                        and r["kind"] in ("peer", "yardstick") and r["implementation"] in row["ratios"]]
    return rows


def table(rows: list[dict], limits, environment: dict) -> str:
    """Return the table: a block a case, the fastest in bold in a terminal, our ratio to the best peer with its
    interval."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    threads = environment["threads"]
    rates = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in limits.rates.items())
    reads = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in limits.bandwidth.items())
    lines = [
        f"{environment['cpu']}, {threads} thread{'s' * (threads > 1)}, {environment['compiler']}, commit "
        f"{environment['commit']}.",
        f"Limits measured in this run: {rates} GOP/s; read {reads} GB/s.",
        "Times are estimates from the quickest turn of each pass; '% of': what the limit that binds (an instruction, "
        "or the fewest",
        "bytes from the memory that they fit in) allows, over the time, warm / cold; 'x best': how many times as fast "
        "as the fastest",
        "peer, with its 95 % interval; 'x copy': where there is no peer, as copying the input, a yardstick. Cold calls "
        "go round through",
        f"copies of their operands, more than {int(FILLED * limits.caches['L3']) >> 20} MiB in all, where the table "
        "says how many; else the caches",
        "are emptied before each. Calls that fill the caches themselves are not timed cold (-).",
    ]
    lines.append("Peers: " + ", ".join(f"{name} {version}" for name, version in environment["peers"].items()) + ".")
    lines.append("Variables: " + ", ".join(f"{name}={value}" for name, value in environment["variables"].items()) + ".")
    for name, reason in environment["absent peers"].items():
        lines.append(f"absent: {name} ({reason})")
    heading = None
    for row in rows:
        if (row["op"], row["case"]) != heading:
            heading = row["op"], row["case"]
            lines += ["", f"{row['op']}: {row['case']}"]
            block = [
                r["seconds"]
                for r in rows
                if (r["op"], r["case"]) == heading and r["seconds"] and r["kind"] != "yardstick"
            ]
            fastest = min(block, default=None)
        if row["refused"]:
            lines.append(f"  {row['implementation']:<25} NOT TIMED, {row['refused']}")
            continue
        work, unit = (row["operations"], "GOP/s") if row["operations"] else (row["touched"], "GB/s")
        peer = best_peer(row) if row["kind"] in ("ours", "prepared", "guest") else None
        said = " " * 34
        if peer:
            value, low, high = row["ratios"][peer]
            what = "best" if any(r["implementation"] == peer and r["kind"] == "peer" for r in rows) else "copy"
            said = f"{value:7.3g} x {what} [{low:.3g}, {high:.3g}]".ljust(34)
        cold = micros(row["cold"]) if row["cold"] else "-".rjust(11)
        limit = f" {100 * row['share']:5.1f} % of {row['bound']}" + (
            f" / {100 * row['share_cold']:.1f} % of {row['bound_cold']}" if row["share_cold"] else "") + (
            f", {row['copies']} copies" if row["copies"] else "") if row["kind"] != "yardstick" else ""
        mark, end = (bold, plain) if row["seconds"] == fastest else ("", "")
        speed = f"{work / row['seconds'] / 1e9:8.2f} {unit:<5}"
        lines.append(f"  {mark}{row['implementation']:<25}{end} {micros(row['seconds'])} us, cold {cold} {speed} "
                     f"{said}{limit}  {row['note']}".rstrip())
    return "\n".join(lines)


def micros(seconds: float) -> str:
    """Return microseconds, with as many decimals as matter."""
    return f"{1e6 * seconds:11.{1 if seconds >= 1e-5 else 3}f}"


def summary(rows: list[dict]) -> dict[str, float]:
    """Return for each operation the geometric mean of the widest kernel's ratio to the best peer of each case."""
    ratios = {}
    for row in rows:
        if row["kind"] == "ours" and row["implementation"] != "reference" and row["peers"]:
            ratios.setdefault(row["op"], {})[row["case"]] = row["ratios"][best_peer(row)][0]  # the last is the widest
    return {op: math.exp(sum(map(math.log, cases.values())) / len(cases)) for op, cases in ratios.items()}


def fell(now: list[dict], then: list[dict]) -> list[str]:
    """Return a line for each kernel of ours that is slower against the same peers than it was: in all its cases taken
    together, or in one of them.

    Only ratios are compared: the geometric mean over the peers that both runs have. In one case the upper bounds of now
    must lie below the lower bounds of then. All cases together have the estimate of Hodges and Lehmann of their
    changes, and 95 % of draws of cases (bootstrap) must say that it fell at all: noise differs from case to case, what
    was done to a kernel does not.
    """
    before = {
        (r["op"], r["case"], r["implementation"]): r for r in then if r["kind"] in ("ours", "prepared") and r["ratios"]
    }
    kernels, lines = {}, []
    for row in now:
        old = before.get((row["op"], row["case"], row["implementation"]))
        if old is None or row["implementation"] == "reference":
            continue
        both = [name for name in row["peers"] if name in old["ratios"] and len(set(row["ratios"][name])) > 1]
        if not both:
            continue
        def mean(r, part):
            return math.exp(sum(math.log(r["ratios"][name][part]) for name in both) / len(both))
        change = mean(row, 0) / mean(old, 0)
        kernels.setdefault((row["op"], row["implementation"].partition(",")[0]), []).append(math.log(change))
        if change < FELL and mean(row, 2) < mean(old, 1):
            lines.append(f"{row['op']}: {row['case']}, {row['implementation']}: {change:.2f} of its ratio to "
                         f"{', '.join(both)} ({mean(old, 0):.2f} -> {mean(row, 0):.2f})")
    together = []
    for (op, implementation), changes in kernels.items():
        if len(changes) >= CASES:
            drawn = centre(np.random.default_rng(0).choice(changes, (DRAWS, len(changes))))
            change, low, high = np.exp([centre(np.array(changes)), *np.quantile(drawn, [0.025, 0.975])])
            if change < FELL and high < 1:
                together.append(
                    f"{op}, {implementation}: {change:.2f} [{low:.2f}, {high:.2f}] of its ratios, in {len(changes)} "
                    "cases"
                )
    return together + lines


def agreement(now: list[dict], then: list[dict]) -> tuple[int, int]:
    """Return how many ratios of ours to peers lie within 8 % of those of another run, and of how many."""
    before = {(r["op"], r["case"], r["implementation"]): r for r in then}
    within = total = 0
    for row in now:
        old = before.get((row["op"], row["case"], row["implementation"]))
        if row["kind"] not in ("ours", "prepared") or row["implementation"] == "reference" or old is None:
            continue
        for name in row["peers"]:
            if name in old["ratios"]:
                change = row["ratios"][name][0] / old["ratios"][name][0]
                within, total = within + (1 / 1.08 <= change <= 1.08), total + 1
    return within, total


def compact(results: dict) -> str:
    """Return what a later run is compared with, as JSON: the ratios of our kernels, one line for each case of each
    of them."""
    rows = [{key: row[key] for key in ("op", "case", "implementation", "kind")}
            | {"ratios": {peer: [float(f"{value:.4g}") for value in ratio] for peer, ratio in row["ratios"].items()}}
            for row in results["rows"] if row["kind"] in ("ours", "prepared") and row["ratios"]]
    head = {key: results[key] for key in ("environment", "limits", "summary", "table 8")}
    return json.dumps(head, indent=1)[:-2] + ',\n "rows": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]}\n"


def write(folder: Path, results: dict) -> None:
    """Write the run, its summary, and its line of the history."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "summary.json").write_text(compact(results))
    line = {key: results["environment"][key] for key in ("date", "commit", "cpu", "threads", "compiler")}
    with open(folder / "history.jsonl", "a") as history:
        history.write(
            json.dumps(line | {"ratio to the best peer": {op: round(r, 3) for op, r in results["summary"].items()}})
            + "\n"
        )
