"""Draw a network as SVG: a box a node, from the inputs at the top to the outputs at the bottom.

Nodes stand in rows: each one row below the last of those whose outputs it takes. A line that passes rows has a place of
its own in each of them. Neighbours of a row are put in the order of what they hang on, which leaves few crossings.

**Source** the method in layers: Sugiyama, Tagawa and Toda 1981.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape

import numpy as np

from ..errors import ArgumentTypeError
from ..formats import Graph, Node, is_array_format
from ..formats.graph import subgraphs
from .known import Known
from .model import Model
from .table import OPERATIONS
from .use import Weight

__all__ = ["draw"]

LINE, PAD, GAP, ROW = 16, 10, 28, 34  # of text; around it; between boxes of a row; between rows
CHARACTER, BOLD = 6.7, 7.6  # the width of one at 12 pixels, on the safe side
LONGEST = 44  # characters of a line in a box
SWEEPS = 8
FILLS = {  # a file of operations -> the colour of its boxes
    "input": "#e8e8e8", "linear": "#cfe2ff", "convolution": "#cfe2ff", "attention": "#cfe2ff", "recurrent": "#cfe2ff",
    "embedding": "#cfe2ff", "activations": "#d8f0d0", "pooling": "#ffe3c2", "norms": "#f3d9f0", "pointwise": "#fff3b8",
}
OTHER = "#f4f4f4"


@dataclass(eq=False)
class Box:
    """What has a place: a node, an input, an output, or (without lines) where a long line passes a row."""

    lines: list[str]
    fill: str = OTHER
    is_input: bool = False
    row: int = 0
    x: float = 0.0
    y: float = 0.0
    passed: float = 0.0  # the height of the row that a line passes
    above: list["Box"] = field(default_factory=list)
    below: list["Box"] = field(default_factory=list)

    @property
    def width(self) -> float:
        if not self.lines:
            return 8
        return max(len(self.lines[0]) * BOLD, *(len(line) * CHARACTER for line in self.lines)) + 2 * PAD

    @property
    def height(self) -> float:
        return len(self.lines) * LINE + PAD if self.lines else self.passed


def draw(model: Model) -> str:
    """Return the picture of a model as the text of an SVG file.

    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> draw(b.model(b.relu(b.input("x", (2, 3))))).startswith("<svg ")
    True
    """
    if not isinstance(model, Model):
        raise ArgumentTypeError("model", f"must be a Model, not {type(model).__name__}")
    boxes, edges = _boxes(model.graph, model.tensors, model.known)
    rows = _rows(boxes, edges)
    _order(rows)
    _place(rows)
    return _svg(rows)


def _boxes(graph: Graph, tensors: Mapping[str, Weight], known: Mapping[str, Known]
           ) -> tuple[list[Box], list[tuple[Box, Box]]]:
    """Return a box for each input, node and output, and the lines between them.

    The nodes of a graph in an attribute have boxes too: they stand above the node that it belongs to.
    """
    boxes: list[Box] = []
    edges: list[tuple[Box, Box]] = []

    def add(box: Box, takes: Iterable[str], giver: Mapping[str, Box]) -> Box:
        boxes.append(box)
        for upper in dict.fromkeys(id(giver[name]) for name in takes if name in giver):
            edges.append((by_id[upper], box))
        by_id[id(box)] = box
        return box

    def inside(part: Graph, giver: dict[str, Box]) -> None:
        for each in part.inputs:
            giver[each.name] = add(Box([_short(each.name), *_size(known.get(each.name))], FILLS["input"], True), (), {})
        for node in part.nodes:
            ends: list[str] = []
            around = dict(giver)
            for inner in subgraphs(node):
                inside(inner, around)
                ends += inner.outputs
            box = add(Box(_text(node, tensors, known), _fill(node)), [*node.inputs, *ends], around)
            giver.update((name, box) for name in node.outputs if name)

    by_id: dict[int, Box] = {}
    giver: dict[str, Box] = {}
    inside(graph, giver)
    for name in graph.outputs:
        add(Box([_short(name)], FILLS["input"]), [name], giver)
    return boxes, edges


def _text(node: Node, tensors: Mapping[str, Weight], known: Mapping[str, Known]) -> list[str]:
    """Return the lines of a node's box: operation and name, tensors, attributes, and the shape of what comes out."""
    head = node.operation if node.name in (node.operation, "") else f"{node.operation}  {node.name}"
    lines = [_short(head)]
    for name in node.inputs:
        if name in tensors:
            value, own = tensors[name], name.removeprefix(node.name).lstrip("./:") or name
            kind = "" if is_array_format(value) or value.dtype == np.float32 else f" {value.dtype}"
            lines.append(_short(f"{own} {' x '.join(map(str, value.shape)) or 'scalar'}{kind}"))
            lines += [_short(value.describe())] if is_array_format(value) else []
    said = [f"{key} {_value(value)}" for key, value in node.attributes]
    lines += [_short(", ".join(said))] if said else []
    return [*lines, *_size(known.get(next(filter(None, node.outputs))))]


def _value(value) -> str:
    if isinstance(value, Graph):
        return f"({len(value.nodes)} nodes)"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_value, value)) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _size(known: Known | None) -> list[str]:
    """Return the line that says the shape of a value; none where it is not known before the run."""
    if known is None or known.shape is None:
        return []
    shape = " x ".join(map(str, known.shape)) or "scalar"
    return [shape if known.type == "float32" else f"{shape}  {known.type}"]


