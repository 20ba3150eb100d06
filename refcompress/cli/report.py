"""The command report: one page that says what a model file holds."""

import argparse
import os

from ..audit.findings import tensors_of
from ..container import files
from ..errors import RefcompressError
from . import targets
from .options import add_implementation, add_limit, implementation_for_few
from .refusals import about
from .show import Report, paragraph

__all__ = ["add_commands"]


def add_commands(commands) -> None:
    command = commands.add_parser("report")
    command.add_argument("file", metavar="FILE", help="a file of any kind that inspect reads")
    command.add_argument("--source", metavar="S", help="the file that it was made from, for errors and rules")
    command.add_argument("-o", "--output", metavar="R.html", help="the page (default: FILE.html, in this folder)")
    command.add_argument("--no-timing", action="store_true",
                         help="do not measure sparse products: the page is then the same on each machine")
    targets.add_force(command)
    add_implementation(command)
    add_limit(command, by_size=True)
    command.set_defaults(run=report)


def report(options: argparse.Namespace) -> Report:
    from ..audit.report import facts, page  # which loads what reads and judges all kinds of files

    target = options.output or os.path.basename(options.file) + ".html"
    sources = [options.file, *([] if options.source is None else [options.source])]
    targets.check(target, sources, force=options.force, suffixes=(".html",))
    try:
        found = facts(options.file, options.source, limit=options.limit,
                      implementation=implementation_for_few(options), timing=not options.no_timing)
    except RefcompressError as error:
        with about(options.source if error.argument == "source" else options.file):
            raise
    text = page(found).encode()
    with about(target):
        files.write(target, text)
    return Report({"schema": "refcompress.report/1", "source": found.path, "page": target, "page_bytes": len(text),
                   "bytes": found.size, "tensors": len(found.weights), "findings": list(found.findings)},
                  paragraph(f"{target}: {len(text):,} bytes, a page on {tensors_of(len(found.weights))} "
                            f"of {found.path}"))
