"""What all experiments share: the command line, the record that goes on where it was stopped, statistics, pictures."""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from refcompress.container import files
from refcompress.recipes import style

RESULTS = Path(__file__).resolve().parents[1] / "results"
T_95 = {3: 4.303, 4: 3.182, 5: 2.776}  # samples: Student's t of one degree of freedom less, two-sided 95 %


class Record:
    """What an experiment has measured so far, as JSON in its folder: a list or a dict, that is written after each
    step."""

    def __init__(self, path: Path, empty: Callable):
        self.path = path
        self.value = json.loads(path.read_text()) if path.exists() else empty()

    def keep(self) -> None:
        """Write the record, whole or not at all; a list has one line for each item."""
        lines = ("[\n" + ",\n".join(map(json.dumps, self.value)) + "\n]" if isinstance(self.value, list)
                 else json.dumps(self.value, indent=1))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        files.write(self.path, f"{lines}\n".encode())


def parser(name: str, document: str) -> argparse.ArgumentParser:
    """Return the parser that all experiments have: --report writes tables and pictures from the record that is
    there."""
    made = argparse.ArgumentParser(prog=f"python -m experiments.{name}", description=document.splitlines()[0])
    made.add_argument("--report", action="store_true", help="write tables and pictures from the JSON that is there")
    return made


def run(name: str, document: str, empty: Callable, measure: Callable[[Record], None], report: Callable,
        plot: Callable | None = None, argv: Sequence[str] | None = None) -> None:
    """Measure what the record lacks, then write results/name/name.md, and name.png where there is a picture."""
    options = parser(name, document).parse_args(argv)
    folder = RESULTS / name
    record = Record(folder / f"{name}.json", empty)
    if not options.report:
        measure(record)
    files.write(folder / f"{name}.md", report(record.value).encode())
    if plot:
        plot(record.value, folder / f"{name}.png")


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half the 95 % confidence interval (Student's t) of 3 to 5 samples; 0 of one sample."""
    n = len(values)
    return float(np.mean(values)), T_95[n] * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else 0.0


def fastest():
    """Return the native kernels, or the reference where there are none: the same bytes, in more time."""
    try:
        from refcompress import native

        return native
    except ImportError:
        from refcompress import reference

        return reference


def layer_inputs(network, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each layer with weights gets as its input."""
    inputs = {}
    for name, layer in network.layers.items():
        if "weight" in layer.parameters:
            inputs[name] = np.ascontiguousarray(x)
        x = layer.forward(x)
    return inputs


@contextmanager
def picture(path: Path, rows: int = 1, columns: int = 1, *, size: tuple[float, float], dpi: int = 110, **options):
    """Give a figure and its axes to draw on, and write them as a PNG that has no date and no version in it.

    All are in the style of refcompress.recipes.style: "C0", "C1", ... are its colours, and logarithmic axes without
    ticks of their own have plain numbers.
    """
    import matplotlib

    matplotlib.use("Agg")
    from cycler import cycler
    from matplotlib import pyplot
    from matplotlib.ticker import LogFormatter

    with matplotlib.rc_context({"axes.prop_cycle": cycler(color=style.COLOURS)}):
        figure, axes = pyplot.subplots(rows, columns, figsize=size, layout="constrained", **options)
        try:
            for ax in figure.axes:
                style.dress(ax)
            yield figure, axes
            for ax in figure.axes:
                for axis in (ax.xaxis, ax.yaxis):
                    if axis.get_scale() != "linear" and isinstance(axis.get_major_formatter(), LogFormatter):
                        style.plain_ticks(axis)
            figure.savefig(path, dpi=dpi, metadata={"Software": None})
        finally:
            pyplot.close(figure)
