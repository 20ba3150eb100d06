"""Compressed layers as one file, byte for byte as FORMAT.md says.

``dumps`` and ``loads`` go between a mapping of names and bytes, ``save`` and ``load`` between it and a file. ``Writer``
writes a file entry by entry, and ``open`` reads one entry without the others. One content has one file: the layout of
an array in memory, the implementation and the way of writing leave no trace in it. The order of the mapping is content.
Files of versions 1 to 4 are read and verified too.

Read in this order:

- ``kinds.py``: the numbers of the kinds of entry
- ``cursor.py``: bytes, integers, and the account of every byte
- ``streams.py``: a sequence of small integers, packed or by a Huffman code; ``stream_reading.py``: read back
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
- ``writer.py``, ``reading.py``: files entry by entry
- ``whole.py``: files as a whole, by one call
- ``older.py``: the frame of versions 1 and 2
- ``outlines.py``: what entries say of themselves, without decoding what they hold
- ``verification.py``: each entry decoded by several implementations, compared, and written again

Each of these is loaded by the first of its names that is asked for (PEP 562): who reads other files needs few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from . import files, index, names
from .files import DEFAULT_LIMIT, Path
from .index import ENTRY_BYTES, MAGIC, VERSION

if TYPE_CHECKING:  # what __getattr__ below finds, for tools that only read
    from . import cursor, entries, older, outlines, reading, sameness, verification, writer
    from .cursor import Reader
    from .older import CHECKSUM_BYTES, checksum
    from .reading import File, is_read_as, layer_of, read
    from .whole import check_of, dumps, load, loads, metadata_of, open, reencode, save, written_again
    from .writer import Layer, Writer, entry_bytes, entry_view, write

HOMES = {  # of names that are asked for here
    "cursor": ("Reader",), "older": ("CHECKSUM_BYTES", "checksum"),
    "reading": ("File", "is_read_as", "layer_of", "read"),
    "whole": ("check_of", "dumps", "load", "loads", "metadata_of", "open", "reencode", "save", "written_again"),
    "writer": ("Layer", "Writer", "entry_bytes", "entry_view", "write"),
}
MODULES = ("cursor", "entries", "older", "outlines", "reading", "sameness", "verification", "writer")

__all__ = [
    "CHECKSUM_BYTES", "DEFAULT_LIMIT", "ENTRY_BYTES", "File", "Layer", "MAGIC", "Path", "Reader", "VERSION", "Writer",
    "check_of", "checksum", "cursor", "dumps", "entries", "entry_bytes", "entry_view", "files", "index", "is_read_as",
    "layer_of", "load", "loads", "metadata_of", "names", "older", "open", "outlines", "read", "reading", "reencode",
    "sameness", "save", "verification", "write", "writer", "written_again",
]


def __getattr__(name: str):
    """Return a module of this folder, or a name of one."""
    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    for module, names_of_it in HOMES.items():
        if name in names_of_it:
            found = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
