"""refcompress demo: LeNet-300-100 on MNIST by Deep Compression, from training to running it out of its file."""

import argparse
import time
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .. import agreement, arguments, checkpoints, container, reference
from ..formats import Graph, Shared
from ..graph.use import Use
from ..ledger import Ledger, layers_and_ledger
from ..recipes import deep_compression, lenet_300_100
from ..recipes.inference import classes, model_of_layers
from ..testing.clock import in_turns, timed
from ..training import error_rate, mnist
from . import options as shared_options
from . import targets
from .files import ledger_report
from .progress import Progress
from .refusals import about
from .show import Report, paragraph, table

# Han, Mao and Dally, Deep Compression (arXiv 1510.00149v5): table 1, and the layers' rows of table 2 (layer: kept %,
# bits a weight and bits an index after Huffman coding, compressed to % of its float32 size).
PAPER = {"reference_error": 1.64, "error": 1.58, "bytes": 27_000, "ratio": 40}
PAPER_LAYERS = {"fc1": (8, 4.4, 3.7, 2.32), "fc2": (9, 4.4, 4.3, 3.04), "fc3": (26, 4.3, 3.2, 12.70)}


def add_commands(commands) -> None:
    command = commands.add_parser("demo")
    command.add_argument("--out", default="demo.rcz", metavar="FILE", help="the file to write (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="of the initial weights and all that follows (default 0)")
    command.add_argument(
        "--data",
        default=None,
        metavar="DIRECTORY",
        help="where the four MNIST files are (default: data/mnist of the source tree, or of this folder)",
    )
    targets.add_force(command)
    shared_options.add_implementation(command)
    command.set_defaults(run=demo)


def demo(options: argparse.Namespace) -> Report:
    """Run the whole pipeline and report it beside the paper."""
    space = shared_options.implementation(options)
    arguments.integer(options.seed, "seed", 0)
    folder = mnist.folder() if options.data is None else Path(options.data)
    # Before the minutes of training.
    targets.check(options.out, [folder / f"{name}.gz" for name in mnist.MD5], force=options.force)
    with about(folder):
        examples, test = mnist.load(folder)
    training, validation = ((part.inputs(), part.labels) for part in mnist.split(examples))
    begun = time.perf_counter()
    with Progress(options.quiet) as progress:
        network = lenet_300_100.train_reference(*training, seed=options.seed, progress=progress.step)
        result = deep_compression(network, training, validation, lenet_300_100.SETTINGS, seed=options.seed,
                                  implementation=space, progress=progress.step)
    seconds = time.perf_counter() - begun

    # From here on only the file counts: it is written, read back, and compared with what was meant, bit for bit.
    shape = {"order": lenet_300_100.LAYERS, "activations": "relu"}
    checkpoints.save_model(options.out, model_of_layers(result.compressed, **shape), implementation=space)
    written = container.files.read(options.out, container.DEFAULT_LIMIT)
    layers, book = layers_and_ledger(written, implementation=space)
    weights = {name: value for name, value in layers.items() if not isinstance(value, Graph)}
    agreement.exactly({name: result.compressed[name] for name in weights}, weights)

    images, labels = test.inputs(), test.labels
    small, use = checkpoints.load_model(options.out, implementation=space), Use(space, keep=True)
    wrong = classes(next(iter(small.run(images, use=use).values()))) != labels
    original = sum(value.nbytes for value in network.parameters.values())
    report = {
        "reference_error": 100 * error_rate(network, images, labels),
        "error": 100 * float(np.mean(wrong)),
        "bytes_before": original,
        "bytes": len(written),
        "ratio": original / len(written),
        "seconds_training": seconds,
        "file": options.out,
        "seed": options.seed,
        "implementation": shared_options.label(space),
        "operations": result.implementations,
        "products": use.said,
        "stages": [
            {"name": s.name, "kept": dict(s.kept), "validation_error": 100 * s.validation_error} for s in result.stages
        ],
        "layers": _layers(layers, book),
        "seconds": {},
        "one_thread": space is not reference and find_spec("threadpoolctl") is not None,
    }
    with _one_thread(space):
        for batch in (1, 64, len(labels)):
            part = images[:batch]
            functions = {"dense": lambda: network.forward(part), "compressed": lambda: small(part, use=use)}
            first = {name: timed(function, 1)[0] for name, function in functions.items()}
            turns = in_turns(functions, first, 0.2, 7)
            report["seconds"][batch] = {name: min(samples) for name, samples in turns.items()}
    report["ledger"], ledger_text = ledger_report(options.out, written, layers, book)
    return Report(report, _text(report, ledger_text))


def _one_thread(space: Any) -> AbstractContextManager[None]:
    """Return the context in which both sides are timed; without kernels both are NumPy's, with the threads of BLAS."""
    if space is reference:
        return nullcontext()
    from ..native import threads

    return threads.one()


def _layers(layers: dict, book: Ledger) -> list[dict]:
    """Return, for each shared layer, what table 2 of the paper lists, counted in the file."""
    bits = {(item.entry, item.kind): item.bits for item in book.items}
    rows = []
    for name, value in layers.items():
        if isinstance(value, Shared):
            kept = np.count_nonzero(value.codes)
            whole = sum(count for (entry, _), count in bits.items() if entry == name)
            rows.append(
                {
                    "layer": name.removesuffix(".weight"),
                    "weights": value.codes.size,
                    "kept": 100 * kept / value.codes.size,
                    "weight_bits": bits.get((name, "values"), 0) / kept,
                    "index_bits": (bits.get((name, "indices"), 0) + bits.get((name, "fillers"), 0)) / kept,
                    "percent": 100 * whole / (32 * value.codes.size),
                }
            )
    return rows


def _text(r: dict, ledger_text: str) -> str:
    stages = [
        [s["name"], ", ".join(f"{share:.1%}" for share in s["kept"].values()), f"{s['validation_error']:.2f} %"]
        for s in r["stages"]
    ]
    paper_rows = [
        ["test error, reference", f"{PAPER['reference_error']:.2f} %", f"{r['reference_error']:.2f} %"],
        ["test error, compressed", f"{PAPER['error']:.2f} %", f"{r['error']:.2f} %"],
        ["size before", "1,070 KB", f"{r['bytes_before']:,} B"],
        ["size after", "27 KB", f"{r['bytes']:,} B"],
        ["ratio", f"{PAPER['ratio']}x (by formula)", f"{r['ratio']:.1f}x (bytes of the file)"],
    ]
    layer_rows = []
    for row in r["layers"]:
        p = PAPER_LAYERS[row["layer"]]
        layer_rows.append(
            [
                row["layer"],
                row["weights"],
                f"{p[0]} | {row['kept']:.1f}",
                f"{p[1]} | {row['weight_bits']:.1f}",
                f"{p[2]} | {row['index_bits']:.1f}",
                f"{p[3]:.2f} | {row['percent']:.2f}",
            ]
        )
    times = [[f"{batch:,} image{'s' * (batch > 1)}", f"{1e6 * t['dense']:,.0f}", f"{1e6 * t['compressed']:,.0f}",
              f"{t['dense'] / t['compressed']:.2f}"] for batch, t in r["seconds"].items()]
    alone = ", one thread each" if r["one_thread"] else ""
    products = ", ".join(sorted({what for said in r["products"].values() for what in said}))
    return "\n\n".join(
        "\n".join(part)
        for part in [
            [
                paragraph(
                    "LeNet-300-100 on MNIST by Deep Compression: trained and compressed in "
                    f"{r['seconds_training']:.0f} s, seed {r['seed']}"
                )
            ],
            [
                paragraph("stages (kept: share of the weights of fc1, fc2, fc3; error on the 5,000 validation images)"),
                table(stages, ["stage", "kept", "error"]),
            ],
            ["where the bytes went", ledger_text],
            [
                paragraph(f"run time, the least of several, microseconds{alone} (dense: NumPy's matrix product; "
                          f"compressed: {products})"),
                table(times, ["batch", "dense", "compressed", "times as fast"]),
            ],
            [
                "layers, paper (table 2) | ours",
                table(layer_rows, ["layer", "weights", "kept %", "bits a weight", "bits an index", "size %"]),
            ],
            [
                paragraph(
                    "paper (table 1) | ours: the file was written, read back and found to hold what was compressed, "
                    "to the bit, and the 10,000 test images ran from it"
                ),
                table(paper_rows, ["", "paper", "ours"]),
            ],
        ]
    )
