"""The pages that are made before each build, from the files that say what they show. Git ignores them.

operations/ is made from OPS, specification/ from spec/, FORMAT.md and DEPARTURES.md (by include), benchmarks/ from
results/bench, and sources/ has a page for each file that an operation's page links to.
"""

from pathlib import Path

import benchmark_pages
import operation_pages
from operation_facts import ROOT

from refcompress.testing.clauses import PAGES

FOLDERS = ("operations", "specification", "benchmarks", "sources")


def specification() -> dict[str, str]:
    """Return a page for each text of the specification, each of which includes the text itself."""
    texts = {"README": "spec/README.md", **{page: f"spec/{page}.md" for page, _ in PAGES.values()},
             "FORMAT": "FORMAT.md", "DEPARTURES": "DEPARTURES.md"}
    pages = {f"specification/{name}.md": f"```{{include}} ../../{path}\n```\n" for name, path in texts.items()}
    pages["specification/index.md"] = "\n".join([
        "# Specification", "",
        "What each operation must return, clause by clause; what a file of compressed layers is, byte by byte; and",
        "where we differ from a paper. These texts are the norm: the code follows them. A clause has a number, such as",
        "PRUNE-1.3, and each mention of it on this site leads to it. Rounding is GEN-1, agreement GEN-2, and the order",
        "of summation of our own kernels GEN-4.", "", "```{toctree}", ":maxdepth: 1", "", *texts, "```", ""])
    return pages


def sources() -> dict[str, str]:
    """Return a page for each source file that the pages of operations link to. The search passes over them."""
    language = {".py": "python", ".c": "c", ".h": "c"}
    return {f"sources/{path}.md": "\n".join([
        "---", "orphan: true", "nosearch: true", "html_theme.sidebar_secondary.remove: true",
        "html_theme.sidebar_primary.remove: true", "---", "", f"# `{path}`", "",
        f"```{{literalinclude}} /../{path}", f":language: {language[Path(path).suffix]}", ":linenos:", "```", ""])
        for path in operation_pages.sources()}


def all_pages() -> dict[str, str]:
    """Return all made pages by their path under docs."""
    return {**operation_pages.pages(), **specification(), "benchmarks/index.md": benchmark_pages.index(), **sources()}


def write(app=None) -> None:
    """Write the pages that changed, and remove those that are made no more."""
    docs, pages = ROOT / "docs", all_pages()
    for folder in FOLDERS:
        for path in (docs / folder).rglob("*.md"):
            if path.relative_to(docs).as_posix() not in pages:
                path.unlink()
    for name, text in pages.items():
        path = docs / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
