"""The command inspect: where every byte of a model file goes, whoever wrote it."""

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

from .. import audit
from ..audit.findings import Finding, by_type, findings, tensors_of
from ..audit.kinds import NOT_NUMBERS, WORDS
from ..audit.ledgers import KINDS, kind_of
from ..audit.stored import Inspection, Stored
from ..container.files import Opened
from .options import add_implementation, add_limit
from .progress import Progress
from .refusals import Refused, about
from .show import Report, add_wide, paragraph, records, table

if TYPE_CHECKING:  # it needs NumPy: what reads values, or a file of ours, is loaded where it is asked for
    from ..audit.bounds import Bounds

__all__ = ["add_commands"]

SCHEMA = "refcompress.ledger/1"
SCHEMA_OF_SEVERAL = "refcompress.ledgers/1"


def add_commands(commands) -> None:
    command = commands.add_parser("inspect")
    command.add_argument("sources", metavar="FILE", nargs="+",
                         help="a file of ours, .npz, safetensors (or its index), GGUF, ONNX, or a PyTorch archive")
    command.add_argument("--by", choices=("layer", "kind", "type"),
                         help="one table alone: a row for each layer, each kind of bytes, or each type of number")
    command.add_argument("--bounds", action="store_true",
                         help="read the values: the entropy of each tensor, what zlib and zstd make of it, and zeros")
    command.add_argument("--exact", action="store_true",
                         help="of our own files: decode the entries, to tell all padding from what it fills up")
    add_wide(command)
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=inspect)


def inspect(options: argparse.Namespace) -> Report:
    """Return the ledgers of all files that were named."""
    reports = [_report(source, options) for source in options.sources]
    if len(reports) == 1:
        return reports[0]
    return Report({"schema": SCHEMA_OF_SEVERAL, "files": [report.data for report in reports]},
                  "\n\n".join(report.text for report in reports))


def _report(source: str, options: argparse.Namespace) -> Report:
    with about(source):
        if kind_of(source) == "rcz" and options.by is None:
            from ..audit.ledgers import rcz
            from .files import inspect_ours

            data, text, outlines, book = inspect_ours(source, options)
            found = rcz.of_outlines(source, outlines, book)
            said = findings(found)
            text += "".join("\n" + paragraph("- " + each.text, "  ") for each in said)
            data = {**data, **_data(found, said)}
            if options.bounds:
                with Opened(source) as file:
                    measured = _measured(rcz.coded(file), options.quiet)
                data["bounds"] = [vars(each) for each in measured]
                said_of_all = paragraph("  These are the bytes of the entries as they are coded already.", "  ")
                text += f"\n\n{_bounds(measured, options.wide)}\n{said_of_all}"
            return Report(data, text)
        with audit.inspect(source) as found:
            said = findings(found)
            if found.kind == "rcz" and options.bounds:
                raise Refused("--bounds", "has a table of its own, of files of ours too; --by is to be left out")
            measured = _measured(found.tensors, options.quiet) if options.bounds else []
            if options.bounds:
                said += _of_bounds(measured, found.tensors)
            data = _data(found, said)
            if options.bounds:
                data["bounds"] = [vars(each) for each in measured]
            text = "\n".join(_text(source, found, said, measured, options))
    return Report(data, text)


def _data(found: Inspection, said: list) -> dict[str, Any]:
    """Return what --json prints: the schema, and of a row of the ledger the number of its file, its entry ('' for the
    file as a whole), its kind and its bytes. Of a tensor ``bytes`` is what its elements take in the file."""
    cost = found.of_numbers()
    return {
        "schema": SCHEMA, "source": found.path, "kind": found.kind, "bytes": found.size,
        "files": [{"path": path, "bytes": ledger.size} for path, ledger in found.ledgers],
        "ledger": [{"file": at, "entry": item.entry, "kind": item.kind, "bytes": item.bytes}
                   for at, (_, ledger) in enumerate(found.ledgers) for item in ledger.items],
        "tensors": [{"name": t.name, "shape": list(t.shape), "type": t.type, "numbers": t.numbers, "role": t.role,
                     "weight": t.weight or t.name, "claimed_bits": t.bits, "bytes": cost.get(t.name, 0)}
                    for t in found.tensors],
        "findings": [{"finding": each.code, "text": each.text, **each.figures} for each in said],
        "notes": found.notes,
    }


def _measured(some: list[Stored], quiet: bool) -> "list[Bounds]":
    """Return the bounds of all tensors whose bytes lie together."""
    from ..audit import bounds

    tensors = [tensor for tensor in some if tensor.pieces is not None]
    total, done, measured = sum(tensor.nbytes for tensor in tensors), 0, []
    with Progress(quiet) as progress:
        for tensor in tensors:
            measured.append(bounds.bounds_of(tensor))
            done += tensor.nbytes
            progress.step("bounds", done, total)
    return measured


def _of_bounds(measured: "list[Bounds]", tensors: list[Stored]) -> list[Finding]:
    from ..audit import bounds

    return bounds.findings_of(measured, {tensor.name: tensor for tensor in tensors})


