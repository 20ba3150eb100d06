"""safetensors: the length of a header (8 bytes), the header in JSON, and the elements of all tensors without a gap.

The header has for each tensor its dtype, its shape, and where its bytes begin and end. All 22 dtypes of the format are
read and written. The header's order is the order of the model.

A file that the package safetensors wrote comes back byte for byte when it is read and written here, where it has at
most one entry of metadata: the order of more is random in the package.

**Source** the format's description in the repository huggingface/safetensors (README, "Format").
"""

import json
import math
from collections.abc import Mapping
from functools import partial
from os import PathLike

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..container.files import opening
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Plain
from .elements import bits_of, patterns_of, value_of
from .mapping import from_mapping
from .safetensors_header import DTYPES, MAX_HEADER, METADATA, entries, header
from .source import HEAD, Source, Tensor, pieces, refuse_like, within

NAMES = {kind: name for name, kind in DTYPES.items()}
DECODED = {"refcompress": "decoded"}  # the metadata of a file that save has marked
def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> Source:
    """Return the tensors of one file, each read when it is asked for (of a sharded model see ``sharded``).

    path : a regular file. limit : the most bytes that one tensor may have. Elements of a type that NumPy lacks come as
    Plain. Raises CorruptError, by the tensor's name, for whatever breaks the format: a header that is not JSON, a name
    or a field twice, a shape whose product overflows, bytes that two tensors share, that no tensor has, or that are
    not there.
    """
    limit = arguments.integer(limit, "limit", 0)
    with opening(path) as file:
        begin, text = header(file)
        metadata: dict[str, str] = {}
        tensors: dict[str, Tensor] = {}
        for entry in entries(file, begin, text):
            if entry.name == METADATA:
                metadata = entry.metadata
                continue
            name, kind, shape, nbytes = entry.name, entry.type, entry.shape, entry.end - entry.start
            fill = partial(file.fill, entry.start)
            head = partial(_head, file, entry.start, min(nbytes, HEAD))
            tensors[name] = within(Tensor(name, shape, kind, nbytes, partial(value_of, fill, shape, kind, name),
                                          head=head), limit)
        return Source("safetensors", [file], tensors, metadata)


def _head(file: files.Opened, start: int, count: int) -> bytes:
    return bytes(file.read(start, count))


def save(path: str | bytes | PathLike, tensors: Mapping, *, metadata: Mapping[str, str] | None = None,
         like: str | bytes | PathLike | None = None, decoded: bool = False) -> None:
    """Write the tensors to one file: the whole new file or, with an exception, the old one.

    The header keeps the order of ``tensors``. Elements of more bytes lie before those of fewer, so that every tensor is
    aligned. The same tensors and metadata make the same bytes. At most one tensor is in memory.

    Parameters
    ----------
    path : the file to write or to replace
    tensors : name -> Tensor, or whatever :func:`from_mapping` takes. int4, uint4, int2 and uint2, which the format
        lacks, become int8 or uint8. A format other than Plain becomes what its ``dense`` gives.
    metadata : str -> str, to stand in the header
    decoded : whether to mark the file as made from a compressed one (see :func:`is_decoded`), by an entry of metadata
    """
    refuse_like(like)
    tensors = from_mapping(tensors)
    words = _words({**(metadata or {}), **(DECODED if decoded else {})})
    entries: dict[str, dict] = {}
    offset = 0
    order = sorted(tensors, key=lambda name: -max(8, bits_of(_kind(name, tensors[name]))))
    for name in order:
        kind, shape = _kind(name, tensors[name]), tensors[name].shape
        bits = math.prod(shape) * bits_of(kind)
        if name == METADATA or bits % 8:
            raise RefcompressError(f"tensors[{name!r}]", "is a name that safetensors keeps for its metadata"
                                   if name == METADATA else f"of {kind} and shape {shape} does not fill whole bytes, "
                                   "as safetensors demands")
        entries[name] = {"dtype": NAMES[kind], "shape": list(shape), "data_offsets": [offset, offset + bits // 8]}
        offset += bits // 8
    text = json.dumps(({METADATA: words} if words else {}) | {name: entries[name] for name in tensors},
                      separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise RefcompressError("tensors", f"make a header of {len(text)} bytes, safetensors allows {MAX_HEADER}")
    with files.writing(path) as target:
        target.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            kind, elements = patterns_of(_plain(tensors[name].read()))
            start, end = entries[name]["data_offsets"]
            if kind != _kind(name, tensors[name]) or elements.nbytes != end - start:
                raise RefcompressError(f"tensors[{name!r}]", f"is a {kind} of {elements.nbytes} bytes, other than it "
                                                             "was announced")
            for piece in pieces(elements):
                target.write(piece)


def _kind(name: str, tensor: Tensor) -> str:
    """Return the element type that a tensor is written as."""
    kind = {"int4": "int8", "int2": "int8", "uint4": "uint8", "uint2": "uint8"}.get(tensor.type, tensor.type)
    if kind in NAMES:
        return kind
    if not kind.isupper():  # a block type of GGUF, which is, becomes its numbers
        raise ArgumentTypeError(f"tensors[{name!r}]", f"is of {kind}, which safetensors cannot hold")
    return "float32"


def _plain(value):
    """Return a value as it is written: of a type that safetensors has."""
    return value if not isinstance(value, Plain) or value.type in NAMES else value.dense()


def _words(metadata: Mapping[str, str]) -> dict[str, str]:
    for name, text in metadata.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise ArgumentTypeError("metadata", f"must be of strings, {name!r} is not")
    return dict(metadata)


def is_decoded(path: str | bytes | PathLike) -> bool:
    """Return whether :func:`save` marked the file at ``path`` as decoded; False for a file that cannot be read."""
    try:
        with open(path, limit=arguments.MAX_SIZE) as source:
            return source.metadata.items() >= DECODED.items()
    except (OSError, RefcompressError):  # not ours, then
        return False
