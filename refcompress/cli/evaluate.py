"""The command evaluate: the error on MNIST of a network that a compressed file holds."""

import argparse
from typing import Any

import numpy as np

from .. import arguments, checkpoints, container
from ..graph import Model
from ..graph.use import Use
from ..recipes import lenet_5, lenet_300_100
from ..recipes.inference import classes
from ..training import Network, ReLU, Tanh, errors, mnist
from .entries import decoded, left_out
from .options import add_implementation, add_limit, implementation, label
from .refusals import Refused, about, about_array
from .show import Report, paragraph, printable, table, times

__all__ = ["add_commands"]

Parts = dict[str, mnist.Examples]  # validation and test
NETWORKS = {"LeNet-300-100": lenet_300_100, "LeNet-5": lenet_5}
BATCH = 1000  # images that run together
IMAGES: tuple[tuple[int, ...], ...] = ((784,), (1, 28, 28))  # the shapes of an image that a network may take


def add_commands(commands) -> None:
    command = commands.add_parser("evaluate")
    command.add_argument("source", help="a file that holds a network for MNIST; or, with --order and --activation, the "
                                        "weights of LeNet-300-100 or LeNet-5")
    command.add_argument(
        "--data",
        default=None,
        metavar="DIRECTORY",
        help="where the four MNIST files are (default: data/mnist of the source tree, or of this folder)",
    )
    command.add_argument("--order", metavar="LAYER,LAYER,...",
                         help="for a file without a graph: its layers, first to last")
    command.add_argument("--activation", choices=("relu", "tanh"),
                         help="for a file without a graph: what stands between the layers")
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> Report:
    space = implementation(options)
    with about(options.source), container.files.Opened(options.source) as source:
        size = source.size
    parts = _parts(options)  # before anything is decoded
    with about(options.source), container.open(options.source, implementation=space, limit=options.limit) as file:
        if file.graph_name is None:
            return _of_weights(options, space, parts, dict(file), size)
        said = [name for name in ("order", "activation") if getattr(options, name) is not None]
        if said:
            raise Refused(f"--{said[0]}", f"is for a file without a graph, and {printable(options.source)} has one")
        model = checkpoints.load_model(options.source, implementation=space, limit=options.limit)
    return _of_graph(options, space, parts, model, size)


def _of_graph(options: argparse.Namespace, space: Any, parts: Parts, model: Model, size: int) -> Report:
    """Run the network as it is stored; an image with an output that is NaN counts as wrong."""
    shape, batch = _image(model, printable(options.source))
    use, rows, nan = Use(space, keep=True), [], 0
    for part, images in parts.items():
        inputs, answers = images.inputs().reshape(len(images), *shape), []
        for start in range(0, len(images), batch):
            x = inputs[start : start + batch]
            fill = batch - len(x) if batch != BATCH else 0  # of a network for a fixed number of images
            x = np.concatenate([x, np.zeros((fill, *shape), np.float32)]) if fill else x
            answers.append(classes(next(iter(model.run(x, use=use, allow_nan=True).values())))[: batch - fill])
        found = np.concatenate(answers)
        nan += int((found < 0).sum())
        wrong = int((found != images.labels).sum())
        rows.append([part, len(images), wrong, f"{100 * wrong / len(images):.2f}"])
    raw = sum(4 * int(np.prod(value.shape)) for value in model.tensors.values())
    products = sorted({what for said in use.said.values() for what in said})
    count = len(model.graph.nodes)
    text = paragraph(f"{options.source}: network of {count} nodes, {size:,} bytes, {times(raw, size)} than float32; "
                     f"computed by {label(space)}: {', '.join(products) or 'NumPy'}")
    data = {"source": options.source, "nodes": count, "bytes": size, "ratio": raw / size, "computed by": use.said,
            "errors": {row[0]: row[2] for row in rows}, "images": {row[0]: row[1] for row in rows}, "nan": nan}
    warnings = [f"{nan} images have an output that is NaN; they count as wrong"] if nan else []
    return Report(data, text + "\n" + table(rows, ["images", "number", "wrong", "error, %"]), good=not nan,
                  warnings=warnings)


def _image(model: Model, where: str) -> tuple[tuple[int, ...], int]:
    """Return the shape of an image, and how many run together; refuse a network that is none for MNIST."""
    graph = model.graph
    given = graph.inputs[0].shape if len(graph.inputs) == 1 and graph.inputs[0].type == "float32" else ()
    known = model.known[graph.outputs[0]].shape
    shape = next((each for each in IMAGES if each == given[1:]), None)
    if shape is None or len(graph.outputs) != 1 or known is None or known[1:] != (10,):
        raise Refused(where, "must be a network that takes (n, 784) or (n, 1, 28, 28) float32 and gives (n, 10), the "
                             "images of MNIST and their classes")
    return shape, given[0] if isinstance(given[0], int) else BATCH


def _of_weights(options: argparse.Namespace, space: Any, parts: Parts, layers: dict[str, Any], size: int) -> Report:
    """Decode the weights of a LeNet, and compute it in float64 in the order and with the activations that are given."""
    arrays = decoded(layers)
    missing = [f"--{name}" for name in ("order", "activation") if getattr(options, name) is None]
    if missing:
        names = ", ".join(dict.fromkeys(printable(key.rpartition(".")[0] or key) for key in arrays))
        raise Refused(printable(options.source), f"has no graph: give {' and '.join(missing)} too, for it does not say "
                      "in which order its layers follow each other, nor what stands between them (such as --order "
                      f"a,b,c --activation relu; it has {names})")
    for name, recipe in NETWORKS.items():
        network = recipe.network(np.random.default_rng(0))
        if {key: p.shape for key, p in network.parameters.items()} == {
            key: value.shape for key, value in arrays.items()
        }:
            break
    else:
        raise Refused(
            printable(options.source), f"must hold the parameters of {' or '.join(NETWORKS)}, in their shapes"
        )
    order = [key for key, layer in network.layers.items() if layer.parameters]
    if options.order.split(",") != order:
        raise Refused("--order", f"must be an order in which the layers of {name} fit: {','.join(order)}")
    for key, value in arrays.items():
        with about_array(key, options):
            network.assign({key: arguments.finite(value.array(), "array")})
    if options.activation == "tanh":
        network = Network((key, Tanh() if isinstance(layer, ReLU) else layer) for key, layer in network.layers.items())
    wide, rows = network.astype(np.float64), []
    for part, images in parts.items():
        wrong = errors(wide, images.inputs().astype(np.float64), images.labels)
        rows.append([part, len(images), wrong, f"{100 * wrong / len(images):.2f}"])
    raw = sum(p.nbytes for p in network.parameters.values())
    text = paragraph(f"{options.source}: {name}, {size:,} bytes, {times(raw, size)} than float32; decoded by "
                     f"{label(space)}, products in float64 by NumPy, layers in the order {', '.join(order)}, "
                     f"{options.activation} between them, as you say (the file does not)")
    return Report(
        {
            "source": options.source,
            "network": name,
            "order": order,
            "activation": options.activation,
            "bytes": size,
            "ratio": raw / size,
            "errors": {row[0]: row[2] for row in rows},
            "images": {row[0]: row[1] for row in rows},
        },
        text + "\n" + table(rows, ["images", "number", "wrong", "error, %"]),
        warnings=left_out(layers),
    )


def _parts(options: argparse.Namespace) -> Parts:
    """Return the validation and the test images."""
    with about(options.data or mnist.folder()):
        examples, test = mnist.load(options.data)
    return {"validation": mnist.split(examples)[1], "test": test}
