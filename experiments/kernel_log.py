"""The answers of a long run over the catalogue, one a line, so that a run that was ended can go on.

Each has a digest of the files on which it depends. An answer with another digest does not count. Of a file of Python
the compiled code counts: a comment or a docstring changes no answer.
"""

import functools
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType
from typing import Any

from refcompress.testing import catalogue
from refcompress.testing.catalogue import Kernel

__all__ = ["ROOT", "Log", "digest", "files_of_kernel", "reached"]

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = Path(catalogue.__file__).parent
IMPORT = re.compile(r"^[ \t]*(?:from[ ]+(\.*)([\w.]*)[ ]+import[ ]+(\([^)]*\)|[^\n]+)|import[ ]+([\w.,\t ]+))",
                    re.MULTILINE)


class Log:
    """What is kept of the answers, by operation, name and seed of a search.

    files_of : says on which files the answer to a kernel depends.
    """

    def __init__(self, path: Path, kernels: Iterable[Kernel], files_of: Callable[[Kernel], Iterable[Path]]) -> None:
        self.path = path
        self.digests = {(k.op, k.name): digest(files_of(k)) for k in kernels}  # now, as the files were imported
        self.kept: dict[tuple[str, str, int], dict] = {}
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                kept = json.loads(line)
            except json.JSONDecodeError:  # the run was ended while it wrote this line
                continue
            self.kept[kept["op"], kept["name"], kept["seed"]] = kept

    def answer(self, kernel: Kernel, seed: int = 0) -> dict[str, Any] | None:
        """Return the answer to a kernel as it was added, or None where there is none that counts."""
        kept = self.kept.get((kernel.op, kernel.name, seed))
        return kept["answer"] if kept and kept["digest"] == self.digests[kernel.op, kernel.name] else None

    def add(self, kernel: Kernel, answer: dict[str, Any], seed: int = 0) -> None:
        digest_ = self.digests[kernel.op, kernel.name]
        kept = {"op": kernel.op, "name": kernel.name, "seed": seed, "digest": digest_, "answer": answer}
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(kept) + "\n")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def digest(paths: Iterable[Path]) -> str:
    """Return the digest of files."""
    return hashlib.sha256(b"".join(_of_file(path) for path in sorted(set(paths)))).hexdigest()[:16]


def files_of_kernel(kernel: Kernel) -> set[Path]:
    """Return the file in which a kernel is made, all from which it imports, and those of C.

    Where it is not known, the whole catalogue.
    """
    module = getattr(kernel.function, "__module__", None) or ""
    own = module.startswith(catalogue.__name__ + ".")
    paths = [Path(str(sys.modules[module].__file__))] if own else CATALOGUE.rglob("*.py")
    return {*reached(paths), *CATALOGUE.rglob("*.c")}


def reached(paths: Iterable[Path], but: frozenset[Path] = frozenset()) -> set[Path]:
    """Return files, and all files of this repository from which these import, and so on; ``but`` none of those."""
    found: set[Path] = set()
    rest = set(paths)
    while rest:
        found |= rest
        rest = {other for path in rest for other in _imported(path)} - found - but
    return found


@functools.cache
def _imported(path: Path) -> frozenset[Path]:
    """Return the files from which a file imports, wherever in it the import stands."""
    found: set[Path | None] = set()
    for dots, name, names, plain in IMPORT.findall(path.read_text()):
        begin = path.parents[len(dots) - 1] if dots else ROOT
        if plain:
            found |= {_source(ROOT.joinpath(*each.split()[0].split("."))) for each in plain.split(",")}
            continue
        module = begin.joinpath(*name.split(".")) if name else begin
        words = [each.split()[0] for each in re.sub(r"[()]|#.*", "", names).split(",") if each.split()]
        found |= {_source(module / word) or _source(module) for word in words}
    return frozenset(path for path in found if path is not None)


def _source(module: Path) -> Path | None:
    """Return the file of a module of this repository, or None."""
    return next((p for p in (module.with_name(module.name + ".py"), module / "__init__.py") if p.is_file()), None)


@functools.cache
def _of_file(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".py":
        content = repr(_code(compile(content, path.name, "exec", optimize=2))).encode()  # 2: without docstrings
    return hashlib.sha256(path.relative_to(ROOT).as_posix().encode() + b"\0" + content).digest()


def _code(code: CodeType) -> tuple:
    """Return what code does, without the numbers of its lines."""
    consts = tuple(_code(const) if isinstance(const, CodeType) else sorted(map(repr, const)) if isinstance(
        const, frozenset) else const for const in code.co_consts)  # a set of words has another order in each process
    return (code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars, code.co_argcount,
            code.co_kwonlyargcount, code.co_flags, code.co_exceptiontable)
