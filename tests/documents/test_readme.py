"""The README and FORMAT.md are true: their examples run, and the commands that they name exist."""

import ast
import doctest
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import refcompress as rc
from refcompress import formats, ops, reference
from refcompress.recipes.inference import model_of_layers

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_readmes_examples_print_what_they_say():
    failures, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tried > 10 and failures == 0


def test_sizes_that_the_readme_and_the_results_quote_are_those_of_the_files():
    said = [(ROOT / path, size) for path, size in re.findall(r"(results/\S+\.rcz) .*? ([0-9,]+) bytes", README)]
    for text in sorted((ROOT / "results").glob("*/*.md")):
        said += [(text.parent / name, size) for name, size in
                 re.findall(r"`([\w-]+\.rcz)` \| ([0-9,]+) \|", text.read_text())]
    assert len(said) == 8
    for path, size in said:
        assert path.stat().st_size == int(size.replace(",", "")), path


def test_the_readmes_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {target for target in re.findall(r"\bmake ([a-z][a-z-]*)", README)} <= targets


@pytest.mark.parametrize("name", ops.OPS)
def test_the_map_names_each_operation_with_its_file(name):
    row = next(line for line in README.splitlines() if line.startswith("|") and f"`{name}`" in line)
    path = "/".join(getattr(reference, name).__module__.split(".")[2:])
    assert f"`{path}.py`" in row
    folder = row.split("|")[3].strip().strip("`/")
    assert not folder or any((ROOT / "csrc" / folder).glob("*.c"))


def test_the_map_names_each_format():
    row = next(line for line in README.splitlines() if line.startswith("| `refcompress/formats/`"))
    assert {name for name, value in vars(formats).items() if isinstance(value, type)
            and issubclass(value, formats.Format) and value is not formats.Format} <= set(re.findall(r"\w+", row))


def test_each_arxiv_number_of_the_map_stands_in_the_docstrings_of_its_files():
    rows = [
        line.split("|")
        for line in README.splitlines()
        if line.startswith("| `") and re.search(r"\b\d{4}\.\d{4,5}\b", line)
    ]
    assert len(rows) > 20
    for row in rows:
        files = [ROOT / "refcompress" / "reference" / name for name in re.findall(r"`(\w+/\w+\.py)`", row[2])]
        words = " ".join(
            ast.get_docstring(node) or ""
            for file in files
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
        )
        for number in re.findall(r"\b\d{4}\.\d{4,5}\b", row[4]):
            assert number in words, f"README gives arXiv {number} for{row[1]}; its docstrings do not"


COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines()
]


def test_what_the_readme_types_is_there_after_make():
    """The environment that make sets up is activated before anything in it is called."""
    makefile = (ROOT / "Makefile").read_text()
    assert "VENV := .venv\n" in makefile and "BIN := $(VENV)/bin\n" in makefile
    lessons, commands = COMMANDS[:5], COMMANDS[5:]
    assert [command[0] for command in lessons] == ["git", "cd", "make", ".", "jupyter"]
    assert lessons[1][1] == lessons[0][-1] and lessons[2] == ["make", "notebooks"]
    assert lessons[4] == ["jupyter", "lab", "build/notebooks/index.ipynb"]
    for text in ((ROOT / "docs" / "lessons" / "index.md").read_text(), makefile):
        assert re.findall(r"jupyter lab (\S+)", text) == lessons[4][2:]
    assert commands[:2] == [["make"], lessons[3]] == [["make"], [".", ".venv/bin/activate"]]
    assert {command[0] for command in commands[2:]} == {"make", "refcompress", "python"}


def test_the_readme_says_what_it_needs_before_it_says_make():
    before = README[:README.index("make ")]
    assert "Python 3.11 or newer" in before and "C compiler" in before and "git clone" in before


def test_the_sections_come_in_the_order_in_which_a_newcomer_needs_them():
    sections = ["![", "## Install", "## Three commands", "## Twelve lines", "## Verdict", "## The map"]
    places = [README.index(f"\n{section}") for section in sections]
    assert places == sorted(places)
    assert all((ROOT / picture).is_file() for picture in re.findall(r"!\[[^]]*\]\((.*?)\)", README))


def test_the_commands_of_the_readme_run_one_after_the_other_as_they_are_typed(tmp_path, monkeypatch):
    """The demo's minutes are left out: a file of its kind is where it would be."""
    from refcompress.cli import main

    for folder in ("results", "data"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    layers = rc.load("results/deep_compression/lenet_300_100-smallest.rcz")
    demo = model_of_layers(layers, order=["fc1", "fc2", "fc3"], activations="relu")
    rc.save_model("demo.rcz", demo)
    rc.save_model("model.onnx", demo)  # a model of the reader's own, and an input for it
    np.save("x.npy", np.zeros((1, 784), np.float32))
    typed = [command[1:] for command in COMMANDS if command[0] == "refcompress"]
    assert len(typed) > 10
    for arguments in typed:
        if arguments != ["demo"]:
            assert main(arguments) == 0, arguments
