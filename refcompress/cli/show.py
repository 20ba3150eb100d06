"""What a command hands back, and how it is put into lines that fit the terminal."""

import argparse
import math
import re
import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Report", "add_wide", "columns", "not_read", "paragraph", "printable", "records", "some", "table", "times"]

FEW = 6  # arrays that are not read, each with a line of its own
WIDE = ("W", "F")  # East Asian widths of characters that take two columns
LEAST = 12  # columns that a wrapped column keeps: fewer would tear words apart
NUMBER = re.compile(r"[0-9][0-9.,e+-]{0,20}( %| B)?|-?")  # or none


@dataclass
class Report:
    """A command's result: ``data`` for --json, ``text`` for a person, ``good`` for the exit code.

    warnings : what is said on standard error too, one line each.
    """

    data: dict
    text: str
    good: bool = True
    warnings: list[str] = field(default_factory=list)


def add_wide(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wide", action="store_true",
                         help="one line a row, however long (default: lines that fit the terminal)")


def columns() -> int:
    """Return the width of the terminal (or COLUMNS); 80 where there is none."""
    return max(shutil.get_terminal_size(fallback=(80, 24)).columns, 40)


def table(rows: list[list], header: list[str] | None = None, indent: str = "  ", wide: bool = False) -> str:
    """Return rows as aligned columns: text to the left, numbers to the right.

    Where the lines would be wider than the terminal, the widest columns of text go on in further lines; with ``wide``
    no line is broken.
    """
    head, groups = _table(rows, header, indent, wide)
    return "\n".join([*head, *(line for group in groups for line in group)])


def records(rows: list[list], header: list[str], own: int, indent: str = "  ", wide: bool = False) -> str:
    """Return rows as :func:`table` does; where that would break lines, the first columns have a line of their own.

    own : how many columns these are. Names of tensors are long, and are copied: they stay whole where a line has room
    for them. Of longer ones the middle is left out, but with ``wide``.
    """
    room = columns() - len(indent)
    cut = [] if wide else [cell for row in rows for cell in row[:own] if width_of(_cell(cell)) > room]
    if cut:
        rows = [[*(shortened(_cell(cell), room) if cell in cut else cell for cell in row[:own]), *row[own:]]
                for row in rows]
        note = paragraph(indent + "... in a name stands for its middle; --json has names whole, and so has --wide",
                         indent)
        return f"{records(rows, header, own, indent)}\n{note}"
    _, widths, _ = _aligned(rows, header)
    if wide or len(indent) + sum(widths) + 2 * (len(widths) - 1) <= columns():
        return table(rows, header, indent, wide)
    head, groups = _table([row[own:] for row in rows], header[own:], indent * 2, False)
    lines = [indent + "  ".join(header[:own]), *head]
    for row, group in zip(rows, groups):
        first, *more = map(_cell, row[:own])
        rest = "  ".join(more)
        fits = len(indent) + width_of(first) + 2 + width_of(rest) <= columns()
        lines += [f"{indent}{first}  {rest}".rstrip()] if fits else [indent + first, *[indent * 2 + rest] * bool(rest)]
        lines += group
    return "\n".join(lines)


def _table(rows: list[list], header: list[str] | None, indent: str, wide: bool) -> tuple[list[str], list[list[str]]]:
    """Return the lines of the header, and those of each row."""
    lines, widths, right = _aligned(rows, header)
    room = columns() - len(indent) - 2 * (len(widths) - 1)
    broken = [j for j in range(len(widths)) if not right[j] and widths[j] > LEAST]
    while broken and sum(widths) > room and not wide:
        j = max(broken, key=widths.__getitem__)
        widths[j] -= 1
        broken = [j for j in broken if widths[j] > LEAST]
    groups = [_wrapped(cells, widths, right, indent) for cells in lines]
    if header is None:
        return [], groups
    return [*groups[0], indent + "  ".join("-" * w for w in widths)], groups[1:]


