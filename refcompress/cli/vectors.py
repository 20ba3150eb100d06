"""The command vectors: inputs and right results of operations as files, for kernels in any language."""

import argparse
from pathlib import Path

from ..ops import OPS
from .refusals import Refused, about
from .show import Report, paragraph, printable

__all__ = ["add_commands"]


def add_commands(commands) -> None:
    command = commands.add_parser("vectors")
    command.add_argument("operations", nargs="+", metavar="OP",
                         help="gemm_s8s8, ...; all: every operation (README: the map)")
    command.add_argument("-o", "--out", required=True, metavar="DIR", help="the folder; each operation has one in it")
    command.add_argument("--cases", type=int, metavar="N",
                         help="at most N cases an operation, evenly out of all (default: all of them)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> Report:
    from ..testing import vectors

    operations = list(OPS) if options.operations == ["all"] else list(dict.fromkeys(options.operations))
    for op in operations:
        if op not in OPS:
            raise Refused(printable(op), "is no operation; README's map lists them, and all writes every one")
        if Path(options.out, op).exists():
            raise Refused(printable(str(Path(options.out, op))), "is there already; --out names another folder")
    if options.cases is not None and options.cases < 1:
        raise Refused("--cases", "must be at least 1")
    said, data = [], {}
    for op in operations:
        with about(options.out):
            index = vectors.write(op, options.out, most=options.cases)
        counts = {name: len(index[name]) for name in ("cases", "refusals", "negatives")}
        data[op] = {"folder": str(Path(options.out, op)), **counts}
        said.append(paragraph(f"{Path(options.out, op)}: {counts['cases']} cases, {counts['refusals']} refusals, "
                              f"{counts['negatives']} wrong results; judged by {index['judges']}"))
    return Report({"schema": vectors.SCHEMA, "operations": data}, "\n".join(said))
