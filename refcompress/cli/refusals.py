"""Refusals in the words of who typed the command: files, tensors and options, never the parameters of functions."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import RefcompressError
from .show import printable

__all__ = ["Refused", "about", "about_array", "in_words", "say"]

# Which have the same names in the library; of a target its rule says the path.
OPTIONS = ("limit", "bfloat16", "like", "strict", "jobs", "budget", "target")
OF_TENSORS = re.compile(r"tensors\[(.*)\]", re.DOTALL)


class Refused(RefcompressError):
    """A refusal that names what was typed, or what lies in a file, already."""


@contextmanager
def about(subject, data=None) -> Iterator[None]:
    """Let a refusal inside name ``subject``, a path, unless an option that was typed is at fault.

    What is wrong with a tensor is said of the tensor in that file. data : the path that is named for bytes that do not
    read, where it is another one.
    """
    try:
        yield
    except RefcompressError as error:
        if isinstance(error, Refused) or error.argument in OPTIONS:
            raise
        path = data if data is not None and error.argument == "data" else subject
        listed = OF_TENSORS.fullmatch(error.argument)
        where = f"tensor {listed[1]}" if listed else error.argument
        inside = f": {where}" if where.startswith(("tensor ", "rule ", "recipe")) else ""
        named = repr(os.fsdecode(path))  # which some rules begin with: a line says it once
        rule = error.rule.removeprefix(named).lstrip(": ") if error.rule.startswith(named) else error.rule
        raise Refused(printable(os.fsdecode(path)) + inside, rule) from error


@contextmanager
def about_array(name: str, options: argparse.Namespace) -> Iterator[None]:
    """Let a refusal inside name the array and its element, unless an option is at fault."""
    try:
        yield
    except RefcompressError as error:
        if isinstance(error, Refused) or error.argument in vars(options):
            raise
        _, _, element = error.argument.partition("[")
        raise Refused(
            f"array {printable(name)}" + (f", element [{element}" if element[:1].isdigit() else ""), error.rule
        ) from error


def say(text: str) -> None:
    """Say something on one line of standard error."""
    print(f"refcompress: {printable(' '.join(text.split()))}", file=sys.stderr)


def in_words(error: Exception, options: argparse.Namespace) -> str:
    """Return one line for a refusal: an option by the name that it has on the command line, a file by its path."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{os.fsdecode(error.filename)}: {error.strerror}"
            if isinstance(error.filename, (str, bytes))
            else error.strerror
        )
    if isinstance(error, RefcompressError) and error.argument == "target":
        return error.rule
    if isinstance(error, RefcompressError) and error.argument in vars(options):
        return f"--{error.argument.replace('_', '-')}: {error.rule}"
    return str(error)
