"""refcompress doctor: what is installed, what was built, and what this machine uses."""

import argparse
import importlib.metadata
import platform
import sys
from typing import Any

import numpy as np

from .. import __version__, ops, reference
from ..errors import NotBuilt
from .show import Report, paragraph, table

EXTRAS = ("threadpoolctl", "rich", "hypothesis", "pytest")


def add_commands(commands) -> None:
    command = commands.add_parser("doctor")
    command.set_defaults(run=doctor)


def doctor(options: argparse.Namespace) -> Report:
    """Report the installation; that C is missing is a finding, with its cure, not an error."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions = {
        "refcompress": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "NumPy": f"{np.__version__} ({blas.get('name')} {blas.get('version')})",
        **{name: _version(name) or "not installed" for name in ("cffi", *EXTRAS)},
        "machine": f"{platform.machine()}, {sys.byteorder}-endian, {platform.system()}",
    }
    operations: dict[str, str | None] = {}
    build: dict[str, Any]
    try:
        from .. import native
    except NotBuilt as error:
        build = {"built": False, "reason": error.rule}
        rows = [["not built", error.rule]]
    else:
        build = {
            "built": True,
            "compiler": native.compiler(),
            "library": native.path(),
            "compiled": native.compiled(),
            "available": [space.__name__.removeprefix("native.") for space in native.available()],
            "threads": native.threads.get(),
        }
        rows = [[key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)]
                for key, value in build.items() if key != "built"]
        operations = {name: getattr(getattr(native, name, None), "isa", None) for name in ops.OPS}
    text = ["versions", table([list(pair) for pair in versions.items()]), "native kernels", table(rows)]
    if operations:
        rows = [[name, "/".join(getattr(reference, name).__module__.split(".")[1:]) + ".py", isa]
                for name, isa in operations.items() if isa]
        alone = [name for name, isa in operations.items() if not isa]
        text += ["operations that have a kernel", table(rows, ["operation", "NumPy", "native uses"]),
                 paragraph(f"NumPy alone computes {', '.join(alone)}", indent="  ")]
    return Report({"versions": versions, "native": build, "operations": operations}, "\n".join(text))


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
