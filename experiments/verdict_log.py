"""The answers of a long run over the catalogue, one a line, so that a run that was ended can go on.

Each has a digest of the files on which it depends: the package without the catalogue and the edges, the file of the
kernel, and the edges of its operation. An answer with another digest does not count.
"""

import functools
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refcompress.testing import catalogue, edges
from refcompress.testing.catalogue import Kernel

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "build" / "verdict.jsonl"


class Log:
    """What is kept of the answers, by operation, name and seed of the search."""

    def __init__(self, path: Path = PATH, kernels: Sequence[Kernel] = catalogue.KERNELS) -> None:
        self.path = path
        self.digests = {(k.op, k.name): digest(k) for k in kernels}  # now, as the files were imported
        self.kept: dict[tuple[str, str, int], dict] = {}
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                kept = json.loads(line)
            except json.JSONDecodeError:  # the run was ended while it wrote this line
                continue
            self.kept[kept["op"], kept["name"], kept.get("seed", 0)] = kept

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


def digest(kernel: Kernel) -> str:
    """Return the digest of all files on which the answer to a kernel depends."""
    found = hashlib.sha256(_package())
    for path in sorted({*_of_kernel(kernel), *_edges_of(kernel.op)}):
        found.update(_of_file(path))
    return found.hexdigest()[:16]


@functools.cache
def _of_file(path: str) -> bytes:
    return hashlib.sha256(Path(path).relative_to(ROOT).as_posix().encode() + b"\0" + Path(path).read_bytes()).digest()


@functools.cache
def _package() -> bytes:
    """Return the digest of the package and its C, without the catalogue and the edges, and of the program."""
    paths = {*ROOT.glob("refcompress/**/*.py"), *ROOT.glob("csrc/**/*.[ch]"), Path(__file__).with_name("verdict.py")}
    found = hashlib.sha256()
    for path in sorted(path for path in paths if not {"catalogue", "edges"} & set(path.parts)):
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return found.digest()


def _of_kernel(kernel: Kernel) -> set[str]:
    """Return the file in which a kernel is made, and those of C; where that is not known, the whole catalogue."""
    folder = Path(catalogue.__file__).parent
    module = getattr(kernel.function, "__module__", None) or ""
    own = module.startswith(catalogue.__name__ + ".")
    paths = [Path(str(sys.modules[module].__file__))] if own else folder.rglob("*.py")
    return {str(path) for path in (*paths, *folder.rglob("*.c"))}


@functools.cache
def _edges_of(op: str) -> frozenset[str]:
    """Return the files of the edges of an operation, and those that these import from."""
    modules = [module for name, module in sys.modules.items() if name.startswith(edges.__name__ + ".")]
    own = [module for module in modules if op in getattr(module, "EDGES", ())]
    used = {getattr(value, "__module__", None) for module in own for value in vars(module).values()}
    return frozenset(str(m.__file__) for m in modules if m in own or m.__name__ in used)
