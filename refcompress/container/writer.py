"""Writing files: entries as they come, one after the other, and the index at the end."""

import hashlib
import io
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from typing import TypeAlias

import numpy as np

from .. import arguments, reference
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import ArrayFormat, Graph, Plain
from . import entries, files, names, older, plain, sameness
from .cursor import Coding
from .index import INDEXED, MAGIC, SECTION, VERSION, Index, checked_metadata
from .kinds import LAST_OF, Kind

Layer: TypeAlias = np.ndarray | ArrayFormat | Graph  # what an entry holds


def entry_bytes(layer: Layer, *, implementation: object = reference, contexts: bool = False) -> bytes:
    """Return the bytes of an entry that holds ``layer``, for :meth:`Writer.add_entry`.

    implementation, contexts : as for :func:`refcompress.container.dumps`; contexts is a bool here. The bytes depend
    neither on the entry's name nor on the file.
    """
    return entries.write(layer, Coding(implementation), arguments.boolean(contexts, "contexts"))


def entry_view(layer: Layer, *, implementation: object = reference, contexts: bool = False) -> bytes | memoryview:
    """Return what :func:`entry_bytes` does; of a Plain a view of an array, in which they were written."""
    if isinstance(layer, Plain) and plain.of_bytes(layer.type):
        return plain.view_of(layer, Coding(implementation))
    return entry_bytes(layer, implementation=implementation, contexts=contexts)


class Frame:
    """The bytes of a file of version 3 to 5, put out as its entries come. In memory it keeps the index alone."""

    def __init__(self, write: Callable[[bytes | memoryview], object], metadata: Mapping[str, str] | None,
                 version: int = VERSION):
        self.metadata = checked_metadata(metadata)
        self._write, self._version = write, version
        self._sizes: dict[str, int] = {}
        self._digests: list[bytes] = []
        self._first: dict[bytes, int] = {}  # SHA-256 of an entry's bytes -> its number
        self._open, self._held = hashlib.sha256(), 0  # the section that is not closed yet
        self._whole = True
        self._graph: str | None = None  # the name of the graph, which is in a file once at most
        self._put(MAGIC + bytes([version]))

    def new_name(self, name: str) -> None:
        """Refuse a name that an entry cannot have, or that one has."""
        names.encode(name)
        if name in self._sizes:
            raise RefcompressError("name", f"must be new, {name!r} is that of an earlier entry")

    def add(self, name: str, data: bytes | memoryview, digest: bytes | None = None) -> None:
        """Put out an entry; where its bytes are those of an earlier one, and longer, its reference to that."""
        self.new_name(name)
        if len(data) < 2 or data[0] == Kind.SAME or data[0] > LAST_OF[self._version]:
            raise RefcompressError("data", "must be the bytes of an entry, as entry_bytes returns them")
        if data[0] == Kind.GRAPH:
            if self._graph is not None:
                raise RefcompressError(f"layers[{name!r}]", f"is a graph, and so is {self._graph!r}: a file has one")
            self._graph = name
        digest = hashlib.sha256(data).digest() if digest is None else digest
        first = self._first.setdefault(digest, len(self._sizes))
        if first != len(self._sizes):
            data = min(data, sameness.reference_bytes(first), key=len)
        if len(data) >= SECTION:  # a section of its own, which has the digest of the entry
            self._close()
            self._digests.append(digest)
        else:
            self._open.update(data)
            self._held += len(data)
            if self._held >= SECTION:
                self._close()
        self._sizes[name] = len(data)
        self._put(data)

    def describe(self, metadata: Mapping[str, str]) -> None:
        """Give the file other metadata: they are put out with the index."""
        self.metadata = checked_metadata(metadata)

    def finish(self) -> None:
        """Put out the index."""
        self._close()
        self._put(Index(self._sizes, tuple(self._digests), self.metadata).tobytes(self._version))

    def _close(self) -> None:
        if self._held:
            self._digests.append(self._open.digest())
            self._open, self._held = hashlib.sha256(), 0

    def _put(self, data: bytes | memoryview) -> None:
        if not self._whole:
            raise RefcompressError("file", "has a part of an entry alone: writing it failed")
        self._whole = False
        self._write(data)
        self._whole = True


