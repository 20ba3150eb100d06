"""What a command hands back, and how rows become a table of text."""

from dataclasses import dataclass

__all__ = ["Report", "printable", "table"]


@dataclass
class Report:
    """A command's result: ``data`` for --json, ``text`` for a person, ``good`` for the exit code."""

    data: dict
    text: str
    good: bool = True


def table(rows: list[list], header: list[str] | None = None, indent: str = "  ") -> str:
    """Return rows as aligned columns: text to the left, numbers (and what ends in a unit) to the right."""
    lines = [[_cell(value) for value in row] for row in ([header] if header else []) + rows]
    widths = [max(len(line[j]) for line in lines) for j in range(len(lines[0]))]
    right = [any(isinstance(row[j], (int, float)) for row in rows) for j in range(len(widths))]
    out = [indent + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right)).rstrip()
           for line in lines]
    if header:
        out.insert(1, indent + "  ".join("-" * w for w in widths))
    return "\n".join(out)


def _cell(value) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2f}" if isinstance(value, float) else printable(str(value))


def printable(text: str) -> str:
    """Return ``text``, escaped if it has a character that moves the cursor or colours the terminal: names may have any.

    >>> printable("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    return text if text.isprintable() else repr(text)[1:-1]
