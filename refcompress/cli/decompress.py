"""The commands decompress, back to a file of others, and rebuild, the same file once more."""

import argparse
import os

from .. import checkpoints, container, models
from . import targets
from .entries import left_out
from .options import add_implementation, add_limit, implementation
from .refusals import Refused, about
from .show import Report, paragraph, printable

__all__ = ["add_commands"]


def add_commands(commands) -> None:
    command = commands.add_parser("decompress", help="write the tensors that a compressed file stands for")
    command.add_argument("source", metavar="FILE", help="a compressed file")
    command.add_argument("target", metavar="TARGET",
                         help=f"the model to write, of the type that its suffix says: {', '.join(models.TARGET_TYPES)}")
    command.add_argument("--like", metavar="ORIGINAL",
                         help="for .onnx: the model that was compressed, whose graph is taken over")
    targets.add_force(command)
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=decompress)

    command = commands.add_parser("rebuild", help="compress a model by the recipe in a compressed file, and compare")
    command.add_argument("file", metavar="FILE", help="a compressed file that compress wrote")
    command.add_argument("--source", required=True, metavar="MODEL", help="the model that it was made of")
    command.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that work at a time (default 1)")
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=rebuild)


def decompress(options: argparse.Namespace) -> Report:
    read = [options.source] + ([] if options.like is None else [options.like])
    targets.check(options.target, read, force=options.force, suffixes=models.TARGET_TYPES)
    ending = os.path.splitext(options.target)[1].lower()
    if options.like is not None and ending != ".onnx":
        raise Refused("--like", f"is for a target that ends in .onnx, not {ending}")
    if options.like is None and ending == ".onnx":
        rule = "needs the graph of the model that was compressed: --like ORIGINAL.onnx"
        raise Refused(printable(options.target), rule)
    reading = {"implementation": implementation(options), "limit": options.limit}
    with about(options.source):
        file = checkpoints.Compressed(container.open(options.source, **reading))
    with file:
        with about(options.source):
            tensors = checkpoints.tensors_of(file, **reading)
            warnings = left_out({name: file[name] for name in file if name not in tensors})  # a .weight and a .bias
        with about(options.target, data=options.source):
            models.save(options.target, tensors, like=options.like, decoded=True)
    total, size = sum(tensor.nbytes for tensor in tensors.values()), os.path.getsize(options.source)
    return Report({"source": options.source, "target": options.target, "arrays": len(tensors), "bytes": size,
                   "decoded_bytes": total},
                  paragraph(f"{options.target}: {len(tensors)} tensors, {total:,} bytes, from {size:,}"),
                  warnings=warnings)


def rebuild(options: argparse.Namespace) -> Report:
    space = implementation(options)
    with about(options.file):
        found = checkpoints.rebuild(options.file, options.source, implementation=space, jobs=options.jobs,
                                    limit=options.limit)
    said = "made again from {}, byte for byte" if found.same else "NOT made again from {}: " + found.reason
    return Report({"file": options.file, "source": options.source, "good": found.same, "differs": found.differs,
                   "reason": found.reason, "version": found.version},
                  paragraph(f"{options.file}: {said.format(options.source)}"), good=found.same)
