"""Print the packages of the extra ``bench`` that are peers, one a line: ``python -m benchmarks.peers``."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
print(*(name for name in project["optional-dependencies"]["bench"] if not name.startswith("gt-")), sep="\n")
