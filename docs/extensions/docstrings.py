"""A docstring of the house as MyST Markdown: sections as lists of definitions, formulas and examples as code.

numpydoc reads the sections; what stands before them (the sentence, the formula) and after them (Source, Departs, cost,
examples) has no section in numpydoc's sense, and keeps its order here.
"""

import re
from collections.abc import Callable

from numpydoc.docscrape import NumpyDocString

__all__ = ["markdown", "prose", "source_of"]

SECTIONS = ("Parameters", "Returns", "Raises")
_TOKEN = re.compile(r"``(?P<code>.+?)``|:\w+:`(?P<role>[^`]+)`|`(?P<name>[^`]+)`|\*\*(?P<strong>Source|Departs)\*\*",
                    re.S)


def prose(text: str, link: Callable[[str], str | None] = lambda name: None) -> str:
    """Return a paragraph as Markdown: what it quotes as code is code, and all other signs stand for themselves.

    link : gives the target of a quoted name, or None.
    """
    text = " ".join(text.split())
    parts, at = [], 0
    for token in _TOKEN.finditer(text):
        parts.append(_plain(text[at:token.start()]))
        at = token.end()
        if token["strong"]:
            parts.append(f"**{token['strong']}**")
            continue
        code = token["code"] or token["role"] or token["name"]
        target = link(code.split(".")[-1])
        parts.append(f"[`{code}`]({target})" if target else f"`{code}`")
    text = "".join([*parts, _plain(text[at:])])
    return re.sub(r"^([-+]|\d+[.)])(?=\s)", r"\\\1", text)


def _plain(text: str) -> str:
    return re.sub(r"([\\*_\[\]<>$#|~{}`^])", r"\\\1", text)


def _blocks(text: str):
    """Yield (kind, lines) of a text: "text", "formula" (indented), "list" or "example"."""
    waiting: list[str] = []
    kind = ""
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        lines = paragraph.split("\n")
        run: list[str] = []
        for line in lines:  # a formula may follow its sentence without an empty line
            now = ("example" if line.startswith(">>>") or kind == "example" and run else
                   "formula" if line.startswith("    ") and kind != "list" else
                   "list" if re.match(r"- ", line) or kind == "list" and line.startswith("  ") else "text")
            if run and now != kind:
                yield kind, run
                run = []
            kind = now
            run.append(line)
        if kind == "example":
            waiting += [*([""] if waiting else []), *run]
            kind = ""
            continue
        if waiting:
            yield "example", waiting
            waiting = []
        yield kind, run
        kind = ""
    if waiting:
        yield "example", waiting


def _body(text: str, link, indent: str = "") -> list[str]:
    out: list[str] = []
    for kind, lines in _blocks(text):
        if kind == "example":
            block = ["```pycon", *lines, "```"]
        elif kind == "formula":
            block = ["```text", *(line.removeprefix("    ") for line in lines), "```"]
        elif kind == "list":
            items = re.split(r"\n(?=- )", "\n".join(lines))
            block = [f"- {prose(item[2:], link)}" for item in items]
        else:
            block = [prose("\n".join(lines), link)]
        out += [*(indent + line if line else "" for line in block), ""]
    return out


def _definition(name: str, kind: str, lines: list[str], link) -> list[str]:
    """Return one entry of a list of definitions. A type that goes on in the next line is put together again."""
    text = "\n".join(lines)
    first, rest = lines[0].strip() if lines else "", "\n".join(lines[1:])
    if first and (first[0].islower() or first[0] in "0123456789(") and not lines[0].startswith("    "):
        kind, text = f"{kind} {first}", rest
        while text.strip() and not kind.rstrip().endswith((".", ":", ";")) and text.strip()[0].islower():
            first, _, text = text.strip("\n").partition("\n")
            kind = f"{kind} {first.strip()}"
    head = f"`{name}`" if name and re.fullmatch(r"[\w, ]+", name) else prose(name, link)
    out = [head or prose(kind, link), ""] if not head or not kind else [head, f":   {prose(kind, link)}", ""]
    if not head or not kind:
        body = _body(text, link, "    ") if text.strip() else []
        out = [out[0], *([":   " + body[0].lstrip(), *body[1:]] if body else []), ""]
        return out if body else [f"- {out[0]}", ""]
    return [*out, *(_body(text, link, "    ") if text.strip() else [])]


def markdown(docstring: str, link: Callable[[str], str | None] = lambda name: None, level: int = 3) -> str:
    """Return all of a docstring but its first sentence, as Markdown."""
    start = re.search(r"^Parameters\n-+$", docstring, re.M)
    end = re.search(r"^\*\*Source\*\*", docstring, re.M)
    if start is None or end is None or end.start() < start.start():
        raise ValueError(f"not a docstring of the house (CONTRIBUTING, 'A docstring'): {docstring[:80]!r}")
    head = docstring[:start.start()].partition("\n\n")[2]
    parsed = NumpyDocString(docstring.partition("\n\n")[0] + "\n\n" + docstring[start.start():end.start()])
    out = _body(head, link) if head.strip() else []
    for section in SECTIONS:
        if parsed[section]:
            out += [f"{'#' * level} {section}", ""]
            for entry in parsed[section]:
                out += _definition(entry.name, entry.type, list(entry.desc), link)
    out += [f"{'#' * level} Source, departures, cost", "", *_body(docstring[end.start():], link)]
    return "\n".join(out)


def source_of(docstring: str) -> str:
    """Return the papers of a docstring: what follows **Source** up to the next heading."""
    found = re.search(r"\*\*Source\*\*\s*(.*?)(?=\n\s*\n|\*\*Departs\*\*|\Z)", docstring, re.S)
    return " ".join(found[1].split()) if found else ""
