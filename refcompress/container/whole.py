"""A mapping of names as a file, and back, at one call."""

from collections.abc import Collection, Mapping

from .. import arguments, reference
from . import files, index, reading, writer
from .cursor import Coding, Reader
from .files import DEFAULT_LIMIT, Path
from .index import MAGIC, VERSION
from .reading import File, read
from .writer import Layer, Writer, write

__all__ = ["check_of", "dumps", "load", "loads", "metadata_of", "open", "reencode", "save", "written_again"]

CHECKS = {1: "CRC-32 (version 1)"} | dict.fromkeys(range(2, VERSION + 1), "SHA-256")


def dumps(
    layers: Mapping[str, Layer], *, implementation: object = reference, contexts: bool | Collection[str] = False,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return the file that holds ``layers``.

    Parameters
    ----------
    layers : name -> ndarray (bool, integers and floats of up to 64 bits) or any format that stands for an array; under
        one name at most a Graph
    implementation : the namespace that computes Huffman codes and the like; it changes no byte of the file
    contexts : whether the range coder may code an entry of Shared where that takes fewer bytes; or the names of the
        entries that it may code. Large matrices take some
        150 million weights a second in C, small ones and vectors 20 million; in NumPy it is a hundredth of that.
    metadata : None, or strings by name that the file shall carry. Their order is not kept.

    Returns
    -------
    bytes : the same ones for the same content.

    Raises
    ------
    ArgumentTypeError, RefcompressError, LimitError : by the name of the entry, for a name or a value that a file cannot
        hold, such as an array of another type or a CSR that is not canonical.

    >>> import numpy as np
    >>> loads(dumps({"bias": np.arange(3.0)}))
    {'bias': array([0., 1., 2.])}
    """
    return write(layers, Coding(implementation), contexts, metadata)


def loads(data: bytes, *, implementation: object = reference, limit: int = DEFAULT_LIMIT) -> dict[str, Layer]:
    """Return the layers in ``data`` by name, in the order of the file.

    Parameters
    ----------
    data : a file of version 1 to 5
    implementation : the namespace that decodes
    limit : the most bytes that the decoded arrays may have in all. The working memory of one entry, and 400 bytes for
        each entry, are compared with it on their own.

    Returns
    -------
    dict : entries of the same bytes are one frozen format, or arrays of their own. Beyond what is returned, memory
        peaks at twice the largest tensor in float32. A layer of zeros takes next to no bytes in a file, so for files of
        strangers give the limit that your memory bears.

    Raises
    ------
    CorruptError : the bytes are not a file that dumps writes, in this version of the format or in an earlier one.
    UnsupportedVersionError : they are a file of a later release.
    LimitError : they decode to more than the limit.
    """
    return read(data, implementation, limit)[0]


def save(path: Path, layers: Mapping[str, Layer], *, implementation: object = reference,
         contexts: bool | Collection[str] = False, metadata: Mapping[str, str] | None = None) -> None:
    """Write ``layers`` to the file at ``path``: the whole new file or, with an exception, the old one.

    implementation, contexts, metadata : as for :func:`dumps`, which returns the same bytes
    """
    allowed = writer.allowed_contexts(layers, contexts)
    with Writer(path, implementation=implementation, metadata=metadata) as file:
        for name, layer in layers.items():
            file.add(name, layer, name in allowed)


def load(path: Path, *, implementation: object = reference, limit: int = DEFAULT_LIMIT) -> dict[str, Layer]:
    """Return the layers in the regular file at ``path``, as :func:`loads` does."""
    limit = arguments.integer(limit, "limit", 0)
    with reading.opened(path, limit) as source:
        return read(source, implementation, limit)[0]


def open(path: Path, *, implementation: object = reference, limit: int = DEFAULT_LIMIT) -> File:
    """Return the regular file at ``path`` as a mapping whose layers are read when they are asked for.

    Memory peaks at twice the tensor that is asked for, in float32.

    limit : the most bytes that one access may decode, and the most that the index may have

    A file of version 1 or 2 has no index. It is read as a whole when it is opened, and the limit is that of load.
    Raises as loads does: of the index when the file is opened, of an entry when it is asked for.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.rcz")
    ...     save(path, {"a": np.arange(3), "b": np.ones(2)}, metadata={"made by": "hand"})
    ...     with open(path) as file:
    ...         list(file), file["a"].tolist(), file.entry_bytes("b"), file.metadata
    (['a', 'b'], [0, 1, 2], 20, {'made by': 'hand'})
    """
    source = files.Opened(path)
    try:
        return File(source, implementation, limit)
    except BaseException:
        source.close()
        raise


def metadata_of(data: bytes, *, limit: int = DEFAULT_LIMIT) -> dict[str, str]:
    """Return the metadata of the file ``data``; none in versions 1 and 2. Its entries are not read.

    >>> metadata_of(dumps({}, metadata={"made by": "hand"}))
    {'made by': 'hand'}
    """
    source = files.Held(data)
    version = reading.version_of(source)
    return index.read(source, limit, Coding(reference, version))[0].metadata if version >= index.INDEXED else {}


def reencode(data: bytes, *, implementation: object = reference, limit: int = DEFAULT_LIMIT) -> bytes:
    """Return what this release writes for the content of ``data``: the same bytes, for a reader refuses all others."""
    layers, reader = read(data, implementation, limit)
    return written_again(layers, reader, implementation)


def written_again(layers: Mapping[str, Layer], reader: Reader, implementation: object = reference) -> bytes:
    """Return what ``implementation`` writes for layers, in the version and with the contexts of the file read."""
    return write(layers, Coding(implementation, reader.coding.version), reader.contexts, reader.metadata)


def check_of(data: bytes) -> str:
    """Return the check that a file carries: "SHA-256" or "CRC-32 (version 1)"; the latter misses some triple flips."""
    return CHECKS[data[len(MAGIC)]]
