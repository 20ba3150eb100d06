"""The command line: ``python -m refcompress`` or ``refcompress``.

Data goes to standard output (text, or with --json one JSON document), progress to standard error; a refusal is one line
on standard error and the exit code 2.
"""

import argparse
import json
import os
import sys
from importlib import import_module

from .. import __version__
from ..errors import NotOnDisk, RefcompressError
from .refusals import in_words, say

__all__ = ["main"]

# Each command, in the order of --help, and the module that has it: one is loaded, and with it what it needs.
COMMANDS = {"demo": "demo", "compress": "compress", "decompress": "decompress", "rebuild": "decompress",
            "inspect": "ledgers", "compare": "comparing", "explain": "explaining", "derive": "derive",
            "report": "report", "verify": "files", "run": "run", "evaluate": "evaluate", "draw": "draw",
            "audit": "audit", "check": "check", "lab": "lab", "hunt": "hunt", "doctor": "doctor",
            "vectors": "vectors", "help": "guide", "include": "guide"}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 done with a bad verdict, 2 refused, 130 interrupted.

    Also 1 where the new file is in place and the system could not say that its name is on the disk (NotOnDisk).
    """
    argv = sys.argv[1:] if argv is None else argv
    options = parser_for(argv[0] if argv else "").parse_args(argv)
    try:
        report = options.run(options)
    except MemoryError as error:
        return refuse(f"out of memory: {error}" if str(error) else "out of memory")
    except NotOnDisk as error:
        refuse(error)
        return 1
    except (RefcompressError, OSError) as error:
        return refuse(in_words(error, options))
    except KeyboardInterrupt:
        say("interrupted; no file is half written")
        return 130
    except disagreement() as error:
        return refuse(
            f"what was read back is not what was compressed ({error}): a fault of refcompress, please report it"
        )
    for warning in report.warnings:
        say(f"warning: {warning}")
    try:
        show(json.dumps(report.data, indent=2) if options.json else report.text)
    except BrokenPipeError:  # whoever reads has read enough (| head): no complaint, and none from the exit's own flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return refuse(in_words(error, options))
    return 0 if report.good else 1


def parser_for(first: str) -> argparse.ArgumentParser:
    """Return a parser that knows the command that the first argument names; where it names none, or help, all."""
    parser = Parser(
        prog="refcompress",
        description="The reference for neural-network compression: to be read, to be fast, proven the same.",
    )
    parser.add_argument("--version", action="version", version=f"refcompress {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parser.set_defaults(parser=parser)  # for help
    modules = [] if first == "--version" else list(dict.fromkeys(COMMANDS.values()))
    if first in COMMANDS and first != "help":
        modules = [COMMANDS[first]]
    for module in modules:
        import_module(f"{__name__}.{module}").add_commands(commands)
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    return parser


def disagreement() -> type[Exception]:
    """Return the exception of results that differ; what has its rules is loaded where one has come."""
    from ..agreement import Disagreement

    return Disagreement


class Parser(argparse.ArgumentParser):
    """argparse, but a wrong option is one line too, without the usage: that is what --help is for."""

    def error(self, message):
        self.exit(refuse(f"{message} ({self.prog} --help)"))


def refuse(why) -> int:
    """Say on one line of standard error why nothing was done, and return the exit code that says so too."""
    say(str(why))
    return 2


def show(text: str) -> None:
    """Print a report; what the terminal's encoding lacks (a name may have any character) is written as an escape."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
