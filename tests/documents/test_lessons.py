"""What the lessons say about themselves: how long they take, what can be left out, how a lab is begun."""

import ast
import re
from pathlib import Path

import pytest

from refcompress.labs.exercises import LABS

LESSONS = sorted((Path(__file__).resolve().parents[2] / "docs" / "lessons").glob("[01]*.md"))
INDEX = (LESSONS[0].parent / "index.md").read_text()
IN_C = (LESSONS[0].parents[1] / "classroom" / "in_c.md").read_text()
FENCE = re.compile(r"^(```|:::)\{([\w-]+)\}[^\n]*\n(.*?)^\1 *$", re.M | re.S)
LEFT_OUT = re.compile(r"In C|What the papers? left open|More: .+")
WORD, PICTURE, FORMULA, CODE = 60 / 150, 30, 30, 20  # seconds of a reader


def minutes(text: str) -> float:
    """Return how long a person reads a lesson: 150 words a minute, and looks at pictures, formulas and code."""
    seconds = 0.0
    for _, name, body in FENCE.findall(text):
        if name == "admonition":
            seconds += WORD * len(body.split())
        elif name == "include":
            seconds += WORD * len(IN_C.split())
        elif name == "literalinclude":
            seconds += CODE
        elif name == "code-cell" and not re.search(r"remove-cell|hide-cell", body):
            seconds += PICTURE if "hide-input" in body else CODE
    rows = (LESSONS[0].parents[2] / "DEPARTURES.md").read_text().splitlines()
    ops = {f"`{op}`" for line in re.findall(r"\{departures\} (.*)", text) for op in line.split()}
    quoted = [row for row in rows if row.startswith("|") and ops & set(re.findall(r"`\w+`", row.split("|")[1]))]
    seconds += WORD * sum(len(row.split()) for row in quoted)
    prose, formulas = re.subn(r"\$\$.*?\$\$", "", FENCE.sub("", text), flags=re.S)
    return (seconds + FORMULA * formulas + WORD * len(re.sub(r"\]\([^)]*\)", "]", prose).split())) / 60


def without(text: str) -> str:
    """Return a lesson without the sections that a first reading can leave out."""
    parts = re.split(r"(?m)^(?=## )", text)
    return "".join(part for part in parts if not LEFT_OUT.fullmatch(part.partition("\n")[0][3:]))


def test_a_lesson_takes_as_long_as_the_index_says():
    whole = [minutes(path.read_text()) for path in LESSONS]
    first = [minutes(without(path.read_text())) for path in LESSONS]
    said = re.search(r"takes at\s+most\s+(\d+)\s+minutes.*?takes at\s+most\s+(\d+)\s+minutes", INDEX, re.S)
    assert max(whole) <= int(said[1]) and max(first) <= int(said[2]), (whole, first)
    assert "and lessons 1 to 3 less" in " ".join(INDEX.split()) and max(first[:3]) < 11.5, first
    # In an hour a newcomer reads these, README and index (4 minutes), waits (6), and writes the lab of lesson 1 (17).
    assert sum(first[:3]) < 30.5, first


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_what_the_index_leaves_out_are_sections_of_each_lesson(path):
    text = path.read_text()
    assert re.search(r"(?m)^## In C$", text) and re.search(r"(?m)^## What the papers? left open$", text)
    assert len(without(text)) < len(text)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_section_that_can_be_left_out_says_so_and_what_is_read_needs_no_name_of_it(path):
    text = path.read_text()
    left = [part for part in re.split(r"(?m)^(?=## )", text) if LEFT_OUT.fullmatch(part.partition("\n")[0][3:])]
    left = [part.replace("```{include} ../classroom/in_c.md\n```", IN_C) for part in left]
    assert all("At a first reading you can leave this section out." in " ".join(part.split()[:30]) for part in left)
    kept, lost = names(without(text)), set().union(*(names(part)[0] for part in left))
    assert not kept[1] & lost - kept[0]


