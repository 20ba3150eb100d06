"""What became of each node of a network that was brought to integers, and why."""

from dataclasses import dataclass
from typing import NamedTuple

from ..model import Model

__all__ = ["Became", "Integers"]


class Became(NamedTuple):
    """What a node became: the operation it is now, why it stays as it is, or what it was joined with.

    integer : whether its values or its weight are integers now.
    """

    node: str
    operation: str
    became: str
    why: str
    integer: bool


@dataclass(frozen=True, eq=False, repr=False)
class Integers:
    """A network on integers, and a row for each node of the network that it was made of, in their order."""

    model: Model
    report: tuple[Became, ...]

    @property
    def floats(self) -> tuple[Became, ...]:
        """The rows of nodes that stay as they were."""
        return tuple(row for row in self.report if not row.integer)

    def table(self) -> str:
        """Return the report as lines of text."""
        rows = [("node", "operation", "became", ""), *(row[:4] for row in self.report)]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join("  ".join((*(row[i].ljust(widths[i]) for i in range(3)), row[3])).rstrip() for row in rows)

    def __repr__(self) -> str:
        return f"Integers({len(self.report)} nodes, of which {len(self.floats)} stay as they were)"
