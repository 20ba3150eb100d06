"""Pictures as SVG: 360 units wide, so that their words can be read on a phone; colours come from the page's style.

Colours are Okabe and Ito's, which readers with colour blindness can tell apart (Okabe and Ito 2008).
"""

import math
from collections.abc import Iterable, Mapping
from html import escape

import numpy as np

from .distributions import Distribution

__all__ = ["COLOURS", "OTHER", "bar", "pair", "plain", "spread"]

WIDTH, TALL = 360, 132
FLOOR, ROOM = TALL - 18, TALL - 26  # where an axis lies, and the height above it
THIN = 64  # levels, from which on their lines would touch each other
COLOURS = {  # a kind of bytes -> the name of a colour in page.css
    "values": "blue", "arrays": "blue", "contexts": "blue", "factors": "blue", "packed arrays": "blue",
    "scales": "orange", "zero points": "yellow", "codebooks": "pink", "code tables": "pink",
    "indices": "green", "fillers": "green", "tokenizer": "sky", "graph": "sky", "code": "sky",
    "gaps": "red", "unused elements": "red", "padding": "red",
}
OTHER = "grey"


def bar(parts: Mapping[str, float], whole: float, label: str) -> str:
    """Return a bar whose parts are kinds of bytes; ``whole`` fills the width."""
    sums = dict.fromkeys([*COLOURS.values(), OTHER], 0.0)
    for kind, size in parts.items():
        sums[COLOURS.get(kind, OTHER)] += size
    drawn, at = [], 0.0
    for colour, size in sums.items():
        width = WIDTH * size / whole if whole else 0.0
        if width > 0:
            drawn.append(f'<rect class="{colour}" x="{at:.2f}" width="{width:.2f}" height="12"/>')
        at += width
    return _svg(drawn, 12, label, "bar")


def pair(printed: float, given: float, most: float, label: str) -> str:
    """Return a bar as long as ``given`` with a line at ``printed``; ``most`` fills the width."""
    x = [WIDTH * value / most if most else 0.0 for value in (printed, given)]
    drawn = [f'<rect class="blue" width="{x[1]:.2f}" height="12"/>',
             f'<rect class="printed" x="{min(x[0], WIDTH - 1.5):.2f}" y="-2" width="1.5" height="16"/>']
    return _svg(drawn, 12, label, "bar")


def spread(of: Distribution, label: str) -> str:
    """Return where the weights lie as an area, and the levels of codes as lines as high as they are often.

    Both are weights a unit of the axis, so an area and the lines on it have the same height where codes are nearest.
    Heights are square roots, so that rare weights are seen beside a zero that most weights have.
    """
    unit = (of.high - of.low) / max(len(of.bins), 1)
    area, stems = [math.sqrt(count / unit) for count in of.bins], [math.sqrt(dense) for dense in _densities(of)]
    most = max([*area, *stems], default=0)
    drawn = []
    if most and area:
        step = WIDTH / len(area)
        top = "".join(f"V{FLOOR - ROOM * dense / most:.1f}h{step:.4g}" for dense in area)
        drawn.append(f'<path class="area{"" if stems else " own"}" d="M0 {FLOOR}{top}V{FLOOR}Z"/>')
    if most and stems:
        lines = "".join(f"M{_place(of, level):.1f} {FLOOR}V{FLOOR - ROOM * dense / most:.1f}"
                        for level, dense in zip(of.levels, stems) if dense)
        drawn.append(f'<path class="stems{" thin" if len(stems) > THIN else ""}" d="{lines}"/>')
    unused = "".join(f"M{_place(of, level):.1f} {FLOOR + 1}v3"
                     for level, count in zip(of.levels, of.counts) if not count)
    if unused:
        drawn.append(f'<path class="unused" d="{unused}"/>')
    drawn.append(f'<path class="axis" d="M0 {FLOOR}H{WIDTH}"/>')
    drawn += [f'<text x="{x:.1f}" y="{TALL - 4}" text-anchor="{anchor}">{said}</text>'
              for said, anchor, x in _ticks(of)]
    return _svg(drawn, TALL, label, "spread")


def plain(value: float) -> str:
    """Return a number of three digits as a reader writes it, without an exponent where it can be done without.

    >>> plain(0.01234), plain(-127.0), plain(1234567.0), plain(1e-9)
    ('0.0123', '-127', '1,230,000', '1e-09')
    """
    if value and not 1e-5 <= abs(value) < 1e12:
        return f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return np.format_float_positional(value, precision=3, fractional=False, trim="-")


def _place(of: Distribution, value: float) -> float:
    return WIDTH * (value - of.low) / (of.high - of.low)


def _densities(of: Distribution) -> list[float]:
    """Return weights a unit of the axis at each level: the more room a level has, the more weights it takes in."""
    levels, found = of.levels, []
    for i, count in enumerate(of.counts):
        gaps = [levels[j + 1] - levels[j] for j in (i - 1, i) if 0 <= j < len(levels) - 1]
        found.append(count / (sum(gaps) / len(gaps)) if gaps else float(count))
    return found


def _ticks(of: Distribution) -> Iterable[tuple[str, str, float]]:
    """Yield the numbers below the axis: the ends, and zero where it has room."""
    first, last = (of.levels[0], of.levels[-1]) if of.levels else (of.low, of.high)
    yield plain(first), "start" if _place(of, first) < 20 else "middle", max(_place(of, first), 1)
    if last > first:
        yield plain(last), "end" if _place(of, last) > WIDTH - 20 else "middle", min(_place(of, last), WIDTH - 1)
    if first < 0 < last and 50 < _place(of, 0) < WIDTH - 50:
        yield "0", "middle", _place(of, 0)


def _svg(drawn: Iterable[str], height: int, label: str, kind: str) -> str:
    stretched = ' preserveAspectRatio="none"' if kind == "bar" else ""
    return (f'<svg class="{kind}" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}"{stretched}>'
            f'{"".join(drawn)}</svg>')