def width_of(text: str) -> int:
    """Return the columns that text takes on a terminal.

    >>> width_of("ab"), width_of("\u91cd\u307f"), width_of("e\u0301")
    (2, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in WIDE else 1 for c in text)


def shortened(text: str, width: int) -> str:
    """Return a text of at most so many columns: of a longer one "..." stands for the middle.

    >>> shortened("model.layers.0.weight", 13), shortened("bias", 13)
    ('model...eight', 'bias')
    """
    if width_of(text) <= width:
        return text
    first, last = "", ""
    for head, tail in zip(text, reversed(text)):
        if width_of(first + head + "..." + last) > width:
            break
        first += head
        if width_of(first + "..." + tail + last) > width:
            break
        last = tail + last
    return f"{first}...{last}"


def _cut(text: str, width: int) -> list[str]:
    """Return the lines of a cell of so many columns; words that are longer are broken."""
    if text.isascii():
        return textwrap.wrap(text, width, break_on_hyphens=False)
    lines: list[str] = []
    line = ""
    for c in text:
        if width_of(line + c) > width:
            lines, line = [*lines, line], ""
        line += c
    return [*lines, line]


def _padded(text: str, width: int, right: bool) -> str:
    fill = " " * (width - width_of(text))
    return fill + text if right else text + fill


def _aligned(rows: list[list], header: list[str] | None) -> tuple[list[list[str]], list[int], list[bool]]:
    """Return the cells of all lines, the width of each column, and whether it holds numbers."""
    lines = [[_cell(value) for value in row] for row in ([header] if header else []) + rows]
    widths = [max(width_of(line[j]) for line in lines) for j in range(len(lines[0]))]
    right = [all(NUMBER.fullmatch(line[j]) for line in lines[bool(header):]) for j in range(len(widths))]
    return lines, widths, right


def _wrapped(cells: list[str], widths: list[int], right: list[bool], indent: str) -> list[str]:
    """Return the lines of one row."""
    parts = [
        [cell] if width_of(cell) <= w else _cut(cell, w) for cell, w in zip(cells, widths)
    ]
    return [
        (indent + "  ".join(_padded(text, w, r) for text, w, r in zip(
            [part[i] if i < len(part) else "" for part in parts], widths, right))).rstrip()
        for i in range(max(map(len, parts)))
    ]


def paragraph(text: str, indent: str = "") -> str:
    """Return text in lines that fit the terminal; a word that does not (a path) stays whole, to be copied."""
    return textwrap.fill(
        printable(text), columns(), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _cell(value) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2f}" if isinstance(value, float) else printable(str(value))


def printable(text: str) -> str:
    """Return ``text`` with an escape for each character that could move the cursor or colour the terminal.

    Names of arrays may have any character.

    >>> printable("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    return text if text.isprintable() else "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def some(names: Iterable[str], what: str = "arrays", most: int = 6) -> str:
    """Return names for a sentence: all of them if they are few, else their number and the first three.

    >>> some("abc"), some("abcdefgh")
    ('a, b, c', '8 arrays: a, b, c, ... (--json lists all)')
    """
    shown = [printable(name) for name in names]
    if len(shown) <= most:
        return ", ".join(shown)
    return f"{len(shown)} {what}: {', '.join(shown[:3])}, ... (--json lists all)"


def not_read(unread: Mapping[str, str]) -> list[str]:
    """Return a line for each of the first arrays that are not read, with why.

    >>> not_read({"names": "is of dtype <U3, not of numbers"})
    ['Not read: names is of dtype <U3, not of numbers.']
    """
    lines = [paragraph(f"Not read: {name} {why}.", "  ") for name, why in list(unread.items())[:FEW]]
    return lines + [f"and {len(unread) - FEW} more that are not read"] * (len(unread) > FEW)


def times(before: int, after: int) -> str:
    """Return how many times smaller, or larger, a file is than what it stands for; digits are cut, not rounded up.

    >>> times(300, 100), times(100, 300), times(1000, 1001), times(0, 14)
    ('3.00 times smaller', '3.00 times larger', 'about as large', 'larger, for there was nothing to compress')
    """
    if not before or not after:
        return "larger, for there was nothing to compress"
    ratio = math.floor(100 * max(before, after) / min(before, after)) / 100
    return f"{ratio:.2f} times {'smaller' if after < before else 'larger'}" if ratio > 1 else "about as large"
