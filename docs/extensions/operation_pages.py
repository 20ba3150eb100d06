"""The page of each operation, and the map of all of them, as MyST Markdown made from operation_facts."""

from collections.abc import Iterable

import docstrings
from benchmark_pages import of_operation
from operation_facts import ISAS, Facts, facts, why_no_c

from refcompress import reference
from refcompress.ops import OPS
from refcompress.reference.one_form import ONE_FORM

RULES = {
    "exactly": ("exact", "GEN-2.1"),
    "within_dot_bound": ("within the bound of dot products", "GEN-2.2"),
    "same_product": ("the product of the factors, within a bound", "GEN-2.6"),
    "near_best": ("the error of the approximation", "GEN-2.6"),
    "near_outputs": ("the error of the layer's outputs", "GEN-2.6"),
    "same_cost": ("the cost of the optimum", "GEN-2.6"),
    "least_divergence": ("the divergence of the range", "GEN-2.6"),
    "least_error": ("the squared error of the range", "GEN-2.6"),
    "near_obs": ("the mask but for near ties, weights within a bound", "PRUNE-7.8"),
    "near_sparsegpt": ("the mask but for near ties, weights within a bound", "PRUNE-7.8"),
    "near_gptq": ("the integers but for near ties, errors within a bound", "QUANT-9.6"),
    "near_clip": ("the scales but for near ties, errors within a bound", "QUANT-9.6"),
    "near_fit": ("exact, but errors within a bound", "QUANT-9.6"),
}
SHOWN = 12  # tests that are listed one by one


def source(path: str, label: str = "", up: str = "../") -> str:
    """Return a link to the page of a source file."""
    return f"[`{label or path}`]({up}sources/{path}.md)"


def _link(name: str) -> str | None:
    return f"{name}.md" if name in OPS else None


def _rows(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [":::{list-table}", ":stub-columns: 1", ":class: facts", ":widths: 25 75", "",
            *(line for key, value in pairs for line in (f"* - {key}", f"  - {value}")), ":::", ""]


def _forms(files: dict[str, str]) -> str:
    return ", ".join(f"{ISAS[isa]}: {source(path)}" for isa, path in files.items())


def _c(f: Facts) -> list[tuple[str, str]]:
    if not f.c:
        where = f" ({', '.join(source(path) for path in f.native)})" if f.native else ""
        return [("C", f"none of its own: {docstrings.prose(why_no_c(f.name))}{where}")]
    rows = [("C", _forms(f.c) + (f", built from {', '.join(source(p) for p in f.includes)}" if f.includes else ""))]
    if f.parts:
        rows.append(("its other C functions", "; ".join(f"`{part}`, {_forms(files)}" if files else f"`{part}`"
                                                         for part, files in f.parts.items())))
    return rows


def _lessons(f: Facts) -> str:
    return ", ".join(f"{{doc}}`/lessons/{path.removeprefix('docs/lessons/').removesuffix('.md')}`"
                     for path in f.lessons)


def _tests(f: Facts) -> str:
    own = [path for path in f.tests if path.startswith(f"tests/{f.family}/")]
    shown = ", ".join(f"`{path}`" for path in own[:SHOWN]) or f"`tests/{f.family}/`"
    laws = "`tests/laws/test_agreement.py` and the other laws of all operations"
    return f"{shown}; {laws}"


def _bugs(f: Facts) -> str:
    classes = ", ".join(f"{kind} {count}" for kind, count in f.bugs)
    return (f"{sum(count for _, count in f.bugs)} in `refcompress/testing/catalogue/`, which "
            f"`testing.check(\"{f.name}\", yours)` must find; by class of bug: {classes}")


def page(name: str) -> str:
    """Return the page of an operation."""
    f = facts(name)
    words, general = RULES[f.rule[0]]
    section, spec = f.section
    rows = [
        ("family", f"[{f.family}](#family-{f.family})"),
        ("paper", docstrings.prose(docstrings.source_of(f.docstring), _link) or "see the contract"),
        ("agreement", f"{words} ({general}): {docstrings.prose(f.rule[1])}" if f.rule[0] == "within_dot_bound"
         else f"{words} ({general})"),
        ("specification", f"{section} of {{doc}}`/specification/{spec}`"),
        ("NumPy", source(f.reference)),
        *_c(f),
        ("lessons", _lessons(f) or "none"),
        ("tests", _tests(f)),
        ("wrong kernels", _bugs(f)),
        ("benchmark cases", "; ".join(docstrings.prose(case) for case in f.cases) or "none"),
    ]
    lines = [f"(op-{name})=", f"# `{name}`", "", docstrings.prose(f.summary, _link), "", *_rows(rows),
             "## Contract", "", "```python", f.signature, "```", "",
             docstrings.markdown(f.docstring, _link), "",
             "## The reference", "",
             f"The code of {source(f.reference)}, without its docstring.", "",
             f"```{{literalinclude}} ../../{f.reference}", ":language: python",
             f":lines: {','.join(f'{a}-{b}' for a, b in f.body if a <= b)}", "```", "",
             "## Where it differs from its paper", ""]
    lines += [f"```{{departures}} {name}", ":or-none:", "```", ""]
    lines += ["## How fast", "", *of_operation(name)]
    return "\n".join(lines).rstrip() + "\n"


def index() -> str:
    """Return the map of operations: a table for each family, in the order of reference/."""
    lines = [
        "# Operations", "",
        f"The {len(OPS)} operations of `refcompress.ops.OPS`. Each has a page: its contract, its code in NumPy, where",
        "its C is, its paper, its tests and its benchmark cases. *Agreement* says when another implementation is",
        "right.", "",
    ]
    for family in reference.FAMILIES:
        own = [facts(name) for name in OPS if facts(name).family == family]
        if not own:
            continue
        about = " ".join((getattr(reference, family).__doc__ or "").split("\n\n")[0].split())
        lines += [f"(family-{family})=", f"## {family}", "", docstrings.prose(about), "", "{.map}",
                  "| operation | what it does | NumPy | C | agreement | clauses | tests | cases |",
                  "| --- | --- | --- | --- | --- | --- | --- | --- |"]
        for f in own:
            forms = ", ".join(source(path, ISAS[isa]) for isa, path in f.c.items()) or "none of its own"
            lines.append(
                f"| [`{f.name}`]({f.name}.md) | {docstrings.prose(f.summary, _link)} | "
                f"{source(f.reference, f.reference.removeprefix('refcompress/reference/'))} | {forms} | "
                f"{RULES[f.rule[0]][0]} | {f.section[0]} | "
                f"{len(f.tests)} | {len(f.cases)} |")
        lines.append("")
    lines += ["## Functions of one form", "",
              "These public functions have a NumPy form alone. So they are no rows of `OPS`.", "",
              "| function | why one form is enough |", "| --- | --- |",
              *(f"| `{name}` | {docstrings.prose(why)} |" for name, why in ONE_FORM.items()), "",
              "```{toctree}", ":hidden:", ":maxdepth: 1", "", *OPS, "```", ""]
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """Return all pages by their path under docs."""
    return {"operations/index.md": index(), **{f"operations/{name}.md": page(name) for name in OPS}}


def sources() -> list[str]:
    """Return the files that these pages link to."""
    found = set()
    for name in OPS:
        f = facts(name)
        found |= {f.reference, *f.c.values(), *f.includes, *(p for files in f.parts.values() for p in files.values())}
        if not f.c:
            found |= set(f.native)
    return sorted(found)
