"""What a command may write to: never a file that it reads, and another that exists only with --force.

A result of an earlier run may be replaced by one of its kind, as compilers do it: a compressed file by a compressed
file, and what decompress wrote by what it writes now. A result can be made again; its source cannot.
"""

import argparse
import os
from pathlib import Path

from .. import container, models
from .refusals import Refused, about
from .show import printable

__all__ = ["add_force", "check"]

ARRAY_FILES = {
    *models.FILE_TYPES,
    ".npy",
    ".safetensors",
    ".onnx",
}  # what others would take the file for, and fail to read


def add_force(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--force",
        action="store_true",
        help="replace whatever file is there (never one that is read); without it "
        "only a result of an earlier run of the same kind is replaced",
    )


def check(target, sources: list, *, force: bool, suffixes: tuple[str, ...] | None = None, named: bool = True) -> None:
    """Refuse a target before any work is done.

    It must not be one of ``sources``, by whatever name or link; must not be there, unless ``force`` or as an earlier
    result that was ``named``; and its name must end in one of ``suffixes``, or, where that is None, not like a file of
    arrays.
    """
    path = Path(target)
    with about(target):
        container.files.target_of(target)
    refuse_sources(target, sources)
    ending = path.suffix.lower()
    if suffixes is not None and ending not in suffixes:
        raise Refused(printable(str(target)), f"must end in {listed(suffixes)}, the kind of file that is written")
    if suffixes is None and ending in ARRAY_FILES:
        raise Refused(
            printable(str(target)),
            f"must not end in {ending}: what is written is a compressed file, such as {printable(path.stem)}.rcz",
        )
    if path.exists() and not force and not named:
        raise Refused(printable(str(target)), "is there already; --force replaces it, --out names another file")
    if path.exists() and not force and not (_compressed if suffixes is None else _decoded)(path):
        raise Refused(printable(str(target)), "is there already; --force replaces it")


def refuse_sources(target, sources: list) -> None:
    """Refuse a target that is one of the files that are read, by whatever name or link."""
    for source in sources:
        if os.path.exists(target) and os.path.exists(source) and os.path.samefile(target, source):
            raise Refused(
                printable(str(target)),
                f"is the file that is read, {printable(os.fsdecode(source))}, which would be lost; give another name",
            )


def listed(suffixes: tuple[str, ...]) -> str:
    *others, last = suffixes
    return f"{', '.join(others)} or {last}" if others else last


def _decoded(path: Path) -> bool:
    """Return whether a file is what decompress wrote; pages and attestations are not, whatever they say."""
    return path.suffix.lower() in models.FILE_TYPES and models.is_decoded(path)


def _compressed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(container.MAGIC)) == container.MAGIC
