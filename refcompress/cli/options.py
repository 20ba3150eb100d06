"""Options that several commands share: which implementation computes, and how files are read."""

import argparse
import re
from decimal import Decimal
from typing import Any

from .. import arguments, reference
from ..errors import NotBuilt

__all__ = ["add_implementation", "implementation", "implementation_for_few", "label", "add_limit"]

CHOICES = ("auto", "reference", "native", "portable", "avx2", "avx512")


def add_implementation(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--implementation", choices=CHOICES, default="auto",
        help="who computes: reference (NumPy), native (C, the widest instruction set), one instruction set by name, or "
             "auto: native where it is built (default); the report says which, and the files are the same",
    )
    command.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of the native kernels (default: one a processor); changes no bit of any result",
    )


def implementation(options: argparse.Namespace) -> Any:
    """Return the namespace that the options ask for, and give it its threads."""
    if options.threads is not None:
        arguments.integer(options.threads, "threads", 1)
    if options.implementation == "reference":
        return reference
    try:
        from .. import native
    except NotBuilt:
        if options.implementation == "auto":
            return reference
        raise
    space: Any = native
    if options.implementation not in ("auto", "native"):
        known = {each.__name__.removeprefix("native."): each for each in native.available()}
        names = "auto", "reference", "native", *known
        space = known[arguments.choice(options.implementation, "implementation", names)]
    if options.threads is not None:
        native.threads.set(options.threads)
    return space


class Later:
    """The namespace that the options ask for, which is loaded when the first operation is asked of it."""

    def __init__(self, options: argparse.Namespace):
        self._options = options

    def __getattr__(self, name: str) -> Any:
        return getattr(implementation(self._options), name)


def implementation_for_few(options: argparse.Namespace) -> Any:
    """Return the namespace that the options ask for, for work that may need no operation; auto is loaded later."""
    if options.implementation == "auto" and options.threads is None:
        return Later(options)
    return implementation(options)


def label(namespace: Any) -> str:
    """Return the name of an implementation for a report."""
    return namespace.__name__.removeprefix("refcompress.")


def add_limit(command: argparse.ArgumentParser, by_size: bool = False) -> None:
    """by_size : of files of strangers; where no limit is given it is None, and ``audit.limits`` says what holds."""
    usual = "of a compressed file 1000 times its size and 16MiB, of others 4GiB" if by_size else "%(default)s"
    command.add_argument(
        "--limit",
        type=size,
        default=None if by_size else "4GiB",
        metavar="SIZE",
        help="refuse files that unpack or decode to more than this: bytes, or with a unit: 10MB is 10 x 1000 x "
        f"1000 bytes, 10MiB is 10 x 1024 x 1024; also k, G, T (default: {usual})",
    )


def size(text: str) -> int:
    """Return a number of bytes: plain, or with a unit that counts by 1000 (kB, MB, ...) or by 1024 (KiB, MiB, ...).

    >>> size("4096"), size("10 MB"), size("1.5GiB")
    (4096, 10000000, 1610612736)
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt]?)(i?)b?)", text.strip(), re.ASCII | re.IGNORECASE)
    number, prefix, binary = match.groups() if match else (None, "", "")
    if number is None or (binary and not prefix) or len(number) > 30:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; such are 500000, 10MB (by 1000) and 4GiB (by 1024)")
    return int(Decimal(number) * (1024 if binary else 1000) ** " kmgt".index(prefix.lower() or " "))