def _short(text: str) -> str:
    """Return a text that fits a box: the middle of a long one is left out, for names begin and end with what counts."""
    half = LONGEST // 2 - 1
    return text if len(text) <= LONGEST else f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"


def _fill(node: Node) -> str:
    compute = OPERATIONS[node.operation].compute
    return FILLS.get(compute.__module__.rpartition(".")[2], OTHER)


def _rows(boxes: list[Box], edges: list[tuple[Box, Box]]) -> list[list[Box]]:
    """Put each box one row below the last of those that it hangs on; give long lines a place in each row they pass.

    What hangs on no input, such as a bias that is only reshaped, stands one row above the first that takes it.
    """
    hangs = {id(box) for box in boxes if box.is_input}
    for upper, lower in edges:  # which are in the order of the nodes
        lower.row = max(lower.row, upper.row + 1)
        if id(upper) in hangs:
            hangs.add(id(lower))
    first: dict[int, int] = {}  # the row of the first box that takes a box
    for upper, lower in reversed(edges):
        if id(upper) not in hangs:
            first[id(upper)] = min(first.get(id(upper), lower.row), lower.row)
            upper.row = first[id(upper)] - 1
    rows: list[list[Box]] = [[] for _ in range(max((box.row for box in boxes), default=0) + 1)]
    for box in boxes:
        rows[box.row].append(box)
    passes: dict[tuple[int, int], Box] = {}  # (id of the upper box, row): lines from one box run together
    for upper, lower in edges:
        last = upper
        for row in range(upper.row + 1, lower.row):
            key = id(upper), row
            if key not in passes:
                passes[key] = Box([], row=row)
                rows[row].append(passes[key])
                _join(last, passes[key])
            last = passes[key]
        _join(last, lower)
    return rows


def _join(upper: Box, lower: Box) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def _order(rows: list[list[Box]]) -> None:
    """Sort each row by the mean place of its neighbours, down and up in turns."""
    place = {id(box): i for row in rows for i, box in enumerate(row)}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            def mean(box: Box, down: bool = sweep % 2 == 0) -> float:
                near = box.above if down else box.below
                return sum(place[id(other)] for other in near) / len(near) if near else place[id(box)]

            row.sort(key=mean)
            place.update((id(box), i) for i, box in enumerate(row))


def _place(rows: list[list[Box]]) -> None:
    """Give each box its place: rows one below the other, boxes of a row as near to their neighbours as they can be."""
    y = float(PAD)
    for row in rows:
        height = max(box.height for box in row)
        for box in row:
            box.passed = height
            box.y = y + (height - box.height) / 2
        y += height + ROW
        x = 0.0
        for box in row:
            box.x, x = x + box.width / 2, x + box.width + GAP
        shift = x / 2
        for box in row:
            box.x -= shift
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            _pull(row, [_middle(box.above if down else box.below, box.x) for box in row])
    left = min(box.x - box.width / 2 for row in rows for box in row)
    for row in rows:
        for box in row:
            box.x += PAD - left


def _middle(near: list[Box], otherwise: float) -> float:
    places = sorted(box.x for box in near)
    return (places[(len(places) - 1) // 2] + places[len(places) // 2]) / 2 if places else otherwise


def _pull(row: list[Box], wanted: list[float]) -> None:
    """Move the boxes of a row to where they are wanted, in their order, without overlap: the mean of both sweeps."""
    ahead, behind = [], []
    limit = float("-inf")
    for box, x in zip(row, wanted):
        ahead.append(max(x, limit + box.width / 2))
        limit = ahead[-1] + box.width / 2 + GAP
    limit = float("inf")
    for box, x in zip(reversed(row), reversed(wanted)):
        behind.append(min(x, limit - box.width / 2))
        limit = behind[-1] - box.width / 2 - GAP
    for box, a, b in zip(row, ahead, reversed(behind)):
        box.x = (a + b) / 2


def _svg(rows: list[list[Box]]) -> str:
    boxes = [box for row in rows for box in row]
    width = max(box.x + box.width / 2 for box in boxes) + PAD
    height = max(box.y + box.height for box in boxes) + PAD
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
           f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="#ffffff"/>', '<g fill="none" stroke="#808080">']
    out += [_line(box, lower) for box in boxes for lower in box.below]
    out.append("</g>")
    for box in boxes:
        if box.lines:
            out += _box(box)
    return "\n".join([*out, "</svg>", ""])


def _line(upper: Box, lower: Box) -> str:
    """Return a curve from the lower edge of a box to the upper edge of another; past a row it goes on straight."""
    y1, y2 = upper.y + upper.height, lower.y
    half = (y1 + y2) / 2
    start = f"{upper.y:.1f} V{y1:.1f}" if not upper.lines else f"{y1:.1f}"
    return (f'<path d="M{upper.x:.1f} {start} C{upper.x:.1f} {half:.1f} {lower.x:.1f} {half:.1f} {lower.x:.1f} '
            f'{y2:.1f}"/>')


def _box(box: Box) -> list[str]:
    x, width = box.x - box.width / 2, box.width
    out = [f'<rect x="{x:.1f}" y="{box.y:.1f}" width="{width:.1f}" height="{box.height:.1f}" rx="5" fill="{box.fill}" '
           'stroke="#606060"/>']
    for i, line in enumerate(box.lines):
        weight = ' font-weight="bold"' if i == 0 else ""
        out.append(f'<text x="{box.x:.1f}" y="{box.y + PAD / 2 + 12 + i * LINE:.1f}" text-anchor="middle"{weight}>'
                   f"{escape(line)}</text>")
    return out
