"""The command check: is a function of yours, in Python or C, right as one of the operations?"""

import argparse
import os
import xml.etree.ElementTree as ET

from ..agreement import Disagreement, NoBound
from ..container import files
from ..errors import MissingExtra, RefcompressError
from . import targets
from .refusals import Refused, about
from .show import Report, columns

__all__ = ["add_commands"]


def add_commands(commands) -> None:
    command = commands.add_parser(
        "check", description="Compare a function with the reference, in a process of its own: a crash or a hang is a "
                             "verdict too. Exit code 0 right, 1 wrong, 2 not checked.")
    command.add_argument("op", metavar="OP", help="the operation that it computes, such as gemm_s8s8")
    command.add_argument("function", metavar="FUNCTION",
                         help="module:name, file.py:name, or library.so:symbol with the type of refcompress.h")
    command.add_argument("--layouts", metavar="NAMES",
                         help="try only these, separated by commas, such as contiguous or contiguous,fortran")
    command.add_argument("--limit", type=float, default=5.0, metavar="S",
                         help="seconds that a call may take (default: 5)")
    command.add_argument("--examples", type=int, metavar="N",
                         help="inputs that Hypothesis draws (default: 100; 0: none)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of that search (default: 0)")
    command.add_argument("--refusals", action="store_true", help="it must also refuse what the reference refuses")
    command.add_argument("--not-offered", metavar="WORDS", default="",
                         help="options and types that are not tried, separated by commas, such as axis=1,float16")
    command.add_argument("--junit", metavar="F.xml", help="also write the verdict as JUnit's XML")
    targets.add_force(command)
    command.set_defaults(run=check)


def check(options: argparse.Namespace) -> Report:
    from .. import testing  # which loads the cases of all operations

    if options.junit is not None:
        targets.check(options.junit, [], force=options.force, suffixes=(".xml",))
    layouts = None if options.layouts is None else options.layouts.split(",")
    words = [word for word in options.not_offered.split(",") if word]
    try:
        verdict = testing.check(options.op, options.function, layouts=layouts, limit=options.limit,
                                examples=options.examples, refusals=options.refusals, not_offered=words,
                                seed=options.seed, quiet=True)
    except Disagreement as error:
        verdict = error.verdict
    except NoBound as error:
        raise Refused(options.function, str(error)) from error
    except MissingExtra as error:
        if error.argument != "hypothesis":
            raise
        raise Refused("--examples", "needs Hypothesis: pip install 'refcompress[test]', or --examples 0") from None
    except RefcompressError as error:
        if error.argument not in ("op", "function"):
            raise
        raise Refused(error.argument, error.rule) from error
    if options.junit is not None:
        with about(options.junit):
            files.write(options.junit, junit(options.op, options.function, verdict))
    text = "\n".join([f"{options.function}, judged as", *verdict.lines(columns())])
    return Report({**verdict.to_json(), "function": options.function}, text, bool(verdict))


def junit(op: str, function: str, verdict) -> bytes:
    """Return a verdict as the XML that continuous integration reads: one suite of one test."""
    suite = ET.Element("testsuite", name="refcompress check", tests="1", failures=str(int(not verdict)), errors="0",
                       skipped="0", time=f"{verdict.seconds:.3f}")
    case = ET.SubElement(suite, "testcase", classname=f"refcompress.{op}", name=function, time=f"{verdict.seconds:.3f}")
    if not verdict:
        message = verdict.reason.splitlines()[0]
        ET.SubElement(case, "failure", message=_printable(message), type=verdict.kind).text = _printable(str(verdict))
    ET.SubElement(case, "system-out").text = _printable(str(verdict))
    return ET.tostring(suite, encoding="utf-8", xml_declaration=True) + os.linesep.encode()


def _printable(text: str) -> str:
    """Return text without what XML has no way to say."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
