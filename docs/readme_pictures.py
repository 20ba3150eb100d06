"""Draw the pictures of the README from the gallery, as SVG: ``make pictures``."""

import runpy
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

HERE = Path(__file__).resolve().parent
PICTURES = ("where_bytes_go", "pruning_curves")
FOLDER = HERE.parent / "results" / "gallery"


def draw(name: str, folder: Path) -> Path:
    """Run a file of the gallery, and write its picture: the same bytes each time."""
    matplotlib.rcParams["svg.hashsalt"] = name
    runpy.run_path(str(HERE / "gallery" / f"plot_{name}.py"))
    path = folder / f"{name}.svg"
    pyplot.gcf().savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close("all")
    return path


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))  # docs/classroom
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        print(draw(name, FOLDER).relative_to(HERE.parent))
