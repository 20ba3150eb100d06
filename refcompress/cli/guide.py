"""The commands help, the long form of --help, and include, which says where the header for C lies."""

import argparse
from pathlib import Path

from .refusals import Refused
from .show import Report

__all__ = ["add_commands"]

HEADER = "refcompress.h"
PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (PACKAGE / "include", PACKAGE.parent / "csrc")  # of a wheel; of a source tree


def add_commands(commands) -> None:
    command = commands.add_parser("help")
    command.add_argument("about", nargs="?", metavar="COMMAND", help="one command (default: list all)")
    command.set_defaults(run=lambda options: help_on(options, commands.choices))
    command = commands.add_parser("include")
    command.set_defaults(run=include)


def help_on(options: argparse.Namespace, commands: dict) -> Report:
    about = options.parser if options.about is None else commands.get(options.about)
    if about is None:
        raise Refused("help", f"there is no command {options.about!r}; there are {', '.join(commands)}")
    text = about.format_help()
    return Report({"command": options.about, "help": text}, text.rstrip())


def include(options: argparse.Namespace) -> Report:
    for folder in FOLDERS:
        if (folder / HEADER).is_file():
            return Report({"include": str(folder)}, str(folder))
    raise Refused("include", f"{HEADER} is not in {FOLDERS[0]}; install refcompress again")
