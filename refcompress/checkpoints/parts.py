"""Part files: the entry of one tensor each, so that a run that was killed goes on where it stopped.

A part is written beside the target, under a name of its own, and renamed when it is whole. Its key says of which
source, recipe and version it is, and a digest at its end that no byte is missing: any other part is made again. It is
the digest of what stands before the entry and of the entry's own digest, which the file needs too.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from ..container import files
from ..errors import RefcompressError

__all__ = ["Part", "key_of", "folder_for", "part_path", "read", "remove", "size_of", "whole_path", "write"]

MAGIC = b"RCZPART\2"
HEAD = len(MAGIC) + 32 + 4  # the key, and the length of what is said about the entry
ENDING = ".part"
WHOLE, LOG = "whole.tmp", "whole.log"  # the file of a run in one process, and what is finished of it (growing.py)
# The names of files here: parts, their temporary ones, the whole file, and those that are written to measure a budget.
OURS = re.compile(r"[0-9]{6,}(-[0-9]+)?\.part(\.[0-9a-f]{8}\.tmp)?|whole\.([0-9a-f]{8}\.)?tmp|whole\.log|trial\.tmp|"
                  r"\.refcompress-[0-9a-f]{16}\.tmp")
Part = tuple[dict[str, Any], bytes | bytearray | memoryview]  # what is said about an entry, and its bytes


def key_of(*texts: str) -> bytes:
    """Return the SHA-256 of all texts, each with its length."""
    return hashlib.sha256("".join(f"{len(text)}:{text}" for text in texts).encode("utf-8", "surrogatepass")).digest()


@contextlib.contextmanager
def folder_for(target: str) -> Iterator[str]:
    """Give the folder of the parts of a target, made if it is not there; refuse one that holds anything else.

    Two runs at one target would remove each other's parts: the second is refused while the first goes on.
    """
    folder = f"{target}.parts"
    lock = _locked(folder)
    try:
        for name in os.listdir(folder):
            if not OURS.fullmatch(name):
                raise RefcompressError("target", f"{folder!r} is where its parts go, and {name!r} is none; remove the "
                                                 "folder, or choose another target")
        yield folder
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_UN)  # for processes too that were forked meanwhile, and go on
        os.close(lock)


def _locked(folder: str) -> int:
    """Return a descriptor of the folder, which is made if it is not there; it is locked until it is closed.

    The system unlocks what a killed process had locked.
    """
    while True:
        os.makedirs(folder, exist_ok=True)
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # a run that ends removes it
            continue
        try:
            _hold(lock)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), os.stat(folder)):
                    return lock
            os.close(lock)
        except BlockingIOError:
            os.close(lock)
            raise RefcompressError("target", f"{folder!r} is in use: another run writes the same target; wait for it, "
                                             "or choose another") from None


def _hold(lock: int) -> None:
    """Lock a descriptor, where its file system has locks; BlockingIOError where another one is locked."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
            raise


def part_path(folder: str, index: int, choice: int | None = None) -> str:
    """Return where the part of tensor ``index`` lies, or of one of its candidates."""
    return os.path.join(folder, f"{index:06}{'' if choice is None else f'-{choice}'}{ENDING}")


def on_disk_of(target: str, folder: str) -> bool:
    """Return whether the folder of the parts is on the disk of the target for sure."""
    return not (os.path.islink(target) or os.path.islink(folder) or os.path.ismount(folder))


def whole_path(folder: str, target: str) -> str | None:
    """Return where the file is written until it is whole: among its parts, so that the next run removes what is left.

    None where these may be on another disk than the target.
    """
    return None if not on_disk_of(target, folder) else os.path.join(folder, f"whole.{os.urandom(4).hex()}.tmp")


def write(path: str, key: bytes, said: dict[str, Any], entry: bytes | bytearray | memoryview) -> None:
    """Write a part whole."""
    text = json.dumps(said, sort_keys=True).encode()
    head = MAGIC + key + len(text).to_bytes(4, "little") + text
    temporary = f"{path}.{os.urandom(4).hex()}.tmp"
    try:
        with files.naming(path, temporary), open(temporary, "xb") as file:
            for piece in (head, entry, _digest(head, hashlib.sha256(entry).digest())):
                file.write(piece)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def read(path: str, key: bytes) -> tuple[dict[str, Any], memoryview, bytes] | None:
    """Return what is said about an entry, its bytes and their SHA-256; None without a whole part of that key."""
    try:
        with open(path, "rb") as file:
            data = memoryview(file.read())
    except FileNotFoundError:
        return None
    if len(data) < HEAD + 32 or data[: HEAD - 4] != MAGIC + key:
        return None
    end = HEAD + int.from_bytes(data[HEAD - 4 : HEAD], "little")
    entry = data[end:-32]
    digest = hashlib.sha256(entry).digest()
    if _digest(data[:end], digest) != data[-32:]:
        return None
    return json.loads(bytes(data[HEAD:end])), entry, digest


def _digest(head: bytes | memoryview, entry: bytes) -> bytes:
    return hashlib.sha256(b"".join((head, entry))).digest()


def size_of(folder: str) -> int:
    """Return the bytes of the parts that are finished, and of the file that grows."""
    return sum(os.path.getsize(path) for path in _ours(folder) if path.endswith((ENDING, WHOLE)))


def remove(folder: str) -> None:
    """Remove the parts, what was left of unfinished ones, and the folder."""
    for path in _ours(folder):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def _ours(folder: str) -> Iterator[str]:
    for name in os.listdir(folder):
        if OURS.fullmatch(name):
            yield os.path.join(folder, name)
