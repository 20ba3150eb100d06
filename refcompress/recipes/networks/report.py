"""What was done to each weight of a network, as rows."""

from collections.abc import Iterable
from dataclasses import dataclass

from ...container.writer import entry_bytes
from ...formats.arranged import Arranged
from ...graph import Model
from ...graph.use import Use, Weight

__all__ = ["Result", "Row", "stored_bytes"]


@dataclass(frozen=True)
class Row:
    """What became of one weight.

    node, weight : names. method : what was done in the end; "" where the weight was left as it was. before, after : the
    squared error of the layer's output on the calibration inputs, by the plain method (rounding to nearest, the
    magnitude) and by what was done. output : the sum of the squares of that output. nbytes : of the weight's entry in
    a file. note : what else happened: where a method fell back, and why; a layer that calibration never reached.
    """

    node: str
    weight: str
    method: str
    before: float
    after: float
    output: float
    nbytes: int
    note: str = ""

    @property
    def error(self) -> float:
        """The error of the output as a share of the output: the root of after / output."""
        return (self.after / self.output) ** 0.5 if self.output else float(self.after > 0)


@dataclass(frozen=True, eq=False)
class Result:
    """The compressed model; a row for each weight that could be compressed; the relative error of all outputs."""

    model: Model
    rows: tuple[Row, ...]
    error: float

    def __str__(self) -> str:
        return table([("node", "weight", "method", "bytes", "before", "after", "error", "note"), *(
            (row.node, row.weight, row.method, f"{row.nbytes:,}", f"{row.before:.4g}", f"{row.after:.4g}",
             f"{100 * row.error:.2f} %", row.note) for row in self.rows)])


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Return rows of text as lines with aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def stored_bytes(weight: Weight, use: Use) -> int:
    """Return the bytes of a weight's entry in a file: the same by every implementation."""
    layer = weight.layer if isinstance(weight, Arranged) else weight
    return len(entry_bytes(layer, implementation=use.implementation))
