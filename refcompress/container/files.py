"""Whole files: regular ones alone are read, and a reader finds the old file or the new one, nothing between."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO, TypeAlias

from ..errors import ArgumentTypeError, CorruptError, LimitError, NotOnDisk, RefcompressError

Path: TypeAlias = str | bytes | os.PathLike
DEFAULT_LIMIT = 2**32  # bytes that a file may decode to, where nothing else is said
STEP = 2**24  # bytes read by one call of the system: Ctrl-C is answered between calls


def read(path: str | bytes | os.PathLike, limit: int) -> bytes:
    """Return the bytes of a regular file of at most ``limit`` bytes; a directory, pipe or device is refused unread.

    Raises RefcompressError, LimitError, CorruptError (the file changed while it was read), and OSError as the system
    says.
    """
    path = name_of(path)
    # Without O_NONBLOCK the mere opening of a pipe waits for a writer, perhaps for ever.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        status = regular(os.fstat(file.fileno()), path)
        if status.st_size > limit:
            raise LimitError("limit", f"{os.fspath(path)!r} has {status.st_size} bytes, the limit is {limit}")
        data = file.read(status.st_size + 1)
    if len(data) != status.st_size:
        raise CorruptError("path", f"{os.fspath(path)!r} changed while it was read")
    return data


class Opened:
    """A regular file that is open to be read in parts, and whose size is known.

    Parts are read, not mapped: a file that is cut off under a map ends the process, and here it is refused.

    path : str; size : bytes when it was opened. Raises RefcompressError for what is not a regular file, and OSError as
    the system says.
    """

    def __init__(self, path: str | bytes | os.PathLike):
        name = name_of(path)
        self.path = os.fsdecode(name)
        # Without O_NONBLOCK the mere opening of a pipe waits for a writer, perhaps for ever.
        self._file = open(name, "rb", buffering=0,
                          opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
        try:
            self.size = regular(os.fstat(self._file.fileno()), path).st_size
        except BaseException:
            self._file.close()
            raise

    def read(self, start: int, count: int) -> bytearray:
        """Return ``count`` bytes from ``start`` on; CorruptError where the file does not have them (any more)."""
        self._within(start, count)  # before anything is allocated
        data = bytearray(count)
        self.fill(start, memoryview(data))
        return data

    def fill(self, start: int, view: memoryview) -> None:
        """Read the bytes from ``start`` on into a view of bytes; CorruptError as in :meth:`read`."""
        self._within(start, len(view))
        done = 0
        while done < len(view):
            got = os.preadv(self._file.fileno(), [view[done : done + STEP]], start + done)
            if not got:
                raise CorruptError("path", f"{self.path!r} changed while it was read: it ends at byte {start + done}")
            done += got

    def _within(self, start: int, count: int) -> None:
        if not 0 <= start <= start + count <= self.size:
            raise CorruptError("path", f"{self.path!r} has {self.size} bytes; bytes {start} to {start + count} are "
                                       "announced")

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *error) -> None:
        self.close()


@contextmanager
def opening(path: Path) -> Iterator[Opened]:
    """Give the file, open; with an exception it is closed, and without one it stays open for the tensors to be read."""
    file = Opened(path)
    try:
        yield file
    except BaseException:
        file.close()
        raise


class Held:
    """The bytes of a file that are in memory, read in parts as those of :class:`Opened` are."""

    def __init__(self, data: bytes):
        self.data, self.size = memoryview(data), len(data)

    def read(self, start: int, count: int) -> memoryview:
        """Return ``count`` bytes from ``start`` on, without a copy."""
        if not 0 <= start <= start + count <= self.size:
            raise CorruptError("data", f"has {self.size} bytes; bytes {start} to {start + count} are announced")
        return self.data[start : start + count]


def write(path: str | bytes | os.PathLike, data: bytes) -> None:
    """Replace the file at ``path`` by ``data``, or leave it as it is and raise (see :func:`writing`)."""
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: str | bytes | os.PathLike, temporary: str | None = None) -> Iterator[BinaryIO]:
    """Give a new file to write to, which replaces the one at ``path`` at the end; an exception leaves the old one.

    The bytes go to a temporary file in the same directory, to the disk, and then under the name. An exception removes
    the temporary file; a killed process may leave it (``.refcompress-*.tmp``), and nothing ever reads it. A symbolic
    link stays and the file it points at is replaced. A file that is replaced keeps its mode, and its owner and group
    where the system allows it; until then the temporary file is open to its owner alone. A new file gets the rights
    that the umask allows. Of two writers the last one wins, whole. What is there and is not a regular file is refused.

    temporary : the temporary file's name, of no file that is there; None for a name of its own beside the target

    Two exceptions find the new file in place, whole: NotOnDisk, where the system cannot say that the new name is on the
    disk, and the KeyboardInterrupt of a Ctrl-C that comes after the renaming.
    """
    target, replaced = target_of(path)
    temporary = temporary or os.path.join(os.path.dirname(target), f".refcompress-{os.urandom(8).hex()}.tmp")
    try:  # Twice, because Ctrl-C may come while the inner one removes the file.
        try:
            # The file is opened by C alone: Ctrl-C cannot come between the descriptor and the object that closes it.
            opener = partial(os.open, mode=0o666 if replaced is None else 0o600)
            with naming(target, temporary), open(temporary, "xb", opener=opener) as file:
                yield file
                file.flush()
                settle(file, temporary, replaced)
            os.replace(temporary, target)
        finally:
            remove(temporary)
    finally:
        remove(temporary)
    flush_name(target)


def settle(file: BinaryIO, temporary: str, replaced: os.stat_result | None) -> None:
    """Bring a whole temporary file to the disk, with the mode and the owner of the file that it will replace."""
    if replaced is not None:
        take_over(temporary, replaced)
    os.fsync(file.fileno())


def flush_name(target: str) -> None:
    """Bring the name of a file that is in place to the disk; NotOnDisk where the system cannot say that it is there."""
    try:
        flush_directory(os.path.dirname(target))
    except OSError as error:
        raise NotOnDisk(error.errno, f"the new file is in place, whole, but its name may not be on the disk yet "
                                     f"({error.strerror})", target) from error


@contextmanager
def naming(path: str, temporary: str) -> Iterator[None]:
    """Let an error of the system inside name ``path``, where it names no file (a full disk) or the temporary one."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, temporary) and error.errno is not None:
            error.filename = path
        raise


