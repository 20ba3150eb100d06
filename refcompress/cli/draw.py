"""The command draw: the picture of a network that a file holds."""

import argparse
import os

from .. import checkpoints, container
from ..graph import draw
from . import targets
from .options import add_limit, implementation_for_few
from .refusals import Refused, about
from .show import Report, paragraph, printable

__all__ = ["add_commands"]


def add_commands(commands) -> None:
    command = commands.add_parser("draw")
    command.add_argument("source", metavar="FILE", help="a compressed file that holds a network, or an ONNX model")
    command.add_argument("target", metavar="OUT.svg", help="the picture to write")
    targets.add_force(command)
    add_limit(command)
    command.set_defaults(run=picture, implementation="auto", threads=None)


def picture(options: argparse.Namespace) -> Report:
    targets.refuse_sources(options.target, [options.source])
    if not options.target.lower().endswith(".svg"):
        raise Refused(printable(options.target), "must end in .svg, the kind of file that is written")
    with about(options.target):
        container.files.target_of(options.target)
    if not options.force and os.path.exists(options.target):
        raise Refused(printable(options.target), "is there already; --force replaces it")
    with about(options.source):
        model = checkpoints.load_model(options.source, implementation=implementation_for_few(options),
                                       limit=options.limit)
    text = draw(model)
    with about(options.target), container.files.writing(options.target) as file:
        file.write(text.encode("utf-8"))
    count = len(model.graph.nodes)
    return Report({"source": options.source, "target": options.target, "nodes": count, "bytes": len(text.encode())},
                  paragraph(f"{options.target}: {count} nodes"))
