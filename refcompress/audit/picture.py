"""The steps of an explanation as SVG: grids of cells, where equal codes have equal colours, and tables."""

import re
import textwrap
from html import escape

from .explain import Step

__all__ = ["picture_of"]

WIDTH, PAD, LINE = 760, 20, 18  # of the picture; around it; of a line of text
CELL_HEIGHT, CELL_WIDEST, CHARACTER = 26, 84, 7.9
NUMBER = re.compile(r"[0-9.,e+-]+%?")
LETTERS = 90  # of a line of words
FILLS = ("#f1f1f1", "#cfe2ff", "#d8f0d0", "#ffe3c2", "#f3d9f0", "#fff3b8", "#c9efef", "#ffd3d3", "#dcd9ff", "#e6e0c8",
         "#bfe3d0", "#f7cfe0", "#d4e4b8", "#cbd5e8", "#fbd8b4", "#e0e0f8")


def picture_of(title: str, steps: list[Step]) -> str:
    """Return the picture, one step below the other; text alternatives are the words of the steps."""
    parts: list[str] = []
    y = PAD + LINE
    parts.append(f'<text x="{PAD}" y="{y}" class="head">{escape(title)}</text>')
    for number, step in enumerate(steps, 1):
        y += 2 * LINE
        parts.append(f'<text x="{PAD}" y="{y}" class="step">{number}. {escape(step.title)}</text>')
        for line in textwrap.wrap(step.words, LETTERS):
            y += LINE
            parts.append(f'<text x="{PAD}" y="{y}">{escape(line)}</text>')
        y += LINE // 2
        rows = [*([step.header] if step.header else []), *step.cells]
        widths = [max(len(row[j]) for row in rows if j < len(row)) for j in range(max(map(len, rows), default=0))]
        numeric = [all(NUMBER.fullmatch(row[j]) for row in step.cells if j < len(row)) for j in range(len(widths))]
        if step.header is None:
            widths = [max(widths, default=0)] * len(widths)
        for i, row in enumerate(rows):
            x = float(PAD)
            for j, text in enumerate(row):
                width = min(widths[j] * CHARACTER + 16, CELL_WIDEST) if step.header is None else \
                    widths[j] * CHARACTER + 24
                if step.header is None:
                    code = step.codes[i][j] if step.codes else None
                    fill = "#ffffff" if code is None else FILLS[code % len(FILLS)]
                    parts.append(f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{CELL_HEIGHT}" '
                                 f'fill="{fill}"/>')
                style = ' class="mark"' if step.header and i == 0 else ""
                left = step.header is not None and not numeric[j]
                place = f'x="{x + 8:g}"' if left else f'x="{x + width - 8:g}" text-anchor="end"'
                parts.append(f'<text {place} y="{y + LINE}"{style}>{escape(text)}</text>')
                x += width
            y += CELL_HEIGHT
    height = y + PAD
    said = escape("; ".join(f"{step.title}: {step.words}" for step in steps))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            'role="img" aria-labelledby="t d">\n'
            f'<title id="t">{escape(title)}</title><desc id="d">{said}</desc>\n'
            "<style>text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#111}.mark{fill:#555}"
            ".head,.step{font-size:15px;font-weight:bold}rect{stroke:#999;stroke-width:.6}</style>\n"
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff" style="stroke:none"/>\n'
            + "\n".join(parts) + "\n</svg>\n")
