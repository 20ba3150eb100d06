"""Whole files: read only if regular, written so that a reader finds the old file or the new one and nothing between."""

import errno
import os
import secrets
import stat

from ..errors import ArgumentTypeError, CorruptError, LimitError, RefcompressError


def read(path, limit: int) -> bytes:
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


def write(path, data: bytes) -> None:
    """Replace the file at ``path`` by ``data``, or leave it as it is and raise.

    The bytes go to a temporary file in the same directory, to the disk, and then under the name. An exception removes
    the temporary file; a killed process may leave it (``.refcompress-*.tmp``), and nothing ever reads it. A symbolic
    link stays and the file it points at is replaced. A file that is replaced keeps its mode; a new one gets what the
    umask allows. Of two writers the last one wins, whole. What is there and is not a regular file is refused. Only an
    error of the very last step, which brings the new name to the disk, finds the new file in place, whole.
    """
    target, mode = target_of(path)
    directory = os.path.dirname(target)
    temporary = os.path.join(directory, f".refcompress-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.chmod(temporary, mode)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    flush_directory(directory)


def target_of(path) -> tuple[str, int | None]:
    """Return the file that writing to ``path`` replaces and its mode (None: a new one), or refuse it."""
    target = os.fsdecode(os.path.realpath(name_of(path)))
    try:
        return target, stat.S_IMODE(regular(os.stat(target), path).st_mode)
    except FileNotFoundError:
        os.stat(os.path.dirname(target))  # which says what is not there
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
