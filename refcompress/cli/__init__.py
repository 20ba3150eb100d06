"""The command line: ``python -m refcompress`` or ``refcompress``.

Data goes to standard output (text, or with --json one JSON document), progress to standard error (nothing with
--quiet); a refusal is one line on standard error and the exit code 2.
"""

import argparse
import json
import os
import sys
from importlib import import_module

from .. import __version__
from ..errors import NotOnDisk, RefcompressError
from .progress import add_quiet
from .refusals import in_words, say

__all__ = ["main"]

# Each command, in the order of --help: the module that has it, which alone is loaded, and what --help says of it.
COMMANDS = {
    "demo": ("demo", "train LeNet-300-100 on MNIST, compress it to a file, run it from there"),
    "compress": ("compress", "compress a model, tensor by tensor, without training"),
    "decompress": ("decompress", "write the tensors that a compressed file stands for"),
    "rebuild": ("decompress", "compress a model by the recipe in a compressed file, and compare"),
    "inspect": ("ledgers", "show where every byte of a model file goes, whoever wrote it"),
    "compare": ("comparing", "compare two model files of any formats, tensor by tensor"),
    "explain": ("explaining", "show a tensor of a file, or a small matrix, step by step"),
    "derive": ("derive", "say whether a quantized file comes from a source, and by which rule"),
    "report": ("report", "write a page that says what a model file holds, and opens offline"),
    "verify": ("files", "decode a file by every implementation, compare, and encode it again"),
    "run": ("run", "run a network from its compressed form"),
    "evaluate": ("evaluate", "run a network on MNIST and count its errors"),
    "draw": ("draw", "draw the network that a file holds, as SVG"),
    "audit": ("audit", "recompute a paper's tables from their own rows"),
    "check": ("check", "say whether a function of yours is right, and on which small input it is not"),
    "lab": ("lab", "write an operation yourself: a folder with a stub, a verdict in plain words, hints"),
    "hunt": ("hunt", "find an input on which a wrong kernel is wrong; small ones give more points"),
    "doctor": ("doctor", "versions, build, instruction sets found and used, threads"),
    "vectors": ("vectors", "write inputs and right results of operations as .npy and JSON, for any language"),
    "help": ("guide", "say what a command does, and list its options"),
    "include": ("guide", 'print the folder of refcompress.h, the types of the kernels: cc -I"$(refcompress include)"'),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 done with a bad verdict, 2 refused, 130 interrupted.

    Also 1 where the new file is in place and the system could not say that its name is on the disk (NotOnDisk).
    """
    argv = sys.argv[1:] if argv is None else argv
    options = parser_for(argv).parse_args(argv)
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
        write(json.dumps(report.data, indent=2) if options.json else report.text)
    except BrokenPipeError:  # whoever reads has read enough (| head): no complaint, and none from the exit's own flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return refuse(in_words(error, options))
    return 0 if report.good else 1


def parser_for(argv: list[str]) -> argparse.ArgumentParser:
    """Return a parser that knows the command that the first argument names, or help is asked about; of the others it
    knows what --help says of them. Where the first argument is an option, it knows all.
    """
    parser = Parser(
        prog="refcompress",
        description="The reference for neural-network compression: to be read, to be fast, proven the same.",
    )
    parser.add_argument("--version", action="version", version=f"refcompress {__version__}")
    commands = Commands(parser.add_subparsers(dest="command", metavar="COMMAND", required=True))
    parser.set_defaults(parser=parser)  # for help
    first = argv[0] if argv else ""
    all_of_them = first.startswith("-") and first not in ("-h", "--help", "--version")
    asked = COMMANDS if all_of_them else argv if first == "help" else [first]
    modules = {COMMANDS[name][0] for name in asked if name in COMMANDS}
    for name, (module, _) in COMMANDS.items():
        if name not in commands.choices and module in modules:
            import_module(f"{__name__}.{module}").add_commands(commands)
        elif name not in commands.choices:
            commands.add_parser(name)
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        add_quiet(command)
    return parser


class Commands:
    """The parsers of the commands, each with its line of --help."""

    def __init__(self, parsers):
        self._parsers = parsers

    @property
    def choices(self) -> dict[str, argparse.ArgumentParser]:
        return self._parsers.choices

    def add_parser(self, name: str, **more) -> argparse.ArgumentParser:
        return self._parsers.add_parser(name, help=COMMANDS[name][1], **more)


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


def write(text: str) -> None:
    """Print a report; what the terminal's encoding lacks (a name may have any character) is written as an escape."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
