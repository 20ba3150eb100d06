"""Compressed layers as one file, byte for byte as FORMAT.md says.

``dumps`` and ``loads`` go between a mapping of names and bytes, ``save`` and ``load`` between it and a file. ``Writer``
writes a file entry by entry, and ``open`` reads one entry without the others. One content has one file: the layout of
an array in memory, the implementation and the way of writing leave no trace in it. The order of the mapping is content.
Files of versions 1 to 4 are read and verified too.

Read in this order:

- ``kinds.py``: the numbers of the kinds of entry
- ``cursor.py``: bytes, integers, and the account of every byte
- ``streams.py``: a sequence of small integers, packed or by a Huffman code
- ``positions.py``, ``codes.py``: which weights are stored, and their codes
- ``arrays.py``: shapes, and arrays as they are
- ``entries.py``: the table of kinds; arrays and CSR
- ``shared.py``: weights that share values
- ``quantized.py``, ``rows.py``: integers with scales, MX, NF4 and NVFP4; the same in the rows of a kernel
- ``layers.py``, ``factors.py``: Packed and QuantizedLayer; low rank
- ``plain.py``, ``ggml.py``: arrays of any type of element, by planes; blocks of ggml, by columns
- ``graphs.py``: the graph of a network, of which a file has at most one
- ``sameness.py``: entries that are the same as an earlier one
- ``names.py``, ``files.py``: the names of entries; files on the disk
- ``index.py``: sections of entries, and the index behind them
- ``writer.py``, ``reading.py``: files entry by entry, and as a whole
- ``older.py``: the frame of versions 1 and 2
- ``outlines.py``: what entries say of themselves, without decoding what they hold
- ``verification.py``: each entry decoded by several implementations, compared, and written again
"""

from collections.abc import Collection, Mapping

from .. import arguments, reference
from . import entries, files, index, older, outlines, reading, sameness, writer
from .cursor import Coding, Reader
from .files import Path
from .index import ENTRY_BYTES, MAGIC, VERSION
from .older import CHECKSUM_BYTES, checksum
from .reading import DEFAULT_LIMIT, File, is_read_as, layer_of, read
from .writer import Layer, Writer, entry_bytes, entry_view, write

__all__ = [
    "CHECKSUM_BYTES", "DEFAULT_LIMIT", "ENTRY_BYTES", "File", "Layer", "MAGIC", "Path", "Reader", "VERSION", "Writer",
    "check_of", "checksum", "dumps", "entries", "entry_bytes", "entry_view", "files", "index", "is_read_as", "layer_of",
    "load", "loads", "metadata_of", "older", "open", "outlines", "read", "reading", "reencode", "sameness", "save",
    "write", "writer", "written_again",
]

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