def _text(source: str, found: Inspection, said: list, measured: "list[Bounds]", options: argparse.Namespace
          ) -> list[str]:
    by, wide = options.by, options.wide
    files = f" in {len(found.ledgers)} files" if len(found.ledgers) > 1 else ""
    numbers = sum(tensor.numbers for tensor in found.tensors if tensor.weight in ("", tensor.name))
    lines = [paragraph(f"{source}: {KINDS[found.kind][1]}, {found.size:,} bytes{files}, "
                       f"{tensors_of(len(found.tensors))}, {numbers:,} numbers. Each byte is in one row.")]
    if by in (None, "kind"):
        lines += ["", _kinds(found)]
    if by == "type" or by is None and found.tensors:
        lines += ["", _types(found, wide)]
    if by == "layer":
        lines += ["", _layers(found, wide)]
    if measured:
        lines += ["", _bounds(measured, wide)]
    if said or found.notes:
        lines += ["", *(paragraph("- " + text, "  ") for text in [*(each.text for each in said), *_few(found.notes)])]
    return lines


def _few(notes: list[str]) -> list[str]:
    return notes if len(notes) <= 5 else [*notes[:4], f"and {len(notes) - 4} more such tensors (--json lists all)"]


def _kinds(found: Inspection) -> str:
    rows = [[kind, _whole(count), _percent(count, found.size), WORDS[kind]] for kind, count in found.by_kind().items()]
    rows.append(["total", found.size, _percent(1, 1), ""])
    return table(rows, ["kind of bytes", "bytes", "%", "what they are"])


def _types(found: Inspection, wide: bool) -> str:
    rows = []
    for kind, of in by_type(found).items():
        rows.append([kind, of.tensors, of.numbers, _whole(of.nbytes), f"{of.actual:.2f}",
                     "-" if of.bits is None else f"{of.bits:.3g}"])
    return table(rows, ["type of number", "tensors", "numbers", "bytes", "bits each", "type says"], wide=wide)


def _layers(found: Inspection, wide: bool) -> str:
    types: dict[str, Counter] = {}
    numbers: Counter = Counter()
    for tensor in found.tensors:
        if tensor.weight in ("", tensor.name):
            layer = audit.stored.layer_of(tensor.name)
            types.setdefault(layer, Counter())[tensor.type] += tensor.numbers
            numbers[layer] += tensor.numbers
    rows = []
    for layer, kinds in found.by_layer().items():
        total, mine = sum(kinds.values()), types.get(layer)
        spent = sum(count for kind, count in kinds.items() if kind not in NOT_NUMBERS)
        rows.append([layer or "(file)", mine.most_common(1)[0][0] if mine else "-", numbers[layer] or None,
                     _whole(total), _percent(total, found.size),
                     f"{8 * spent / numbers[layer]:.2f}" if numbers[layer] else "-"])
        if wide:
            rows[-1].append(", ".join(f"{kind} {_whole(count):,}" for kind, count in
                                      sorted(kinds.items(), key=lambda pair: -pair[1])))
    rows.append(["total", "", sum(numbers.values()), found.size, _percent(1, 1), "", *[""] * wide])
    header = ["layer", "type", "numbers", "bytes", "%", "bits each", *["of these"] * wide]
    return records(rows, header, 1, wide=wide)


def _bounds(measured: "list[Bounds]", wide: bool) -> str:
    """Return a row for each tensor; without ``wide`` those of less than a thousandth of all bytes have one together."""
    from ..audit import bounds

    least = 0 if wide else sum(each.nbytes for each in measured) // 1000
    large = [each for each in measured if each.nbytes >= least]
    rows = [[each.name, *_figures([each])] for each in large]
    if len(large) < len(measured):
        small = [each for each in measured if each.nbytes < least]
        rows.append([f"({len(small)} small tensor{'s' * (len(small) > 1)})", *_figures(small)])
    rows.append(["total", *_figures(measured)])
    zstd = paragraph("  zstd is not measured: its package is missing (pip install 'refcompress[audit]').", "  ")
    legend = paragraph("  entropy: the bytes below which no code of one symbol at a time comes; zlib, zstd: what these "
                       "make of the bytes; zeros: of numbers, not of codes", "  ")
    return records(rows, ["tensor", "bytes", "entropy", "zlib", "zstd", "zeros %"], 1, wide=wide) + f"\n{legend}" + (
        "" if bounds.has_zstd() else "\n" + zstd)


def _figures(some: "list[Bounds]") -> list:
    """Return the cells of some tensors together; None in place of what zstd makes, where it is not there."""
    zeros = [each for each in some if each.zeros is not None]
    numbers = sum(each.elements for each in zeros)
    zstd = None if any(each.zstd is None for each in some) else sum(each.zstd or 0 for each in some)
    return [sum(each.nbytes for each in some), round(sum(each.entropy for each in some)),
            sum(each.zlib for each in some), zstd,
            f"{100 * sum(each.zeros or 0 for each in zeros) / numbers:.2f}" if numbers else "-"]


def _whole(count: float) -> int | float:
    return int(count) if count == int(count) else count


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}" if whole else "-"
