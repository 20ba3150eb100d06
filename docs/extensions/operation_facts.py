"""What the site says of an operation, gathered from the files that say it: nothing here is typed twice."""

import ast
import inspect
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from refcompress import native, reference
from refcompress.native._table import PARTS
from refcompress.ops import OPS
from refcompress.reference.one_form import ONE_FORM
from refcompress.testing.catalogue import KERNELS
from refcompress.testing.clauses import clause

ROOT = Path(__file__).resolve().parents[2]
ISAS = {"portable": "portable", "avx2": "AVX2", "avx512": "AVX-512"}


@dataclass(frozen=True)
class Facts:
    """Paths are relative to the root of the repository, in the way of POSIX.

    body : the first and last lines of the reference's code, without its docstring, as pairs. rule : the name of the
    rule of agreement, and the first sentence of what it says. section : the section of the specification, and its
    page. c : by instruction set the file of its kernel; parts : the same for the other C functions that it is made of.
    includes : the templates of these files. bugs : how many wrong kernels of each class the catalogue has.
    """

    name: str
    family: str
    signature: str
    docstring: str
    reference: str
    body: tuple[tuple[int, int], ...]
    rule: tuple[str, str]
    section: tuple[str, str]
    c: dict[str, str]
    parts: dict[str, dict[str, str]]
    includes: tuple[str, ...]
    native: tuple[str, ...]
    tests: tuple[str, ...]
    lessons: tuple[str, ...]
    cases: tuple[str, ...]
    bugs: tuple[tuple[str, int], ...]

    @property
    def summary(self) -> str:
        """The docstring's first sentence, on one line."""
        return " ".join(self.docstring.split("\n\n")[0].split())


@cache
def texts(folder: str, *endings: str) -> dict[str, str]:
    """Return the text of each file under a folder of the repository, by its path."""
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted((ROOT / folder).rglob("*")) if path.suffix in endings}


def kernel_files(name: str) -> dict[str, str]:
    """Return by instruction set the C file that defines ``rc_<name>_<isa>``, by itself or through a template."""
    found = {}
    for isa in ISAS:
        symbol = rf"rc_{name}_{isa}\b"
        ranked = []
        for path, text in texts("csrc", ".c", ".h").items():
            if not re.search(symbol, text):
                continue
            stem = path.rpartition("/")[2]
            other = any(word in stem for word in ISAS if word != isa)
            defines = re.search(rf"^(?:[A-Z]\w* )?(?:int|void|size_t) {symbol}\s*\(|"
                                rf"^(?:#define \w+ |KERNEL\(){symbol}", text, re.M)
            ranked.append((other, not defines, f"/{name.split('_')[0]}/" not in path, path))
        if ranked:
            found[isa] = min(ranked)[3]
    return found


def _includes(paths) -> tuple[str, ...]:
    """Return the templates that C files include from their own folder, but for the declarations of the family."""
    found = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        for name in re.findall(r'^#include "(\w+\.h)"', texts("csrc", ".c", ".h")[path], re.M):
            if name != "api.h" and f"{folder}/{name}" in texts("csrc", ".c", ".h"):
                found.add(f"{folder}/{name}")
    return tuple(sorted(found))


def _body(function) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the file of a function, and the lines of its code without the docstring."""
    function = inspect.unwrap(function)
    path = Path(inspect.getsourcefile(function)).resolve()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    node = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function.__name__)
    doc = node.body[0]
    return path.relative_to(ROOT).as_posix(), ((node.lineno, doc.lineno - 1), (doc.end_lineno + 1, node.end_lineno))


def _signature(function) -> str:
    """Return the call without annotations: the types of the arguments stand in the docstring."""
    signature = inspect.signature(function)
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return f"{function.__name__}{signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)}"


def _rule(rule) -> tuple[str, str]:
    name = rule.__qualname__.partition(".")[0]
    if "<locals>" in rule.__qualname__:
        terms = rule.terms
        return name, " ".join(inspect.getdoc(terms).split("\n\n")[0].split()).removeprefix("Return ")
    return name, " ".join(inspect.getdoc(rule).split("\n\n")[0].split()).removeprefix("Raise Disagreement ")


def _naming(name: str, folder: str, *endings: str) -> tuple[str, ...]:
    return tuple(path for path, text in texts(folder, *endings).items() if re.search(rf"\b{name}\b", text))


@cache
def _cases() -> dict[str, list[str]]:
    from benchmarks.cases import CASES

    cases: dict[str, list[str]] = {}
    for case in CASES:
        if case.name not in cases.setdefault(case.op, []):
            cases[case.op].append(case.name)
    return cases


@cache
def facts(name: str) -> Facts:
    """Return what the site says of an operation."""
    function = getattr(reference, name)
    path, body = _body(function)
    section, _, page = clause(name).partition(" ")
    c = kernel_files(name)
    if not c and f"rc_{name}" in (text := "csrc/share/optimal.c") + texts("csrc", ".c", ".h")[text]:
        c = {"portable": text}  # one form, of which the table of kernels knows nothing (native/_table.py)
    parts = {part: kernel_files(part) for part in PARTS.get(name, ())}
    used = [*c.values(), *(path for files in parts.values() for path in files.values())]
    return Facts(
        name, name.split("_")[0] if name.split("_")[0] in reference.FAMILIES else function.__module__.split(".")[2],
        _signature(function), inspect.getdoc(function), path, body, _rule(OPS[name].rule),
        (section, page.strip("()").removeprefix("spec/").removesuffix(".md")), c, parts, _includes(used),
        tuple(p for p, text in texts("refcompress/native", ".py").items() if re.search(rf"^def {name}\b", text, re.M)),
        _naming(name, "tests", ".py"), _naming(name, "docs/lessons", ".md"), tuple(_cases().get(name, ())),
        tuple(Counter(k.kind for k in KERNELS if k.op == name and k.wrong).most_common()))


def why_no_c(name: str) -> str:
    """Return why an operation has no C function of its own name, in one sentence."""
    if name in ONE_FORM:
        return ONE_FORM[name]
    if any(hasattr(space, name) for space in native.available()):
        return "its native form is Python around the kernels of other operations"
    return "the NumPy form is the only one"