class Writer:
    """A file at ``path`` that is written entry by entry: the whole new file or, with an exception, the old one.

    Parameters
    ----------
    path : of a new file, or of a regular file that is replaced
    implementation : the namespace that computes Huffman codes and the like; it changes no byte of the file
    metadata : None, or strings by name that the file shall carry
    temporary : the file that is written until it is whole, on the same disk; None for one beside ``path``

    It is a context manager: leaving the block completes the file. In memory it keeps the names and sizes of the entries
    and a digest of each, and no entry that was written: beside a layer that is added, memory peaks at one and a half
    times the tensor in float32.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Writer(os.path.join(folder, "a.rcz"), metadata={"made by": "hand"}) as file:
    ...         file.add("bias", np.zeros(3))
    ...         file.add_entry("tied", entry_bytes(np.zeros(3)))
    ...     os.path.getsize(os.path.join(folder, "a.rcz"))
    138
    """

    def __init__(self, path: files.Path, *, implementation: object = reference,
                 metadata: Mapping[str, str] | None = None, temporary: str | None = None):
        self._temporary = temporary
        self._path, self._coding, self._metadata = path, Coding(implementation), checked_metadata(metadata)
        self._stack = ExitStack()
        self._frame: Frame | None = None

    def __enter__(self) -> "Writer":
        with ExitStack() as stack:
            file = stack.enter_context(files.writing(self._path, self._temporary))
            self._frame = Frame(file.write, self._metadata)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> bool | None:
        frame, self._frame = self._frame, None
        if error[0] is not None:
            return self._stack.__exit__(*error)  # removes the temporary file
        with self._stack:  # which makes the temporary file the file, if the index can be written
            assert frame is not None
            frame.finish()
        return None

    def add(self, name: str, layer: Layer, contexts: bool = False) -> None:
        """Write ``layer`` as the next entry. Raises as dumps does, by the name of the entry."""
        self._opened().new_name(name)
        self.add_entry(name, written(name, layer, self._coding, arguments.boolean(contexts, "contexts")))

    def add_entry(self, name: str, data: bytes | memoryview, digest: bytes | None = None) -> None:
        """Write the next entry from its bytes, which :func:`entry_bytes` returned, here or in another process.

        digest : their SHA-256, if it is known
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise ArgumentTypeError("data", f"must be bytes, not {type(data).__name__}")
        self._opened().add(name, data, digest)

    def _opened(self) -> Frame:
        if self._frame is None:
            raise RefcompressError("writer", "must be used in the block of its with statement")
        return self._frame


def written(name: str, layer: Layer, coding: Coding, contexts: bool) -> bytes:
    """Return the bytes of an entry; what is refused is named by the entry."""
    try:
        return entries.write(layer, coding, contexts)
    except RefcompressError as error:
        raise type(error)(f"layers[{name!r}].{error.argument}", error.rule) from None


def write(layers: Mapping[str, Layer], coding: Coding, contexts: bool | Collection[str] = False,
          metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the file that holds ``layers``, of the version of ``coding``."""
    allowed = allowed_contexts(layers, contexts)
    if coding.version < INDEXED:
        return older.write(layers, coding, allowed)
    out = io.BytesIO()
    frame = Frame(out.write, metadata, coding.version)
    for name, layer in layers.items():
        frame.add(name, written(name, layer, coding, name in allowed))
    frame.finish()
    return out.getvalue()


def allowed_contexts(layers: Mapping[str, Layer], contexts: bool | Collection[str]) -> Collection[str]:
    """Return the names of the entries that the range coder may code; refuse layers that have no names for a file."""
    if not isinstance(layers, Mapping):
        raise ArgumentTypeError("layers", f"must be a mapping of names, not {type(layers).__name__}")
    for name in layers:  # all of them, before the first is coded
        names.encode(name)
    if isinstance(contexts, Collection) and not isinstance(contexts, str | bytes):
        for name in contexts:
            if not isinstance(name, str):
                raise ArgumentTypeError("contexts", f"must hold names, not {type(name).__name__}")
            if name not in layers:
                raise RefcompressError("contexts", f"must hold names of layers, {name!r} is none")
        return set(contexts)
    return layers.keys() if arguments.boolean(contexts, "contexts") else ()
