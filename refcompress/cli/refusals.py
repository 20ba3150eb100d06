"""Refusals in the words of who typed the command: files, arrays and options, never the parameters of functions."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import RefcompressError
from .show import printable

__all__ = ["Refused", "about", "about_array", "in_words"]


class Refused(RefcompressError):
    """A refusal that names what was typed, or what lies in a file, already."""


@contextmanager
def about(subject) -> Iterator[None]:
    """Let a refusal inside name ``subject``, a path, unless the limit that was typed is at fault."""
    try:
        yield
    except RefcompressError as error:
        if isinstance(error, Refused) or error.argument in ("limit", "bfloat16"):
            raise
        raise Refused(printable(os.fsdecode(subject)), error.rule) from error


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
    if isinstance(error, RefcompressError) and error.argument in vars(options):
        return f"--{error.argument}: {error.rule}"
    return str(error)
