"""Whole networks on integers, and by recipes: bytes and answers, beside the quantizers of ONNX Runtime and NNCF.

    python -m experiments.networks --mobilenet mobilenet_v2-b0353104.pth

Without --mobilenet its rows stay as they are in the record; rows of what is not installed stay away.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from experiments import network_peers, network_recipes, network_subjects, runner
from experiments.network_subjects import Run, Subject
from experiments.runner import RESULTS, Record, fastest
from refcompress import save_model
from refcompress.container import files
from refcompress.graph import Model
from refcompress.graph.integers import to_integers
from refcompress.graph.onnx import save as save_onnx
from refcompress.graph.passes import simplified
from refcompress.graph.use import Use

NAME = "networks"
STATIC: dict[str, dict[str, Any]] = {
    "static W8A8, minmax": {}, "static W8A8, percentile 99.99": {"ranges": "percentile"},
    "static W8A8, least squared error": {"ranges": "mse"}}
SMOOTHED = "static W8A8, minmax, SmoothQuant before"
OTHERS: dict[str, dict[str, Any]] = {
    "dynamic W8A8": {"dynamic": True}, "dynamic W4A8, groups of 32": {"dynamic": True, "weights": 4, "group": 32},
    "W8A16": {"activations": 16}, "W4A16, groups of 32": {"activations": 16, "weights": 4, "group": 32}}
TITLES = {"lenet_300_100": "LeNet-300-100", "lenet_5": "LeNet-5", "mobilenet_v2": "MobileNetV2",
          "minilm": "all-MiniLM-L6-v2"}


def run_of(model: Model, output: str) -> Run:
    """Return a run of a network by the fastest implementation."""
    use = Use(fastest(), keep=True)
    return lambda inputs: model.run(inputs, use=use)[output]


def bytes_of(model: Model) -> int:
    """Return the bytes of a network's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.rcz")
        save_model(path, model, implementation=fastest())
        return os.path.getsize(path)


def measure(record: Record, name: str, subject: Subject) -> None:
    """Fill the rows of a network that the record lacks."""
    rows = record.value.setdefault(name, {})
    row = {"bytes": bytes_of(subject.model), "float32": len(subject.model.graph.nodes),
           **subject.judge(run_of(subject.model, subject.output))}
    rows.setdefault("float32", row)
    kept = {"static W8A8, minmax, the most sensitive nodes kept": {"keep": subject.keep}} if subject.keep else {}
    static = STATIC | kept | {SMOOTHED: {}}
    for method, options in (static | OTHERS).items():
        if method in rows:
            continue
        model = subject.model
        if method == SMOOTHED:
            model = network_recipes.quantized(subject, method="smooth", bits=8)
        calibration = subject.calibration if method in static else None
        made = to_integers(model, calibration, implementation=fastest(), **options)
        rows[method] = {"bytes": bytes_of(made.model), "float32": len(made.floats),
                        **subject.judge(run_of(made.model, subject.output))}
        record.keep()
    for method, recipe in network_recipes.rows_of(subject).items():
        if method not in rows:
            small = recipe(subject)
            floats = [node for node in small.graph.nodes if not node.operation.endswith("_a8")]
            rows[method] = {"bytes": bytes_of(small), "float32": len(floats),
                            **subject.judge(run_of(small, subject.output))}
            record.keep()
    if network_peers.onnx_runtime() is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source.onnx"), Path(folder, "target.onnx")
        save_onnx(network_peers.turned(simplified(subject.model)), source)
        for method, quantizer in network_peers.quantizers(subject).items():
            if method not in rows:
                quantizer(source, target)
                rows[method] = {"bytes": target.stat().st_size,
                                **subject.judge(network_peers.runs(target, subject.output))}
                record.keep()


def report(record: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the tables."""
    lines = ["# Whole networks on integers", "", *(network_subjects.__doc__ or "").strip().splitlines()[2:], "",
             "Bytes are those of the whole file, the graph with it. Nodes are those that stay as they were. A16:",
             "values stay float32. Weights are rounded to nearest, and nothing is trained.", "",
             "Rows that name a number of bits, or a share of the weights, are recipes. Values between layers stay",
             "float32, but for SmoothQuant. The word embedding of MiniLM stays as it is, 46.9 MB, where a row does not",
             "say what it becomes. A pruned weight is an array with zeros. LeNet-5 was pruned before: only conv1 has",
             "more than half of its weights to lose."]
    for name, title in TITLES.items():
        if name not in record:
            continue
        rows = record[name]
        scores = [key for key in next(iter(rows.values())) if key not in ("bytes", "float32")]
        lines += ["", f"## {title}", "", f"| | bytes | smaller | nodes in float32 | {' | '.join(scores)} |",
                  f"| --- |{' ---: |' * (3 + len(scores))}"]
        for method, row in rows.items():
            values = [f"{row[key]:.2f}" if "%" in key else f"{row[key]:.4f}" for key in scores]
            lines.append(f"| {method} | {row['bytes']:,} | {rows['float32']['bytes'] / row['bytes']:.1f} x | "
                         f"{row.get('float32', '')} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    parser = runner.parser(NAME, __doc__ or "")
    parser.add_argument("--mobilenet", help="a checkpoint of MobileNetV2")
    parser.add_argument("--only", choices=list(TITLES), help="this network alone")
    options = parser.parse_args(argv)
    record = Record(RESULTS / NAME / f"{NAME}.json", dict)
    if not options.report:
        subjects = {"lenet_300_100": network_subjects.lenet_300_100, "lenet_5": network_subjects.lenet_5,
                    "minilm": network_subjects.minilm}
        if options.mobilenet:
            subjects["mobilenet_v2"] = lambda: network_subjects.mobilenet_v2(options.mobilenet)
        for name, subject in subjects.items():
            if options.only in (None, name):
                measure(record, name, subject())
    files.write(RESULTS / NAME / f"{NAME}.md", report(record.value).encode())


if __name__ == "__main__":
    main()
