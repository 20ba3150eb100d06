"""The command audit: a paper's tables, recomputed from their own rows, and what such networks cost in our files."""

import argparse

import numpy as np

from .. import agreement, container
from ..audit.ledgers import KINDS, kind_of
from ..errors import RefcompressError
from ..formats import Shared
from ..models import squeezenet
from ..recipes import published
from . import targets
from .options import add_implementation, add_limit, implementation, label
from .progress import mention
from .refusals import about
from .show import Report, paragraph, table, times

__all__ = ["add_commands"]

PAPER = "Deep Compression, arXiv 1510.00149v5"
REMARK = ("A rate recomputed from a row has its codebook; the fillers of its index, which the paper counts and does "
          "not print, may make the printed one up to a quarter more.")


def add_commands(commands) -> None:
    command = commands.add_parser("audit")
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
    command.add_argument("--file", metavar="compressed_SqueezeNet.net",
                         help="audit this file alone, which the first author published (it is on GitHub, in "
                              "SqueezeNet-Deep-Compression), and write its weights to a file of ours")
    command.add_argument("-o", "--output", metavar="R.html", help="also write the tables as a page that opens offline")
    targets.add_force(command)
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=audit)


def audit(options: argparse.Namespace) -> Report:
    if options.output is not None:
        if options.file is not None:
            raise RefcompressError("--output", "writes the tables of the paper; --file audits a file alone")
        targets.check(options.output, [], force=options.force, suffixes=(".html",))
    if options.file is not None:
        return _of_file(options)
    networks = [n for n in published.DEEP_COMPRESSION if not options.network or n.name in options.network]
    texts: list[str] = []
    reports: list[dict] = []
    contradictions = 0
    for network in networks:
        found = published.audit(network)
        rows = _rows(found)
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
            text, entry["synthetic"] = _synthetic(network, space, options)
            texts.append(text)
        reports.append(entry)
    texts.append(paragraph(f"{contradictions} contradictions. {REMARK}"))
    data = {"paper": PAPER, "networks": reports, "contradictions": contradictions}
    if options.output is not None:
        from ..audit.report.paper import paper_page  # which loads what reads and judges all kinds of files

        text = paper_page(PAPER, [(f"{n.name}, table {n.table}", published.audit(n)) for n in networks], REMARK)
        with about(options.output):
            container.files.write(options.output, text.encode())
        texts.append(f"{options.output}: the tables as a page")
    return Report(data, "\n\n".join(texts))


def _other_kind(path: str) -> str | None:
    """Return what kind of model file this is by its content, in words; None for one of no other kind."""
    try:
        return "a " + KINDS[kind_of(path)][1]
    except RefcompressError:
        return None


def _rows(found: list[published.Finding]) -> list[list]:
    return [[f.row, f.what, f"{f.printed:g}", f"{f.recomputed:.2f}", f.verdict] for f in found]


def _of_file(options: argparse.Namespace) -> Report:
    """Audit the published file, and code its weights, bit for bit, in a file of ours that is read back."""
    space = implementation(options)
    with about(options.file):
        kind = _other_kind(options.file)
        if kind is not None:
            raise RefcompressError("path", f"is {kind}, and not the published compressed_SqueezeNet.net; `refcompress "
                                           f"inspect {options.file}` shows where the bytes of other files go")
        data = container.files.read(options.file, options.limit)
        layers = squeezenet.read(data)
    found = published.audit_of_layers(layers, len(data))
    ours = container.dumps(layers, implementation=space, contexts=True)
    agreement.exactly(layers, container.loads(ours, implementation=space))
    bad = sum(f.verdict != "consistent" for f in found)
    raw = 4 * sum(int(np.prod(value.shape)) for value in layers.values())
    sizes = [["as float32", raw, "1.00"], ["the published file", len(data), f"{raw / len(data):.2f}"],
             ["ours, the same bits", len(ours), f"{raw / len(ours):.2f}"]]
    text = "\n".join([
        paragraph(f"{options.file}: SqueezeNet, {len(found)} figures, {bad} contradict the file"),
        table(_rows(found), ["row", "figure", "paper", "recomputed", "verdict"]),
        table(sizes, ["all weights and biases", "bytes", "times smaller"]),
        paragraph(f"Coded by {label(space)}, read back, and found to hold every weight and bias of the published file, "
                  "bit for bit. `refcompress compress FILE small.rcz --preset lossless` writes it with its network.")])
    data_of = {"paper": "SqueezeNet, arXiv 1602.07360", "findings": [vars(f) for f in found], "contradictions": bad,
               "bytes": {"float32": raw, "published": len(data), "ours": len(ours)}}
    return Report(data_of, text)


def _synthetic(network, space, options: argparse.Namespace) -> tuple[str, dict]:
    """Return the ledger of files of weights drawn with the rows' statistics, one layer in memory at a time."""
    rows, total, weights = [], 0, 0
    for i, row in enumerate(network.rows):
        mention(options, f"{network.name} {row.name}: drawing and coding {row.weights:,} weights")
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
