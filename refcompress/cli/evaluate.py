"""The command evaluate: the error on MNIST of a network that a compressed file holds."""

import argparse

import numpy as np

from .. import arguments, container
from ..recipes import lenet_5, lenet_300_100
from ..training import Network, ReLU, Tanh, errors, mnist
from .entries import decoded, left_out
from .options import add_implementation, add_limit, implementation, label
from .refusals import Refused, about, about_array
from .show import Report, paragraph, printable, table, times

__all__ = ["add_commands"]

NETWORKS = {"LeNet-300-100": lenet_300_100, "LeNet-5": lenet_5}


def add_commands(commands) -> None:
    command = commands.add_parser("evaluate", help="decode a LeNet and count its errors on MNIST")
    command.add_argument(
        "source", help="a file that holds LeNet-300-100 or LeNet-5 (which one follows from its entries)"
    )
    command.add_argument(
        "--data",
        default=None,
        metavar="DIRECTORY",
        help="where the four MNIST files are (default: data/mnist of the source tree, or of this folder)",
    )
    command.add_argument(
        "--activation",
        choices=("relu", "tanh"),
        default="relu",
        help="what stands between the layers, which no file says (default: %(default)s)",
    )
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> Report:
    space = implementation(options)
    with about(options.source):
        data = container.files.read(options.source, options.limit)
        layers = container.loads(data, implementation=space, limit=options.limit)
        arrays = decoded(layers)
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
    for key, value in arrays.items():
        with about_array(key, options):
            network.assign({key: arguments.finite(value.array(), "array")})
    if options.activation == "tanh":
        network = Network((key, Tanh() if isinstance(layer, ReLU) else layer) for key, layer in network.layers.items())
    with about(options.data or mnist.folder()):
        examples, test = mnist.load(options.data)
    _, validation = mnist.split(examples)
    wide, rows = network.astype(np.float64), []
    for part, images in (("validation", validation), ("test", test)):
        wrong = errors(wide, images.inputs().astype(np.float64), images.labels)
        rows.append([part, len(images), wrong, f"{100 * wrong / len(images):.2f}"])
    raw = sum(p.nbytes for p in network.parameters.values())
    text = (
        paragraph(
            f"{options.source}: {name}, {len(data):,} bytes, {times(raw, len(data))} than float32; decoded by "
            f"{label(space)}, products in float64 by NumPy, layers in the order {', '.join(_layers(network))}, "
            f"{options.activation} between them (the file does not say)"
        )
        + "\n"
        + table(rows, ["images", "number", "wrong", "error, %"])
    )
    return Report(
        {
            "source": options.source,
            "network": name,
            "order": _layers(network),
            "activation": options.activation,
            "bytes": len(data),
            "ratio": raw / len(data),
            "errors": {row[0]: row[2] for row in rows},
            "images": {row[0]: row[1] for row in rows},
        },
        text,
        warnings=left_out(layers),
    )


def _layers(network: Network) -> list[str]:
    return [name for name, layer in network.layers.items() if layer.parameters]
