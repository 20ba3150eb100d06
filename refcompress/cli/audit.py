"""The command audit: a paper's tables, recomputed from their own rows, and what such networks cost in our files."""

import argparse
import sys

from .. import container
from ..formats import Shared
from ..recipes import published
from .options import add_implementation, implementation, label
from .show import Report, paragraph, table, times

__all__ = ["add_commands"]


def add_commands(commands) -> None:
    command = commands.add_parser("audit", help="recompute a paper's tables from their own rows")
    command.add_argument("--paper", choices=("deep-compression",), default="deep-compression")
    command.add_argument(
        "--network", choices=[n.name for n in published.DEEP_COMPRESSION], action="append", help="only this one"
    )
    command.add_argument(
        "--synthetic",
        action="store_true",
        help="also write weights drawn with each row's statistics to a file of ours (AlexNet: a minute, "
        "VGG-16: three, 2 GiB)",
    )
    add_implementation(command)
    command.set_defaults(run=audit)


def audit(options: argparse.Namespace) -> Report:
    networks = [n for n in published.DEEP_COMPRESSION if not options.network or n.name in options.network]
    texts: list[str] = []
    reports: list[dict] = []
    contradictions = 0
    for network in networks:
        found = published.audit(network)
        rows = [[f.row, f.what, f"{f.printed:g}", f"{f.recomputed:.2f}", f.verdict] for f in found]
        bad = [f for f in found if f.verdict != "consistent"]
        contradictions += len(bad)
        texts.append(
            paragraph(
                f"{network.name}, table {network.table}: {len(found)} figures, {len(bad)} contradict their own rows"
            )
            + "\n"
            + table(rows, ["row", "figure", "paper", "recomputed", "verdict"])
        )
        entry: dict = {"network": network.name, "findings": [vars(f) for f in found]}
        if options.synthetic:
            space = implementation(options)
            text, entry["synthetic"] = _synthetic(network, space)
            texts.append(text)
        reports.append(entry)
    texts.append(
        paragraph(
            f"{contradictions} contradictions. A rate recomputed from a row has its codebook; the fillers of its "
            "index, which the paper counts and does not print, may make the printed one up to a quarter more."
        )
    )
    data = {"paper": "Deep Compression, arXiv 1510.00149v5", "networks": reports, "contradictions": contradictions}
    return Report(data, "\n\n".join(texts))


def _synthetic(network, space) -> tuple[str, dict]:
    """Return the ledger of files of weights drawn with the rows' statistics, one layer in memory at a time."""
    rows, total, weights = [], 0, 0
    for i, row in enumerate(network.rows):
        print(f"{network.name} {row.name}: drawing and coding {row.weights:,} weights", file=sys.stderr, flush=True)
        codes, codebook = published.draw(row, seed=i)
        size = len(container.dumps({row.name: Shared(codes, codebook)}, implementation=space))
        rows.append([row.name, row.weights, size, f"{100 * size / (4 * row.weights):.2f}", f"{row.coded_rate:g}"])
        total, weights = total + size, weights + row.weights
    rows.append(["total", weights, total, f"{100 * total / (4 * weights):.2f}", f"{network.coded_rate:g}"])
    text = (
        paragraph(
            f"{network.name}, SYNTHETIC weights drawn with the rows' statistics, coded in our container "
            f"({label(space)}): {times(4 * weights, total)} than float32; the paper prints {network.ratio:g}"
        )
        + "\n"
        + table(rows, ["layer", "weights", "bytes", "% of float32", "paper, %"])
    )
    return text, {"bytes": total, "ratio": 4 * weights / total, "layers": {r[0]: r[2] for r in rows[:-1]}}
