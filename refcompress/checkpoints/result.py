"""What a run did: a row a tensor, in numbers and in words, and the file."""

import math
import os
import shutil
import weakref
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ..container import Layer, files
from .plans import Plan, Step
from .sources import Path

__all__ = ["Result", "Row", "warnings_of"]

LOST = 0.5  # the relative error from which a layer counts as lost


@dataclass(frozen=True)
class Row:
    """One tensor: what it was, what it became, and what that cost.

    before, after : bytes, in the source and of its entry. bits : of the entry for each element. error : relative, the
    root of the squared changes over the squares. kept : the share of its elements that are not zero, None where nobody
    counted because nothing was lost. reason : why it is stored so. warning : whether a person should know.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    stored: str
    before: int
    after: int
    error: float
    kept: float | None
    reason: str
    scheme: str
    same_as: str | None = None
    warning: bool = False
    arranged: Mapping[str, list[int]] | None = None
    nonzero: int | None = None

    @property
    def bits(self) -> float:
        size = math.prod(self.shape)
        return 8 * self.after / size if size else 0.0

    @classmethod
    def of(cls, step: Step, said: Mapping[str, Any], after: int) -> "Row":
        """Return the row of a step, of what was said about its entry, and of the entry's bytes in the file."""
        kept = said.get("kept")
        stored = said["stored"] if step.same_as is None else f"same as {step.same_as}"
        return cls(step.name, step.shape, step.type, stored, step.nbytes, after, said["error"],
                   None if kept is None else kept / max(step.size, 1), said.get("reason", step.reason), step.scheme,
                   step.same_as, bool(said.get("warning")), said.get("arranged"), said.get("before"))


def warnings_of(rows: Iterable[Row]) -> list[str]:
    """Return what a person should know of these tensors, a sentence each."""
    rows = [row for row in rows if row.same_as is None]
    said = []
    for row in rows:
        if row.kept == 0 and row.nonzero:
            said.append(f"tensor {row.name!r} is lost: nothing of it is kept")
        elif row.error > LOST:
            said.append(f"tensor {row.name!r} is lost: its relative error is {row.error:.3g}")
        if row.warning:
            said.append(f"tensor {row.name!r} is stored bit for bit: {row.reason}")
    moved = [row.name for row in rows if row.scheme == "lowrank" and row.nonzero is not None
             and row.nonzero < math.prod(row.shape)]
    if moved:
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
        said.append(f"low rank does not keep zeros as zeros: {', '.join(moved[:3])}{more}")
    return said


class Result:
    """A compressed file, and what happened to each tensor.

    path : of the file. rows : of Row, in the order of the source. plan : what was to be done. implementation : the name
    of who computed.
    """

    def __init__(self, path: str, source: str, plan: Plan, rows: list[Row], implementation: str,
                 owned: ExitStack):
        self.path, self.source, self.plan, self.rows = path, source, plan, rows
        self.implementation = implementation
        weakref.finalize(self, owned.close)  # removes the file with this object, where it has no place of its own

    @property
    def before(self) -> int:
        """The bytes of all tensors in the source."""
        return sum(row.before for row in self.rows)

    @property
    def after(self) -> int:
        """The bytes of the file."""
        return os.path.getsize(self.path)

    @property
    def network(self) -> str:
        """What the file holds of the network, or why it holds nothing; "" for a model that has none."""
        return self.plan.network.described()

    def errors(self) -> dict[str, float]:
        """Return the relative error of each tensor, by name."""
        return {row.name: row.error for row in self.rows}

    def table(self) -> list[dict[str, Any]]:
        """Return a row a tensor as a dict, its keys those of a table's columns."""
        return [{"name": row.name, "shape": list(row.shape), "dtype": row.dtype, "stored as": row.stored,
                 "before": row.before, "after": row.after, "bits": row.bits, "error": row.error, "kept": row.kept,
                 "reason": row.reason} for row in self.rows]

    def warnings(self) -> list[str]:
        """Return what a person should know before the file is used, a sentence each."""
        return warnings_of(self.rows)

    def save(self, path: Path) -> None:
        """Write the file to another place: whole, or not at all."""
        with files.writing(path) as target, open(self.path, "rb") as source:
            shutil.copyfileobj(source, target, 2**20)

    def open(self) -> Mapping[str, Layer]:
        """Return the file as a mapping of names to layers, each read when it is asked for."""
        from .reading import open

        return open(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as a dict, for JSON."""
        return {"path": self.path, "source": self.source, "recipe": self.plan.recipe.toml(),
                "implementation": self.implementation, "before": self.before, "after": self.after,
                "network": self.network,
                "tensors": self.table(), "warnings": self.warnings()}

    def __repr__(self) -> str:
        return f"<Result {self.path!r}, {len(self.rows)} tensors, {self.before} to {self.after} bytes>"
