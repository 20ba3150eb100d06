"""The command compare: two model files of any two formats, tensor by tensor."""

import argparse
import math
import sys
from typing import Any

from .. import arguments
from ..audit.compare import DIFFERENT, VERDICTS, Compared, compared, opened
from ..audit.findings import tensors_of
from .options import add_implementation, add_limit, implementation_for_few
from .progress import Progress
from .refusals import about
from .show import Report, add_wide, not_read, paragraph, records, table

__all__ = ["add_commands"]

SCHEMA = "refcompress.compare/1"
FEW = 20  # rows of tensors that are printed; --wide prints all


def add_commands(commands) -> None:
    command = commands.add_parser("compare")
    command.add_argument("a", metavar="A", help="a model file of any type that is read, or a compressed file")
    command.add_argument("b", metavar="B", help="another one; exit code 1 where they differ")
    command.add_argument("--max-error", type=float, default=0.0, metavar="E",
                         help="numbers that differ by at most E, absolute, do not count as different (default 0)")
    add_wide(command)
    add_implementation(command)
    add_limit(command, by_size=True)
    command.set_defaults(run=compare)


def compare(options: argparse.Namespace) -> Report:
    """Compare by name, then by shape and numbers."""
    arguments.real(options.max_error, "max_error", 0, sys.float_info.max)
    space = implementation_for_few(options)
    rows: list[Compared] = []
    with about(options.a), opened(options.a, implementation=space, limit=options.limit) as a:
        with about(options.b), opened(options.b, implementation=space, limit=options.limit) as b:
            with Progress(options.quiet) as progress:
                for row in compared(a, b, options.max_error):
                    rows.append(row)
                    progress.step("compare", len(rows), max(len(a), len(b)))
            counts = (len(a), len(b))
            unread = [dict(getattr(each, "left_out", {})) for each in (a, b)]
    good = not any(row.verdict in DIFFERENT for row in rows)
    data = {"schema": SCHEMA, "a": options.a, "b": options.b, "max_error": options.max_error, "good": good,
            "counts": {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS},
            "tensors": [_row(row) for row in rows], "unread": {"a": unread[0], "b": unread[1]}}
    return Report(data, _text(options, rows, counts, good, {**unread[0], **unread[1]}), good)


def _row(row: Compared) -> dict[str, Any]:
    """Return a row for --json, which has neither NaN nor infinity."""
    return {key: _plain(value) for key, value in vars(row).items()}


def _plain(value):
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, complex) or isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _text(options: argparse.Namespace, rows: list[Compared], counts: tuple[int, int], good: bool,
          unread: dict[str, str]) -> str:
    said = "No tensor differs" if good else "They differ"
    lines = [paragraph(f"A: {options.a}, {tensors_of(counts[0])}"),
             paragraph(f"B: {options.b}, {tensors_of(counts[1])}"), "",
             table([[verdict, len(here), sum(row.numbers for row in here), VERDICTS[verdict]]
                        for verdict in VERDICTS if (here := [row for row in rows if row.verdict == verdict])],
                       ["verdict", "tensors", "numbers", "that is"])]
    changed = [row for row in rows if row.verdict in ("different", "within")]
    if changed:
        changed.sort(key=lambda row: -row.largest)
        shown = changed if options.wide else changed[:FEW]
        lines += ["", records([_changed(row) for row in shown], [
            "tensor", "differ", "of", "largest error", "where", "in A", "in B", "relative"], 1, wide=options.wide)]
        lines += [f"  and {len(changed) - len(shown)} more (--wide lists all)"] * (len(shown) < len(changed))
        lines.append(paragraph("  relative: the root of the sum of squared errors, over that of A's squared numbers",
                               "  "))
    others = [row for row in rows if row.verdict in ("equal", "shape", "only in A", "only in B") or row.a != row.b]
    others.sort(key=lambda row: (-list(VERDICTS).index(row.verdict), -row.numbers))
    if others:
        few = others if options.wide else others[:FEW]
        lines += ["", records([[_named(row), row.verdict, _kind(row, 0), _kind(row, 1)] for row in few],
                              ["tensor", "verdict", "in A", "in B"], 1, wide=options.wide)]
        lines += [f"  and {len(others) - len(few)} more (--wide lists all)"] * (len(few) < len(others))
    allowed = f" by more than {options.max_error:g}" if options.max_error else ""
    lonely = [{(row.shapes[side], row.numbers) for row in rows if row.verdict == verdict}
              for side, verdict in enumerate(("only in A", "only in B"))]
    if lonely[0] & lonely[1]:
        lines += ["", paragraph("Some tensors are in A alone and some of the same shape in B alone. Tensors of other "
                                "names are paired where all bits are the same: refcompress derive A B finds which "
                                "tensor a quantized one comes from.")]
    lines += ["", *not_read(unread)] if unread else []
    return "\n".join([*lines, "", paragraph(f"{said}{allowed}." if good else f"{said}{allowed}: exit code 1.")])


def _changed(row: Compared) -> list:
    assert row.values is not None and row.at is not None
    return [_named(row), row.differ, row.numbers, f"{row.largest:.3g}", "[" + ", ".join(map(str, row.at)) + "]",
            *(f"{value:.6g}" if isinstance(value, (float, complex)) else str(value) for value in row.values),
            f"{row.relative:.3g}"]


def _named(row: Compared) -> str:
    if row.a is None or row.b is None or row.a == row.b:
        return row.a or row.b or ""
    return f"{row.a} = {row.b}"


def _kind(row: Compared, side: int) -> str:
    shape = row.shapes[side]
    return "-" if shape is None else f"{row.types[side]} {'x'.join(map(str, shape)) or 'scalar'}"
