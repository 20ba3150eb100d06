"""Making a file again from its source and the recipe that travels in it, and comparing the bytes."""

import os
import tempfile
from dataclasses import dataclass
from typing import Any

from .. import __version__, container
from ..container import DEFAULT_LIMIT
from ..errors import RefcompressError
from ..formats import same
from .recipe import loads
from .run import compress
from .sources import Path

__all__ = ["Rebuilt", "rebuild"]

STEP = 2**22  # bytes compared at a time


@dataclass(frozen=True)
class Rebuilt:
    """Whether a file was made again, byte for byte.

    same : so it was. differs : the first entry that differs, or None where none does. reason : for a person. version :
    of refcompress, that wrote the file.
    """

    same: bool
    differs: str | None
    reason: str
    version: str


def rebuild(path: Path, source: Any, *, implementation: Any = None, jobs: int = 1, executor: Any = None,
            limit: int = DEFAULT_LIMIT, bfloat16: bool = False) -> Rebuilt:
    """Compress the source by the recipe in a compressed file, and compare the bytes of both files.

    path : of the compressed file; source and all else as of compress. Refuses a file without a recipe.
    """
    with container.open(path, limit=limit) as file:
        metadata = dict(file.metadata)
    if "refcompress.recipe" not in metadata:
        raise RefcompressError("path", "has no recipe in it: compress did not write it")
    recipe, version = loads(metadata["refcompress.recipe"]), metadata.get("refcompress.version", "?")
    with tempfile.TemporaryDirectory(prefix="refcompress-") as folder:
        again = os.path.join(folder, "again.rcz")
        result = compress(source, recipe, target=again, implementation=implementation, jobs=jobs, executor=executor,
                          limit=limit, bfloat16=bfloat16)
        if _same(path, again):
            return Rebuilt(True, None, "the same bytes", version)
        differs, reason = _difference(path, again, limit)
        reason += f"; {result.network}" if result.network and result.plan.network.graph is None else ""
    if version != __version__:
        reason += f"; the file was written by version {version}, this is {__version__}"
    return Rebuilt(False, differs, reason, version)


def _same(path: Path, other: Path) -> bool:
    with open(path, "rb") as a, open(other, "rb") as b:
        while True:
            x, y = a.read(STEP), b.read(STEP)
            if x != y:
                return False
            if not x:
                return True


def _difference(path: Path, other: Path, limit: int) -> tuple[str | None, str]:
    """Return the first entry that differs, and what differs about it."""
    with container.open(path, limit=limit) as old, container.open(other, limit=limit) as new:
        was, now = (file.metadata.get("refcompress.source.sha256") for file in (old, new))
        said = "the source is another one, by its SHA-256; " if was != now else ""
        for name in old:
            if name not in new:
                return name, f"{said}entry {name!r} is not made from this source"
            if old.entry_bytes(name) != new.entry_bytes(name):
                sizes = f"{new.entry_bytes(name)} bytes, and {old.entry_bytes(name)} in the file"
                return name, f"{said}entry {name!r} takes {sizes}"
            if not same(old[name], new[name]):
                return name, f"{said}entry {name!r} has other numbers"
        for name in new:
            if name not in old:
                return name, f"{said}entry {name!r} is not in the file"
    return None, f"{said}the entries are the same, and what the file says about its making differs"

