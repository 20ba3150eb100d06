"""Options that several commands share: which implementation computes, and how files are read."""

import argparse
import math
import time

import numpy as np

from .. import arguments, container, reference
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
    if options.threads is not None:
        native.threads.set(options.threads)
    return native if options.implementation in ("auto", "native") else native.at(options.implementation)


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
        return f"{value.values.dtype.name}, {value.scale.size} scale{'s' * (value.scale.size != 1)}"
    if isinstance(value, Mixed):
        return f"int8, {np.count_nonzero(value.wide)} of {len(value.wide)} {('rows', 'columns')[value.axis]} int16"
    if isinstance(value, MX):
        return f"{value.format}, blocks of 32"
    if isinstance(value, NF4):
        return f"nf4, blocks of {value.block}"
    if isinstance(value, LowRank):
        return f"low rank, {value.rank}"
    return f"array, {value.dtype.name}"


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
    command.add_argument("--limit", type=int, default=container.DEFAULT_LIMIT, metavar="BYTES",
                         help="refuse files that unpack or decode to more than this (default: %(default)s)")
