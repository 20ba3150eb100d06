"""The command run: a network computed from its compressed form, with a report of what computed each layer."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import checkpoints, models
from ..container.outlines import of_layer
from ..errors import RefcompressError
from ..formats import Graph, Node
from ..formats.graph import subgraphs
from ..graph import Model
from ..graph.sizes import shape_text
from ..graph.use import Use
from ..graph.uses import is_weight
from ..models import npy
from . import targets
from .options import add_implementation, add_limit, implementation, label
from .refusals import Refused, about
from .show import Report, add_wide, paragraph, printable, records, table

__all__ = ["add_commands"]

FEW = 12  # numbers of an output that are printed
SHORT = 40  # nodes that are listed one by one


def add_commands(commands) -> None:
    command = commands.add_parser("run")
    command.add_argument("source", metavar="FILE", help="a compressed file that holds a network, or an ONNX model")
    command.add_argument("--input", action="append", default=[], metavar="[NAME=]X.npy", dest="inputs",
                         help="an input of the network; NAME where it has several; or an .npz that holds all of them")
    command.add_argument("--output", metavar="OUT.npz", help="write the outputs, by their names")
    targets.add_force(command)
    add_wide(command)
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> Report:
    """Run the network that a file holds, and say of each node who computed it and what was decoded for it."""
    if options.output is not None:
        targets.check(options.output, [options.source, *(path for _, path in map(_named, options.inputs))],
                      force=options.force, suffixes=(".npz",))
    space = implementation(options)
    with about(options.source):
        model = checkpoints.load_model(options.source, implementation=space, limit=options.limit)
    inputs = _inputs(options, model)
    use = Use(space)
    try:
        outputs = model.run(inputs, use=use, allow_nan=True)
    except RefcompressError as error:
        raise Refused(printable(options.source) + ": " + error.argument, error.rule) from error
    if options.output is not None:
        with about(options.output):
            models.save(options.output, outputs, decoded=True)
    data, text = _report(options, model, use, outputs, label(space))
    bad = {name: int(np.isnan(y).sum()) for name, y in outputs.items() if y.dtype.kind == "f" and np.isnan(y).any()}
    warnings = [f"output {name!r} has {count:,} numbers that are NaN, of {outputs[name].size:,}"
                for name, count in bad.items()]
    return Report(data, text, good=not bad, warnings=warnings)


def _named(text: str) -> tuple[str, str]:
    """Return the name and the path of an --input; no name where the whole text is a path."""
    name, equals, path = text.partition("=")
    return ("", text) if not equals or os.path.exists(text) else (name, path)


def _inputs(options: argparse.Namespace, model: Model) -> dict[str, np.ndarray]:
    """Return the inputs by name; refuse what is missing, given twice, or no input of the network."""
    wanted = {each.name: each for each in model.graph.inputs}
    found: dict[str, np.ndarray] = {}

    def add(name: str, value: np.ndarray, said: str) -> None:
        if name not in wanted:
            raise Refused(said, f"{printable(name)} is no input of the network; it has {_listed(model)}")
        if name in found:
            raise Refused(said, f"gives the input {printable(name)} a second time")
        found[name] = value

    for text in options.inputs:
        name, path = _named(text)
        said = f"--input {printable(text)}"
        ending = os.path.splitext(path)[1].lower()
        with about(path):
            if ending == ".npy":
                value = npy.load(path, limit=options.limit)
                if not name and len(wanted) != 1:
                    raise Refused(said, f"must say which input it is, NAME={printable(path)}; the network has "
                                        f"{_listed(model)}")
                add(name or next(iter(wanted)), value, said)
            elif ending == ".npz" and not name:
                for key, each in models.load(path, limit=options.limit).items():
                    add(key, np.asarray(each), said)
            else:
                raise Refused(said, "must end in .npy, or without a name in .npz")
    if missing := [name for name in wanted if name not in found]:
        given = "--input X.npy" if len(wanted) == 1 else f"--input {printable(missing[0])}=X.npy"
        raise Refused(printable(options.source), f"takes {_listed(model)}: give {given}")
    return found


def _listed(model: Model) -> str:
    """Return the inputs of a network for a sentence: names, types and shapes."""
    return "; ".join(f"{printable(each.name)}, {each.type} {printable(shape_text(each.shape))}"
                     for each in model.graph.inputs) or "no input"


def _report(options: argparse.Namespace, model: Model, use: Use, outputs: dict[str, np.ndarray], space: str
            ) -> tuple[dict, str]:
    nodes: list[dict[str, Any]] = [{"node": node.name, "operation": node.operation, "weights": _weights(model, node),
              "computed by": use.said.get(node.name, [])} for node in _nodes(model.graph, use)]
    results = {name: _described(y) for name, y in outputs.items()}
    data = {"source": options.source, "implementation": space, "nodes": nodes, "outputs": results,
            "written": options.output}
    rows = [[each["node"], each["operation"], "; ".join(each["weights"].values()) or "-",
             "; ".join(each["computed by"]) or "NumPy"] for each in nodes]
    header = ["node", "operation", "weight in memory", "computed by"]
    text = [paragraph(f"{options.source}: network of {len(nodes)} nodes, computed by {space}")]
    if len(rows) <= SHORT or options.wide:
        text.append(records(rows, header, 2, wide=options.wide))
    else:
        weighted = [row for row in rows if row[2] != "-"]
        others = Counter((row[1], row[3]) for row in rows if row[2] == "-")
        text += [records(weighted, header, 2)] if weighted else []
        text += [paragraph("All other nodes (--wide lists them one by one):"),
                 table([[operation, count, by] for (operation, by), count in others.items()],
                       ["operation", "nodes", "computed by"])]
    text.append(table([[name, "x".join(map(str, y.shape)) or "scalar", y.dtype.name, _numbers(y)]
                       for name, y in outputs.items()], ["output", "shape", "type", "numbers"]))
    if options.output is not None:
        text.append(paragraph(f"{options.output}: {len(outputs)} arrays, {sum(y.nbytes for y in outputs.values()):,} "
                              "bytes"))
    return data, "\n".join(text)


def _nodes(graph: Graph, use: Use, branch: bool = False) -> Iterator[Node]:
    """Yield the nodes of a graph, and behind each those of its branches that said something: these ran."""
    for node in graph.nodes:
        if not branch or node.name in use.said:
            yield node
        for inner in subgraphs(node):
            yield from _nodes(inner, use, True)


def _weights(model: Model, node: Node) -> dict[str, str]:
    """Return by name how the tensors that a node takes as weights are held in memory."""
    return {name: of_layer(model.tensors[name]).text for i, name in enumerate(node.inputs)
            if name in model.tensors and is_weight((node, i))}


def _described(y: np.ndarray) -> dict:
    """Return what --json says of an output; the numbers themselves where they are few."""
    found: dict[str, Any] = {"shape": list(y.shape), "type": y.dtype.name}
    finite = y[np.isfinite(y)] if y.dtype.kind == "f" else y
    if y.size and finite.size and y.dtype.kind in "fiu":
        found |= {"least": finite.min().item(), "most": finite.max().item()}
    if y.dtype.kind == "f":
        found["nan"] = int(np.isnan(y).sum())
    if y.size <= 1000:
        found["numbers"] = [None if isinstance(v, float) and not np.isfinite(v) else v for v in y.reshape(-1).tolist()]
    return found


def _numbers(y: np.ndarray) -> str:
    """Return an output for a table: its numbers, or the least, the mean and the most of them."""
    if not y.size or y.dtype.kind not in "fiub":
        return "-"
    if y.size <= FEW or y.dtype.kind == "b":
        return " ".join(f"{v:.4g}" if y.dtype.kind == "f" else str(v) for v in y.reshape(-1)[:FEW].tolist())
    with np.errstate(all="ignore"):
        return f"{y.min():.4g} to {y.max():.4g}, mean {y.mean(dtype=np.float64):.4g}"