def remove(temporary: str) -> None:
    """Remove the file, if it is there: it has its last name already, or was never made, where it is not."""
    with suppress(FileNotFoundError):
        os.unlink(temporary)


def take_over(temporary: str, replaced: os.stat_result) -> None:
    """Give a file the owner, group and mode of the one that it replaces; not the mode's rights for another group."""
    mode, own = stat.S_IMODE(replaced.st_mode), os.stat(temporary)
    if (own.st_uid, own.st_gid) != (replaced.st_uid, replaced.st_gid):
        try:
            os.chown(temporary, replaced.st_uid, replaced.st_gid)
        except PermissionError:  # only root may give a file away
            mode &= ~(stat.S_IRWXG | stat.S_ISUID | stat.S_ISGID)
    os.chmod(temporary, mode)


def target_of(path) -> tuple[str, os.stat_result | None]:
    """Return the file that writing to ``path`` replaces and its status (None: a new one), or refuse it."""
    name = name_of(path)
    target = os.fsdecode(os.path.realpath(name))
    try:
        return target, regular(os.stat(name), path)
    except FileNotFoundError:
        os.stat(os.path.dirname(target))  # which says what is not there
    link = os.fsdecode(name)
    while os.path.islink(link):  # ends: of links in a circle, the system says so above
        link = os.path.join(os.path.dirname(link), os.readlink(link))
    if os.path.basename(link) in ("", os.curdir, os.pardir):
        raise RefcompressError("path", f"must be the name of a file, {os.fspath(path)!r} is a folder's")
    return target, None


def name_of(path) -> str | bytes:
    """Return the path as the system takes it; refuse a number (it would be an open file's) and a NUL."""
    try:
        name = os.fspath(path)
    except TypeError as error:
        raise ArgumentTypeError("path", str(error)) from None
    if b"\0" in os.fsencode(name):
        raise RefcompressError("path", f"must not contain NUL, {name!r} does")
    return name


def regular(status: os.stat_result, path) -> os.stat_result:
    """Return ``status``; refuse what is not a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise RefcompressError("path", f"{os.fspath(path)!r} must be a regular file")
    return status


def flush_directory(directory: str) -> None:
    """Bring the new name to the disk too, where the directory can be opened and its file system can do that."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except PermissionError:  # one may write into a directory that one may not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
