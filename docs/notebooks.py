"""Write the lessons as notebooks for Jupyter: what the site shows by directives stands in their cells as text.

python docs/notebooks.py build/notebooks
"""

import ast
import json
import re
import sys
from pathlib import Path
from textwrap import dedent, indent

HERE = Path(__file__).resolve().parent
FENCE = re.compile(r"^(```|:::)\{([\w-]+)\}[ ]*([^\n]*)\n(.*?)^\1[ ]*$", re.M | re.S)
LINK = re.compile(r"\[([^\]]+)\]\(([\w./-]+)\.(md|rst)(?:#([\w-]+))?\)")
OPTION = re.compile(r':([\w-]+):[ ]*"?(.*?)"?$')

ANSWERS = ("**Answers.** Try the exercises first: add cells here with the button +. Then open the next cell: click "
           "the three dots. It computes nothing until you write `True` in place of `False`, and run it.")


def notebook(path: Path) -> dict:
    """Return a lesson as the JSON of a notebook.

    Its cells are as they stand in the text, and none has run. What the site hides is closed here too: a click opens
    it. Jupyter shows the first line of a closed cell, and all that it prints: so answers are not computed before they
    are asked for. The checks that the site removes are not here; a cell that it removes and that others need has the
    tag "setup". The first cell says where this checkout is, so the notebook may lie anywhere.
    """
    text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.S)
    cells, prose, end = [_code(f"import sys\n\nsys.path.insert(0, {str(HERE)!r})  # here is `classroom`", True)], "", 0
    for fence in FENCE.finditer(text):
        prose += text[end:fence.start()]
        end = fence.end()
        if fence[2] == "code-cell":
            tags, source = _cell(fence[4])
            if "remove-cell" in tags and "setup" not in tags:
                continue
            cells += _prose(prose + (ANSWERS if "hide-cell" in tags else ""))
            cells.append(_code(answers(source) if "hide-cell" in tags else source,
                               bool(tags & {"remove-cell", "hide-input", "hide-cell"})))
            prose = ""
        else:
            prose += _said(path, *fence.groups()[1:])
    cells += _prose(prose + text[end:])
    if len(cells) == 2:  # a page without code
        del cells[0]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return {"nbformat": 4, "nbformat_minor": 5, "cells": cells,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}}


def _code(source: str, closed: bool) -> dict:
    return {"cell_type": "code", "execution_count": None, "outputs": [], "source": source,
            "metadata": {"jupyter": {"source_hidden": True}} if closed else {}}


def answers(source: str) -> str:
    """Return the cell of the answers: "Run All Cells" does not compute them, and its first line gives nothing away."""
    return f"# Answers\nif False:  # write True here, and run this cell\n{indent(source, '    ')}"


def _prose(text: str) -> list[dict]:
    text = LINK.sub(_linked, text).strip()
    return [{"cell_type": "markdown", "metadata": {}, "source": text}] if text else []


def _linked(link: re.Match) -> str:
    """Return a link to the notebook of a lesson. Other pages of the site are no notebooks: their name stays."""
    page = HERE / "lessons" / f"{link[2]}.md"
    if not page.is_file():
        return link[1]
    return f"[{link[1]}]({link[2]}.ipynb{f'#{_heading(page, link[4])}' if link[4] else ''})"


def _heading(page: Path, anchor: str) -> str:
    """Return what Jupyter calls the heading to which the site gives this anchor."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return next(heading for heading in headings if heading.lower().replace(" ", "-") == anchor).replace(" ", "-")


def _cell(body: str) -> tuple[set[str], str]:
    """Return the tags of a code cell, and its code: options stand above it, between lines --- or as :name: value."""
    head = re.match(r"---\n.*?\n---\n|(?::[\w-]+:[^\n]*\n)*", body, re.S)[0]
    found = re.search(r"tags: \[(.*?)\]", head)
    return set(found[1].split(", ")) if found else set(), body[len(head):].strip("\n")


def _said(path: Path, name: str, argument: str, body: str) -> str:
    """Return what a directive of the site says, as Markdown."""
    options, lines = {}, body.splitlines()
    while lines and (option := OPTION.match(lines[0])):
        options[option[1]] = option[2]
        lines.pop(0)
    if name == "literalinclude":
        source = (path.parent / argument).resolve()
        language = options.get("language", "python")
        return f"`{source.relative_to(HERE.parent).as_posix()}`:\n\n```{language}\n{part(source, options)}\n```\n"
    if name == "admonition":
        return "".join(f"> {line}\n" for line in [f"**{argument}**", "", *lines])
    if name == "include":
        return (path.parent / argument).read_text(encoding="utf-8")
    if name == "departures":
        return _departures(argument.split())
    if name == "toctree":
        return "".join(f"{'1.' if 'numbered' in options else '-'} [{_title(path.with_name(f'{page}.md'))}]({page}.md)\n"
                       for page in filter(None, lines))
    raise ValueError(f"{path.name}: a notebook cannot say {{{name}}}")


def _title(lesson: Path) -> str:
    return re.search(r"^# (.*)$", lesson.read_text(encoding="utf-8"), re.M)[1]


def part(source: Path, options: dict[str, str]) -> str:
    """Return the part of a file that a ``literalinclude`` names, by the rules of Sphinx."""
    lines = source.read_text(encoding="utf-8").splitlines()
    if "pyobject" in options:
        node = ast.parse("\n".join(lines))
        for name in options["pyobject"].split("."):
            node = next(child for child in node.body if getattr(child, "name", None) == name)
        lines = lines[node.lineno - 1:node.end_lineno]
    for option, cut in (("start-at", slice), ("end-before", lambda at, _: slice(0, at))):
        if option in options:
            at = next(i for i, line in enumerate(lines) if options[option] in line)
            lines = lines[cut(at, None)]
    if "lines" in options:
        first, _, last = options["lines"].partition("-")
        lines = lines[int(first) - 1:int(last or first)]
    text = "\n".join(lines)
    return dedent(text) if "dedent" in options else text


def _departures(names: list[str]) -> str:
    rows = [row for row in (HERE.parent / "DEPARTURES.md").read_text(encoding="utf-8").splitlines()
            if row.startswith("|")]
    found = [row for row in rows[2:] if any(f"`{name}`" in row.split("|")[1] for name in names)]
    return "\n".join([*rows[:2], *found]) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for lesson in sorted((HERE / "lessons").glob("*.md")):
        target = folder / f"{lesson.stem}.ipynb"
        if target.exists():
            print(f"{target}: left as it is, for you may have worked in it")
        else:
            target.write_text(json.dumps(notebook(lesson), indent=1) + "\n", encoding="utf-8")
            print(f"{target}: written")