def names(text: str) -> tuple[set[str], set[str]]:
    """Return the names that the cells of a text bind, and those that they use, but for checks that are removed."""
    bound, used = set(), set()
    for _, kind, body in FENCE.findall(text):
        if kind == "code-cell" and "remove-cell" not in body:
            code = re.sub(r"\A(---\n.*?\n---\n|(:[\w-]+:[^\n]*\n)*)", "", body, flags=re.S)
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.Name):
                    (bound if isinstance(node.ctx, ast.Store) else used).add(node.id)
                elif isinstance(node, (ast.FunctionDef, ast.alias)):
                    bound.add(node.name)
    return bound, used


def test_a_newcomers_first_lab_is_that_of_lesson_1_wherever_labs_are_named():
    readme = (LESSONS[0].parents[2] / "README.md").read_text()
    for text in (readme, INDEX, LESSONS[0].read_text()):
        section = re.search(r"(?ms)^## (?:Labs|Exercises).*?(?=^## |\Z)", text)[0]
        assert re.findall(r"refcompress lab start (\w+)", " ".join(section.split())) == ["prune_magnitude"]
        assert re.findall(r"refcompress lab check ([\w-]+)", " ".join(section.split())) == ["lab-prune_magnitude"]
        assert section.index("`prune_magnitude`") < section.index("`quantize_s8`")


def test_the_index_says_how_the_cells_of_a_notebook_run():
    assert "**Run > Run All Cells** first" in INDEX and "Shift+Enter" in INDEX and "three dots" in INDEX


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lab_is_begun_in_a_terminal_with_the_command_at_hand(path):
    text = " ".join(path.read_text().split())
    for op in re.findall(r"`refcompress lab start (\w+)`", text):
        assert op in LABS and f"`refcompress lab check lab-{op}`" in text
        assert "It is a [lab](index.md#labs). In a terminal, after `. .venv/bin/activate`: `refcompress lab" in text
    assert "refcompress lab start" in text or "[lab](index.md#labs)" in text


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_that_another_one_names_first_is_a_link(path):
    text = FENCE.sub(lambda fence: fence[0] if fence[2] == "admonition" else "", path.read_text())
    for number in set(re.findall(r"(?<!\w)[Ll]esson (\d+)", " ".join(text.split()))) - {str(int(path.stem[:2]))}:
        first = re.search(rf"[Ll]essons?\s+\[?{number}\b(\]\({int(number):02}_\w+\.md\))?", text)
        assert first and (first[1] or f"]({int(number):02}_" in text[:first.start()]), (number, first[0])


def figures(text: str) -> set[str]:
    """Return the numbers of two digits or more."""
    found = re.findall(r"(?<![\w.])\d[\d.,_]*\d", text)
    return {number.replace(",", "").replace("_", "") for number in found}


@pytest.mark.parametrize("path", [*LESSONS, LESSONS[0].parent / "own_network.md"], ids=lambda path: path.stem)
def test_a_figure_in_the_comment_of_an_answer_stands_in_its_code_too(path):
    """There it is computed or asserted; a comment alone goes wrong and nobody sees it."""
    answers, = (body for _, name, body in FENCE.findall(path.read_text()) if "tags: [hide-cell]" in body)
    lines = answers.rpartition("---\n")[2].splitlines()
    comments = "\n".join(line for line in lines if line.lstrip().startswith("#"))
    code = "\n".join(line.partition("  #")[0] for line in lines if not line.lstrip().startswith("#"))
    assert figures(comments) <= figures(code)


@pytest.mark.parametrize("path", LESSONS[:3], ids=lambda path: path.stem)
def test_a_lesson_says_only_what_its_first_reading_or_its_sections_more_teach(path):
    """What is named after "More" among the aims stands in such a section; all of it is named as such."""
    aims = re.search(r"You will be able to: (.*?)\n\n", path.read_text(), re.S)[1]
    for word in ("zero point", "start matters", "compute with the integers"):
        assert word not in aims or "More" in aims[:aims.index(word)], word


def test_no_lesson_speaks_of_the_making_of_a_page():
    assert not [path.name for path in LESSONS if re.search(r"page\s+was\s+made|whoever", path.read_text())]
