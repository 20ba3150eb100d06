"""Every figure that a README quotes is derived: here from files of the project, or by the test that is named here."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from functools import cache
from pathlib import Path

import pytest

from refcompress.checkpoints.recipe import PRESETS
from refcompress.cli.options import size
from refcompress.labs.hunts.luck import THROWS
from refcompress.testing.conforming import CHECKS
from refcompress.testing.values import LENGTHS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
SMALLEST = ROOT / "results" / "deep_compression" / "lenet_300_100-smallest.rcz"
WORDS = {"eight": 8, "nine": 9, "twelve": 12}


def derived() -> list[list[str]]:
    """Return the cells of the table of files whose origin was derived, a row a file."""
    rows = (ROOT / "results" / "derive.md").read_text().partition("\n## ")[0].splitlines()
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows if row.startswith("|")][2:]


def needed() -> str:
    """Return the oldest version of Python."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")


@cache
def packed(preset: str) -> int:
    """Return the bytes of what README's three commands make of their model, with a preset."""
    with tempfile.TemporaryDirectory() as place:
        for words in (f"decompress {SMALLEST} lenet.npz", f"compress lenet.npz -o lenet.rcz --preset {preset}"):
            subprocess.run([sys.executable, "-m", "refcompress", *words.split()], cwd=place, check=True,
                           capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        return (Path(place) / "lenet.rcz").stat().st_size


FIGURES = {  # of the text of README.md, with what each is; a string names the test that derives it
    "3.11": needed,
    "2,950": lambda: SMALLEST.stat().st_size,
    "128": lambda: PRESETS["int8"][1].options["group"],
    "15,096": lambda: packed("int8"),
    "4,426": lambda: packed("deep"),
    "675,763": "tests/models/test_squeezenet.py::test_the_published_file_becomes_as_small_as_the_readme_says",
    "542,925": "tests/models/test_squeezenet.py::test_the_published_file_becomes_as_small_as_the_readme_says",
    "30": "tests/documents/test_own_network_lesson.py::test_the_whole_path_is_30_lines_of_code_at_most",
    "200": lambda: THROWS,
    "67": lambda: max(LENGTHS),
    "130": lambda: 128 + signal.SIGINT,
    "242": lambda: len(derived()),
    "1000": lambda: size("1kB"),
    "1024": lambda: size("1KiB"),
    "3.0": lambda: re.search(r"ShareAlike (\S+)", (ROOT / "data/mnist/LICENSE").read_text())[1],
}


def figures_of(text: str) -> set[str]:
    """Return the numbers of two digits or more in a document's sentences, without its code, tables and links."""
    for other in (r"(?ms)^```.*?^```", r"(?m)^\|.*$", r"`[^`]*`", r"\]\([^)]*\)", r"arXiv \S+"):
        text = re.sub(other, "", text)
    return {found.rstrip(".,") for found in re.findall(r"(?<![\w.-])\d[\d.,]+(?![\w-]*[a-z])", text)
            if len(found.rstrip(".,")) > 1}


def test_each_figure_of_the_readme_is_known_here():
    assert figures_of(README) == set(FIGURES)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_of_the_readme_is_what_the_project_says(figure):
    source = FIGURES[figure]
    if isinstance(source, str):
        path, name = source.split("::")
        assert f"def {name}(" in (ROOT / path).read_text()
    else:
        assert figure.replace(",", "") == str(source())


def test_the_readmes_numbers_in_words_are_right():
    said = dict(re.findall(r"\b(eight|nine|[Tt]welve)\s+(tools|lines: `|lessons|lines\n)", README + "\n"))
    counted = {"tools": len({row[0].rpartition(" ")[0] for row in derived()}), "lines: `": len(CHECKS),
               "lessons": len(re.findall(r"(?m)^ ?\d+\. ", (ROOT / "refcompress/reference/__init__.py").read_text()))}
    for word, what in said.items():
        if what in counted:
            assert WORDS[word.lower()] == counted[what], (word, what)
    assert {what for what in said.values()} >= {"tools", "lines: `"}


def test_the_table_of_derived_files_is_that_of_the_digests():
    """The record has each tensor of each file that a tool gave, the table a row for each file whose tool was there."""
    record = json.loads((ROOT / "tests/audit/derive_digests.json").read_text())
    schemes = {(name.rpartition("@")[0].split("/", 1)[1], name.rpartition("@")[2].split("/")[0]) for name in record}
    rows = {(row[1], row[2]) for row in derived()}
    assert len(derived()) == len({tuple(row[:3]) for row in derived()}) and schemes <= rows
