"""The README and FORMAT.md are true: their examples run, and the commands that they name exist."""

import ast
import doctest
import re
from pathlib import Path

import pytest

from refcompress import ops, reference

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_the_readmes_examples_print_what_they_say():
    failures, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tried > 10 and failures == 0


def test_the_readmes_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {target for target in re.findall(r"\bmake ([a-z][a-z-]*)", README)} <= targets


@pytest.mark.parametrize("name", ops.OPS)
def test_the_map_names_each_operation_with_its_file(name):
    row = next(line for line in README.splitlines() if line.startswith("|") and f"`{name}`" in line)
    module = getattr(reference, name).__module__.rpartition(".")[2]
    assert f"`{module}.py`" in row
    folder = row.split("|")[3].strip().strip("`/")
    assert not folder or any((ROOT / "csrc" / folder).glob("*.c"))


def test_each_arxiv_number_of_the_map_stands_in_the_docstrings_of_its_files():
    rows = [line.split("|") for line in README.splitlines() if line.startswith("| `") and re.search(r"\b\d{4}\.\d{4,5}\b", line)]
    assert len(rows) > 20
    for row in rows:
        files = [ROOT / "refcompress" / "reference" / name for name in re.findall(r"`(\w+\.py)`", row[2])]
        words = " ".join(ast.get_docstring(node) or "" for file in files for node in ast.walk(ast.parse(file.read_text()))
                         if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)))
        for number in re.findall(r"\b\d{4}\.\d{4,5}\b", row[4]):
            assert number in words, f"README gives arXiv {number} for{row[1]}; its docstrings do not"


def test_each_command_of_the_readme_is_a_command():
    from refcompress.cli import main

    for command in set(re.findall(r"^refcompress ([a-z]+)", README, re.M)):
        with pytest.raises(SystemExit) as done:
            main([command, "--help"])
        assert done.value.code == 0
