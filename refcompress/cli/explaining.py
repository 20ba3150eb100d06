"""The command explain: a tensor of a file, or a small matrix, through every step with numbers."""

import argparse
import os

import numpy as np

from .. import container
from ..audit.explain import MOST, Step, steps_of
from ..audit.explain_stored import steps_of_tensor
from ..audit.limits import limit_of_others
from ..audit.picture import picture_of
from ..errors import RefcompressError
from ..models import npy
from . import targets
from .options import add_implementation, add_limit, implementation_for_few
from .refusals import Refused, about
from .show import Report, columns, paragraph, printable, table

__all__ = ["add_commands"]

SCHEMA = "refcompress.explain/1"


def add_commands(commands) -> None:
    command = commands.add_parser("explain")
    command.add_argument("source", metavar="FILE", nargs="?", help="a model file of any type, or a compressed file")
    command.add_argument("name", metavar="NAME", nargs="?", help="a tensor, or an entry of a compressed file")
    command.add_argument("--matrix", metavar="W.npy",
                         help="instead of a file: a matrix, pruned, clustered and coded; of a larger one the first "
                              f"{MOST[0]} x {MOST[1]} numbers")
    command.add_argument("--sparsity", type=float, default=0.5,
                         help="of floats: the share that is pruned (default 0.5)")
    command.add_argument("--bits", type=int, default=2, help="of floats: bits of a code, 1 to 8 (default 2)")
    command.add_argument("--svg", metavar="OUT.svg", help="draw the same as a picture, too")
    targets.add_force(command)
    add_implementation(command)
    add_limit(command, by_size=True)
    command.set_defaults(run=explain)


def explain(options: argparse.Namespace) -> Report:
    """Explain what was asked for, and draw it where that was asked for too."""
    if (options.matrix is None) == (options.name is None):
        raise Refused("explain", "takes either FILE NAME, or --matrix W.npy")
    if options.matrix is not None and options.source is not None:
        raise Refused("--matrix", "stands alone: it is no tensor of a file")
    _check_target(options)
    if options.matrix is not None:
        title, steps = options.matrix, _of_matrix(options)
    else:
        title = f"{options.source}: {options.name}"
        try:
            steps = steps_of_tensor(options.source, options.name, limit=options.limit,
                                    implementation=implementation_for_few(options), sparsity=options.sparsity,
                                    bits=options.bits)
        except RefcompressError as error:
            of = f"--{error.argument}" if error.argument in ("sparsity", "bits") else options.source
            raise Refused(printable(of), error.rule) from error
    if options.svg is not None:
        with about(options.svg), container.files.writing(options.svg) as file:
            file.write(picture_of(title, steps).encode())
    data = {"schema": SCHEMA, "source": options.matrix or options.source, "name": options.name,
            "steps": [vars(step) for step in steps], "svg": options.svg}
    return Report(data, "\n\n".join([printable(title), *(_text(i, step) for i, step in enumerate(steps, 1))]))


def _check_target(options: argparse.Namespace) -> None:
    if options.svg is None:
        return
    if not options.svg.lower().endswith(".svg"):
        raise Refused(printable(options.svg), "must end in .svg, the kind of file that is written")
    targets.refuse_sources(options.svg, [options.matrix or options.source])
    with about(options.svg):
        container.files.target_of(options.svg)
    if not options.force and os.path.exists(options.svg):
        raise Refused(printable(options.svg), "is there already; --force replaces it")


def _of_matrix(options: argparse.Namespace) -> list[Step]:
    if not options.matrix.lower().endswith(".npy"):
        raise Refused(printable(options.matrix), "must end in .npy; a tensor of another file is named by FILE NAME")
    with about(options.matrix):
        w = npy.load(options.matrix, limit=limit_of_others(options.limit))
        if w.ndim != 2 or w.dtype.kind != "f" or not w.size:
            raise Refused(printable(options.matrix), f"must hold a matrix of floats, not {w.dtype.name} of {w.ndim} "
                                                     "dimensions" if w.size else "must not be empty")
        shown = np.ascontiguousarray(w[: MOST[0], : MOST[1]], np.float32)
        try:
            return steps_of(shown, sparsity=options.sparsity, bits=options.bits)
        except RefcompressError as error:
            if error.argument in ("sparsity", "bits"):
                raise Refused(f"--{error.argument}", error.rule) from error
            raise Refused(printable(options.matrix), error.rule) from error


def _text(number: int, step: Step) -> str:
    lines = [f"{number}. {step.title}", paragraph(step.words)]
    if step.header is not None:
        lines.append(table(step.cells, step.header))
    elif step.cells:
        width = max((len(text) for row in step.cells for text in row), default=0)
        most = max((columns() - 2) // (width + 2), 1)
        lines += ["  " + "  ".join(text.rjust(width) for text in row[:most]) for row in step.cells]
    return "\n".join(lines)
