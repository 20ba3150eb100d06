"""
Where the bytes of a compressed file go
=======================================

LeNet-300-100 has 266,610 parameters: 1,066,440 bytes of float32. Here are three compressed files of it, from ``make
reproduce``. The ledger of a file says for each byte to which layer it belongs and what it is for.

What to see: nearly all bytes say *which* weights stay and which values they have. Codebooks, names and checksums take
the same number of bytes in each file. So their share is larger in a smaller file.
"""

import json
from pathlib import Path

from classroom import COLOURS, picture

import refcompress
from refcompress import native
from refcompress.ledger import layers_and_ledger

root = Path(refcompress.__file__).parents[1]
folder = root / "results" / "deep_compression"
rows = json.loads((folder / "deep_compression.json").read_text())["lenet_300_100"]["rows"]
FILES = {f"{row['test']:.2f} % errors": row["file"] for row in rows if "file" in row}


def part(entry, kind):
    """Return the part of the picture that an item of the ledger belongs to."""
    if kind in ("codebooks", "scales"):
        return "codebooks"
    if kind in ("contexts", "values", "indices", "fillers", "code tables"):
        return "biases" if entry.endswith("bias") else f"weights of {entry.removesuffix('.weight')}"
    return "names, shapes, checksums"


PARTS = ("weights of fc1", "weights of fc2", "weights of fc3", "biases", "codebooks", "names, shapes, checksums")
figure, ax = picture(width=8, height=3.6, x="bytes")
for row, name in enumerate(FILES.values()):
    file = folder / name
    items = layers_and_ledger(file.read_bytes(), implementation=native)[1].items
    left = 0.0
    for place, (label, colour) in enumerate(zip(PARTS, COLOURS)):
        size = sum(item.bytes for item in items if part(item.entry, item.kind) == label)
        ax.barh(row, size, left=left, color=colour, height=0.55)
        if row == 0:  # the small parts stand close together, so their names go up step by step
            step = 0.2 * max(0, place - 1)
            ax.plot([left + size / 2] * 2, [-0.28, -0.34 - step], color=colour, linewidth=0.8)
            ax.text(left + size / 2, -0.36 - step, label, color=colour, ha="center" if place < 2 else "left",
                    va="bottom", fontsize=8)
        left += size
    assert left == file.stat().st_size  # every byte of the file has its place
    ax.text(left, row, f" {left:,.0f} bytes", va="center")
ax.set(yticks=range(len(FILES)), yticklabels=FILES, xlim=(0, 8400))
ax.set_ylim(len(FILES) - 0.6, -1.5)
ax.grid(False, axis="y")
figure.set_label("Three bars, one a file of LeNet-300-100, each cut into parts. The weights of the first layer take "
                 "about half of a file, those of the second a third, those of the third little. Biases, "
                 "codebooks, names and checksums take the rest.")
