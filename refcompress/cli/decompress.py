"""The commands decompress, back to a file of others, and rebuild, the same file once more."""

import argparse
import os
import warnings

from .. import checkpoints, container, models
from ..checkpoints import decoding
from ..formats import GGML_TYPES
from ..models import gguf_types
from . import targets
from .entries import left_out
from .options import add_implementation, add_limit, implementation
from .refusals import Refused, about
from .show import Report, paragraph, printable, some

__all__ = ["add_commands"]

WEIGHTS = ("float64", "float32", "float16", "bfloat16")  # types of elements that --type converts


def add_commands(commands) -> None:
    command = commands.add_parser("decompress")
    command.add_argument("source", metavar="FILE", help="a compressed file")
    command.add_argument("target", metavar="TARGET",
                         help=f"the model to write, of the type that its suffix says: {', '.join(models.TARGET_TYPES)}")
    command.add_argument("--like", metavar="ORIGINAL",
                         help="for .onnx and .gguf: the model that was compressed; graph or metadata are taken over. "
                              "Without it a file that holds a network becomes .onnx from its own graph")
    command.add_argument("--quantized", action="store_true",
                         help="for .onnx: keep integers with scales, and a DequantizeLinear for each, where ONNX has "
                              "such; without it weights are written as the numbers that they stand for")
    command.add_argument("--type", choices=gguf_types.TARGETS,
                         help="for .gguf: what weights become, by ggml's own rules (vectors, and rows that are no "
                              "multiple of its blocks, stay as they are)")
    targets.add_force(command)
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=decompress)

    command = commands.add_parser("rebuild")
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
    for option, endings in (("like", (".onnx", ".gguf")), ("quantized", (".onnx",)), ("type", (".gguf",))):
        if getattr(options, option) and ending not in endings:
            raise Refused(f"--{option}", f"is for a target that ends in {' or '.join(endings)}, not {ending}")
    reading = {"implementation": implementation(options), "limit": options.limit}
    with about(options.source):
        file = checkpoints.Compressed(container.open(options.source, **reading))
    same: list[str] = []
    with file:
        network = options.like is None and ending == ".onnx"
        if network and file.graph_name is None:
            raise Refused(printable(options.target), f"needs a graph, and {printable(options.source)} has none; that "
                          "of the model that was compressed will do: --like ORIGINAL.onnx")
        with about(options.source):
            integers = options.quantized or options.type is not None
            tensors = checkpoints.tensors_of(file, **reading, integers=integers)
            said = [f"the network of {printable(options.source)} is not written: {ending} holds tensors alone"] \
                if file.graph_name is not None and ending != ".onnx" else []
            said += left_out({name: file[name] for name in file if name not in tensors})  # a .weight and a .bias
        if options.type is not None:
            tensors = {name: _of_type(tensor, options.type) for name, tensor in tensors.items()}
            same = [name for name, tensor in tensors.items() if tensor.type != options.type]
            said += [f"not written as {options.type}: {some(same, 'tensors')}"] if same else []
        with about(options.target, data=options.source), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if network:
                decoding.write_network(options.source, options.target, **reading, integers=options.quantized)
            else:
                with decoding.completed(file, tensors, options.like, limit=options.limit) as whole:
                    models.save(options.target, whole, like=options.like, decoded=True)
        said += [str(each.message) for each in caught]
    total, size = sum(tensor.nbytes for tensor in tensors.values()), os.path.getsize(options.source)
    written = os.path.getsize(options.target)
    return Report({"source": options.source, "target": options.target, "arrays": len(tensors), "bytes": size,
                   "decoded_bytes": total, "written_bytes": written, "as_they_are": same, "warnings": said},
                  paragraph(f"{options.target}: {len(tensors)} tensors, {written:,} bytes, from {size:,}"),
                  warnings=said)


def _of_type(tensor: models.Tensor, kind: str) -> models.Tensor:
    """Return a weight as a type of GGUF; as it is what is no weight, or has rows that are no multiple of its blocks."""
    block = GGML_TYPES[kind].numbers if kind in GGML_TYPES else 1
    if len(tensor.shape) < 2 or tensor.type not in WEIGHTS or tensor.shape[-1] % block:
        return tensor
    return gguf_types.as_type(tensor, kind)


def rebuild(options: argparse.Namespace) -> Report:
    space = implementation(options)
    with about(options.file):
        found = checkpoints.rebuild(options.file, options.source, implementation=space, jobs=options.jobs,
                                    limit=options.limit)
    said = "made again from {}, byte for byte" if found.same else "NOT made again from {}: " + found.reason
    return Report({"file": options.file, "source": options.source, "good": found.same, "differs": found.differs,
                   "reason": found.reason, "version": found.version},
                  paragraph(f"{options.file}: {said.format(options.source)}"), good=found.same)
