"""Options that several commands share: which implementation computes, and how files are read."""

import argparse
import math
import re
import time
from decimal import Decimal

import numpy as np

from .. import arguments, reference
from ..errors import NotBuilt
from ..formats import CSR, MX, NF4, LowRank, Mixed, Quantized, Shared

__all__ = ["add_implementation", "implementation", "label", "decoded_bytes", "describe", "median_seconds", "add_limit"]

CHOICES = ("auto", "reference", "native", "portable", "avx2", "avx512")


def add_implementation(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--implementation", choices=CHOICES, default="auto",
        help="who computes: reference (NumPy), native (C, the widest instruction set), one instruction set by name, or "
             "auto: native where it is built (default); the report says which, and the files are the same",
    )
    command.add_argument("--threads", type=int, metavar="N", help="of the native kernels (default: one a processor); changes "
                                                                  "no bit of any result")


def implementation(options: argparse.Namespace):
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
    space = native
    if options.implementation not in ("auto", "native"):
        known = {space.__name__.removeprefix("native."): space for space in native.available()}
        space = known[arguments.choice(options.implementation, "implementation", ("auto", "reference", "native", *known))]
    if options.threads is not None:
        native.threads.set(options.threads)
    return space


def label(namespace) -> str:
    return namespace.__name__.removeprefix("refcompress.")


def decoded_bytes(layers: dict) -> int:
    """Return the bytes of the layers as the dense arrays that they stand for (float32 for every format)."""
    return sum(v.nbytes if isinstance(v, np.ndarray) else 4 * math.prod(v.shape) for v in layers.values())


def describe(value) -> str:
    """Return what a layer is stored as, in a few words."""
    if isinstance(value, Shared):
        if not value.pruned:
            return f"shared, {len(value.codebook)} values"
        kept = np.count_nonzero(value.codes) / max(value.codes.size, 1)
        return f"shared, {len(value.codebook) - 1} values and zero, {kept:.1%} kept"
    if isinstance(value, CSR):
        return f"csr, {value.nnz:,} entries"
    if isinstance(value, Quantized):
        return f"{bits_of(value.values)} bits, {value.scale.size:,} scale{'s' * (value.scale.size != 1)}"
    if isinstance(value, Mixed):
        return f"8 bits, {np.count_nonzero(value.wide)} of {len(value.wide)} {('rows', 'columns')[value.axis]} 16 bits"
    if isinstance(value, MX):
        return f"{value.format}, blocks of 32"
    if isinstance(value, NF4):
        return f"nf4, blocks of {value.block}"
    if isinstance(value, LowRank):
        return f"low rank, {value.rank}"
    return f"array, {value.dtype.name}"


def bits_of(values: np.ndarray) -> int:
    """Return the bits of the narrowest two's complement that holds all of ``values``, however wide they are in memory."""
    return max(int(values.max(initial=0)), -int(values.min(initial=0)) - 1).bit_length() + 1


def median_seconds(functions: list, rounds: int = 7) -> list[float]:
    """Return the median seconds of each function, timed in turn (A B A B ...) after one call of each to warm up."""
    for function in functions:
        function()
    times = [[] for _ in functions]
    for _ in range(rounds):
        for function, own in zip(functions, times):
            begin = time.perf_counter()
            function()
            own.append(time.perf_counter() - begin)
    return [float(np.median(own)) for own in times]


def add_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument("--limit", type=size, default="4GiB", metavar="SIZE",
                         help="refuse files that unpack or decode to more than this: bytes, or with a unit: 10MB is 10 x 1000 x "
                              "1000 bytes, 10MiB is 10 x 1024 x 1024; also k, G, T (default: %(default)s)")


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
