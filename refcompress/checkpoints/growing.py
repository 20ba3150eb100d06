"""The file of a run in one process, while it grows: each entry is written once, where it stays.

It lies among the parts until it is whole. A log has a record for each finished tensor, in the order of the plan: what
is said about its entry, the entry's size and its SHA-256. A record is written when its entry is. A run that goes on
reads the log as far as the records and the bytes of the file agree, and continues there.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from ..container import files
from ..container.writer import Frame
from .parts import LOG, WHOLE

__all__ = ["Growing"]

MAGIC = b"RCZLOG\r\1"
HEAD = 4 + 8  # of a record: the lengths of what is said, and of the entry


class Growing:
    """A file that grows in a folder of parts, and what is there of it already.

    key : of the run; a log of another run is not read. It is a context manager: leaving the block closes the file, and
    nothing more. ``finish`` puts it in its place.
    """

    def __init__(self, folder: str, target: str, key: bytes):
        self._target, self._replaced = files.target_of(target)
        self._path, self._position = os.path.join(folder, WHOLE), 0
        self._places: dict[bytes, tuple[int, int]] = {}  # SHA-256 of an entry -> where it stands, and its size
        self._digests: dict[str, bytes] = {}
        with files.naming(self._path, self._path):
            self._file = open(self._path, "w+b" if not os.path.exists(self._path) else "r+b", buffering=0,
                              opener=self._opener)
            try:
                self._log = open(os.path.join(folder, LOG), "a+b", buffering=0)
            except BaseException:
                self._file.close()
                raise
        self._log.seek(0)
        self._records = self._log.read()
        self._at = len(MAGIC + key)  # of the next record
        self._goes_on = self._records[: self._at] == MAGIC + key
        if not self._goes_on:
            self._log.truncate(0)
            self._log.write(MAGIC + key)
        self._frame = Frame(self._write, None)

    def _opener(self, name: str, flags: int) -> int:
        return os.open(name, flags & ~os.O_TRUNC, 0o666 if self._replaced is None else 0o600)

    def __enter__(self) -> "Growing":
        return self

    def __exit__(self, *error) -> None:
        self._file.close()
        self._log.close()

    def found(self, key: bytes) -> tuple[dict[str, Any], bytearray, bytes] | None:
        """Return what is said about the next entry, its bytes and their SHA-256; None where the log has no such record.

        From the first None on, none is found: what the log has beyond is of no use.
        """
        if self._goes_on and (record := self._record(key)) is not None:
            return record
        if self._goes_on:
            self._goes_on = False
            self._log.truncate(self._at)
        return None

    def _record(self, key: bytes) -> tuple[dict[str, Any], bytearray, bytes] | None:
        head = self._records[self._at : self._at + HEAD]
        length, size = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
        end = self._at + HEAD + length
        said, digest, check = (self._records[start:stop] for start, stop in (
            (self._at + HEAD, end), (end, end + 32), (end + 32, end + 64)))
        if len(head) < HEAD or check != hashlib.sha256(key + head + said + digest).digest():
            return None
        entry = self._read(*self._places.get(digest, (self._position, size)))
        if hashlib.sha256(entry).digest() != digest:
            return None
        self._at = end + 64
        return json.loads(said), entry, digest

    def _read(self, start: int, count: int) -> bytearray:
        """Return bytes of the file; fewer where it ends before."""
        data = bytearray(max(0, min(count, os.fstat(self._file.fileno()).st_size - start)))
        self._file.seek(start)
        with memoryview(data) as view:
            done = 0
            while done < len(view) and (got := self._file.readinto(view[done:])):
                done += got
        return data

    def add(self, name: str, key: bytes, said: Mapping[str, Any], entry: bytes | memoryview | bytearray,
            digest: bytes | None = None) -> None:
        """Write a tensor's entry, and then its record. digest : the SHA-256 of the entry, if it is known"""
        digest = self.put(name, entry, digest)
        if not self._goes_on:
            text = json.dumps(said, sort_keys=True).encode()
            head = len(text).to_bytes(4, "little") + len(entry).to_bytes(8, "little")
            check = hashlib.sha256(key + head + text + digest).digest()
            with files.naming(self._path, self._log.name):
                self._log.write(head + text + digest + check)

    def put(self, name: str, entry: bytes | memoryview | bytearray, digest: bytes | None = None) -> bytes:
        """Write an entry of which there is no record; return its SHA-256."""
        digest = hashlib.sha256(entry).digest() if digest is None else digest
        self._places.setdefault(digest, (self._position, len(entry)))
        self._digests[name] = digest
        self._frame.add(name, memoryview(entry), digest)
        return digest

    def again(self, name: str, earlier: str) -> None:
        """Write the entry of an earlier name once more."""
        digest = self._digests[earlier]
        self.put(name, self._read(*self._places[digest]), digest)

    def _write(self, data: bytes | memoryview) -> None:
        """Write the next bytes; those that are there already are the same."""
        with files.naming(self._path, self._path), memoryview(data) as view:
            done = 0
            while done < len(view):
                done += os.pwrite(self._file.fileno(), view[done : done + files.STEP], self._position + done)
        self._position += len(data)

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Write the index, and give the file its name."""
        self._frame.describe(metadata)
        self._frame.finish()
        with files.naming(self._target, self._path):
            self._file.truncate(self._position)
            files.settle(self._file, self._path, self._replaced)
            os.replace(self._path, self._target)
        files.flush_name(self._target)
