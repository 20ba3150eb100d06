"""The lessons as notebooks: nothing is lost on the way, and a notebook runs wherever it lies."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted(path for path in (ROOT / "docs" / "lessons").glob("*.md") if path.stem != "index")
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n((?:---\n.*?\n---\n|(?::[\w-]+:[^\n]*\n)*))(.*?)^```", re.M | re.S)
SCRIPT = ROOT / "docs" / "notebooks.py"

spec = importlib.util.spec_from_file_location("notebooks", SCRIPT)
notebooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(notebooks)


def is_check(head: str) -> bool:
    return "remove-cell" in head and "setup" not in head


def sources(path: Path, kind: str) -> list[str]:
    return [cell["source"] for cell in notebooks.notebook(path)["cells"] if cell["cell_type"] == kind]


def test_there_are_the_twelve_lessons_and_the_one_of_ones_own_network():
    assert len(LESSONS) == 13


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_notebook_has_every_cell_of_its_lesson_but_the_checks_and_one_before_them(path):
    _, *cells = sources(path, "code")
    found = CELL.findall(path.read_text())
    assert len(cells) < len(found)
    for cell, (head, code) in zip(cells, (row for row in found if not is_check(row[0])), strict=True):
        if "hide-cell" in head:
            guarded, = ast.parse(cell).body
            assert not guarded.test.value and ast.dump(ast.Module(guarded.body, [])) == ast.dump(ast.parse(code))
        else:
            assert cell == code.strip("\n")
    for code in cells:
        ast.parse(code)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_directive_of_the_site_is_left_in_a_notebook(path):
    prose = "\n".join(sources(path, "markdown"))
    assert not re.search(r"^(```|:::)\{|^:[\w-]+:|^---$", prose, re.M)
    assert prose.startswith("# ")
    shown = path.read_text().count("{literalinclude}")
    assert prose.count("```python\n") + prose.count("```c\n") == shown


def names_bound(code: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(code))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_cell_needs_a_name_of_a_check_that_the_notebook_leaves_out(path):
    bound: set[str] = set()
    for head, code in CELL.findall(path.read_text()):
        if is_check(head):
            bound |= names_bound(code)
        else:
            needed = {node.id for node in ast.walk(ast.parse(code))
                      if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
            assert not needed & bound - names_bound(code), path.name


def test_the_index_is_a_notebook_that_leads_to_each_lesson_and_links_lead_to_files():
    index = notebooks.notebook(ROOT / "docs" / "lessons" / "index.md")
    assert [cell["cell_type"] for cell in index["cells"]] == ["markdown"]
    linked = re.findall(r"\]\(([^)]+)\)", index["cells"][0]["source"])
    assert linked == [f"{path.stem}.ipynb" for path in LESSONS]
    first = "\n".join(sources(LESSONS[0], "markdown"))
    assert "[lesson 12](12_range_coder.ipynb)" in first and "[lab](index.ipynb#Labs)" in first
    assert "\n## Labs\n" in index["cells"][0]["source"]
    assert ".rst" not in first and "Error against the weights that stay" in " ".join(first.split())
    there, = re.findall(r"in a checkout: `([^`]+)`", " ".join(first.split()))  # where no link can lead
    assert (ROOT / there).is_file()


def test_a_lesson_shows_the_code_of_the_library_as_it_stands():
    prose = "\n".join(sources(ROOT / "docs" / "lessons" / "01_magnitude.md", "markdown"))
    said = re.search(r"`refcompress/reference/prune/magnitude.py`:\n\n```python\n(.*?)\n```", prose, re.S)[1]
    assert indent(said, "    ") in (ROOT / "refcompress" / "reference" / "prune" / "magnitude.py").read_text()
    assert said.startswith("magnitude = joined(") and said.endswith("masks[None]")


@pytest.mark.parametrize("options, expected", [
    ({"pyobject": "Walk.step"}, "    def step(self):\n        x = 1\n        return x"),
    ({"pyobject": "Walk.step", "start-at": "x = 1", "dedent": ""}, "x = 1\nreturn x"),
    ({"start-at": "x = 1", "lines": "2-3"}, "        return x\nlast = 2"),
    ({"start-at": "x = 1", "lines": "1"}, "        x = 1"),
    ({"start-at": "def step", "end-before": "return", "dedent": ""}, "def step(self):\n    x = 1"),
])
def test_a_part_of_a_file_is_cut_out_as_the_site_does(tmp_path, options, expected):
    source = tmp_path / "walk.py"
    source.write_text("class Walk:\n    def step(self):\n        x = 1\n        return x\nlast = 2\n")
    assert notebooks.part(source, options) == expected


def test_answers_and_checks_are_closed_until_they_are_asked_for():
    cells = notebooks.notebook(ROOT / "docs" / "lessons" / "03_int8.md")["cells"]
    *_, before, answers = cells
    assert before["cell_type"] == "markdown" and "**Answers.**" in before["source"]
    assert answers["source"].startswith("# Answers\n") and answers["metadata"] == {"jupyter": {"source_hidden": True}}
    assert sum(not cell["metadata"] for cell in cells if cell["cell_type"] == "code") > 10


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_run_all_cells_shows_no_answer(path, capsys):
    """Jupyter shows the first line of a closed cell, and opens its output when it runs."""
    closed = [source for source in sources(path, "code") if source.startswith("# Answers")]
    assert closed
    for source in closed:
        exec(compile(source, path.stem, "exec"), {})
    assert capsys.readouterr() == ("", "")
    for source in closed:  # all that it prints is seen when it is asked for: a value in a last line would not be
        last = ast.parse(source).body[0].body[-1]
        assert not isinstance(last, ast.Expr) or isinstance(last.value, ast.Call)


@pytest.mark.parametrize("path", LESSONS[:3], ids=lambda path: path.stem)
def test_code_of_the_first_lessons_fits_a_notebooks_window(path):
    """A longer line of a box is broken, and a lesson counts lines; one of a cell ends outside of the window."""
    boxes = re.findall(r"^```python\n(.*?)^```", "\n".join(sources(path, "markdown")), re.M | re.S)
    assert boxes
    assert [line for code in (*sources(path, "code")[1:], *boxes) for line in code.splitlines() if len(line) > 88] == []


def test_a_directive_that_no_notebook_can_say_is_named(tmp_path):
    lesson = tmp_path / "lesson.md"
    lesson.write_text("# A lesson\n\n```{mermaid} picture\nx\n```\n")
    with pytest.raises(ValueError, match=r"lesson.md: a notebook cannot say \{mermaid\}"):
        notebooks.notebook(lesson)


def test_the_first_cells_run_in_any_folder_and_work_is_never_overwritten(tmp_path):
    def write():
        done = subprocess.run([sys.executable, SCRIPT, "made"], cwd=tmp_path, capture_output=True, text=True,
                              check=True)
        return done.stdout.splitlines()

    assert [line.endswith(": written") for line in write()] == [True] * 14
    first = tmp_path / "made" / "01_magnitude.ipynb"
    cells = [cell["source"] for cell in json.loads(first.read_text())["cells"] if cell["cell_type"] == "code"]
    code = "\n".join(cells[:5]) + "\nassert mask.sum() == 5\n"
    assert "from classroom import" in code and "mask" in code
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"MPLBACKEND": "agg"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    first.write_text("mine")
    assert [line.endswith(": written") for line in write()] == [False] * 14
    assert first.read_text() == "mine"
