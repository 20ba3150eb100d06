"""On which files the verdict's answer to a kernel depends: the package without the catalogue and the edges, the file of
the kernel, and the edges of its operation."""

import functools
import sys
from pathlib import Path

from refcompress.testing import edges
from refcompress.testing.catalogue import Kernel

from .kernel_log import ROOT, files_of_kernel

__all__ = ["files_of"]


def files_of(kernel: Kernel) -> set[Path]:
    """Return the files on which the answer to a kernel depends."""
    return {*_package(), *files_of_kernel(kernel), *_edges_of(kernel.op)}


@functools.cache
def _package() -> frozenset[Path]:
    """Return the files of the package and its C, without the catalogue and the edges, and the program."""
    paths = {*ROOT.glob("refcompress/**/*.py"), *ROOT.glob("csrc/**/*.[ch]"), Path(__file__).with_name("verdict.py")}
    return frozenset(path for path in paths if not {"catalogue", "edges"} & set(path.parts))


@functools.cache
def _edges_of(op: str) -> frozenset[Path]:
    """Return the files of the edges of an operation, and those that these import from."""
    modules = [module for name, module in sys.modules.items() if name.startswith(edges.__name__ + ".")]
    own = [module for module in modules if op in getattr(module, "EDGES", ())]
    used = {getattr(value, "__module__", None) for module in own for value in vars(module).values()}
    return frozenset(Path(str(m.__file__)) for m in modules if m in own or m.__name__ in used)
