"""GGUF, the files of ggml: metadata of many types, and tensors of floats, integers or blocks of quantized weights.

The reader is a walker of its own (``gguf_header.py``); ``formats/ggml/`` says what the blocks mean. Metadata come as
text that says the type (``gguf_metadata.py``).
"""

from collections.abc import Mapping
from functools import partial
from os import PathLike
from typing import BinaryIO

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files, names
from ..container.arrays import owned
from ..container.files import opening
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import GGML_TYPES, GGMLBlocks
from .elements import patterns_of, value_of
from .gguf_bytes import integer_bytes, string_bytes
from .gguf_header import ALIGNMENT, MAGIC, NUMBERS, Header, Info, alignment_of, nbytes_of, padded, read_header
from .gguf_metadata import MAX_KEY, text_bytes
from .mapping import from_mapping
from .source import Source, Tensor, Value, pieces, within

__all__ = ["is_decoded", "open", "save"]

DECODED = "refcompress.decoded"  # a key of metadata of a file that save has marked
MAX_NAME, MAX_NDIM = 63, 4  # bytes of a tensor's name, and dimensions, that ggml takes


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT, rest: bool = False) -> Source:
    """Return the tensors of a GGUF file of version 2 or 3, little-endian, in its order; none of them is read yet.

    A file of a model that is split into several is read alone: ``split.count`` of its metadata says how many there are.

    Parameters
    ----------
    path : a regular file
    limit : the most bytes that one tensor may have
    rest : whether tensors of the types of blocks that are not read here (such as IQ2_XXS) are named in ``left_out``.
        Otherwise they are refused.

    Returns
    -------
    Source : a value is an array (F32, F16, F64, I8 to I64), a Plain (BF16) or a GGMLBlocks (the types of blocks).
        ``metadata`` has the text of each value, which says its type: ``text_bytes`` of gguf_metadata.py is the inverse.

    Raises
    ------
    CorruptError : the file is damaged: a length or a count beyond its bytes, a name or key that comes twice, tensors
        that overlap, leave gaps or end behind the file.
    UnsupportedVersionError : another version or byte order, or a tensor of a type that is not read here, by its number.
    LimitError : beyond the limit, or a header of more than 64 MiB.
    RefcompressError : not a regular file; OSError as the system says.
    """
    limit = arguments.integer(limit, "limit", 0)
    with opening(path) as file:
        header = read_header(file, arguments.boolean(rest, "rest"))
        left_out = {info.name: f"is of blocks of {info.type}, which are not read here" for info in header.infos
                    if info.type not in NUMBERS}
        tensors = {info.name: within(Tensor(info.name, info.shape, info.type, info.nbytes, partial(_read, file, info),
                                            (file.path, info.start)), limit)
                   for info in header.infos if info.name not in left_out}
        return Source("gguf", [file], tensors, header.metadata, left_out)


def _read(file: files.Opened, info: Info) -> Value:
    """Return a tensor's value."""
    fill = partial(file.fill, info.start)
    if info.type not in GGML_TYPES:
        return value_of(fill, info.shape, info.type, info.name)
    block = GGML_TYPES[info.type]
    data = np.empty((info.nbytes // block.nbytes, block.nbytes), np.uint8)
    fill(data.reshape(-1).data)
    return GGMLBlocks(owned(data), info.type, info.shape)


def save(path: str | bytes | PathLike, tensors: Mapping, *, metadata: Mapping[str, str] | None = None,
         like: str | bytes | PathLike | None = None, decoded: bool = False) -> None:
    """Write the tensors to a GGUF file of version 3, in their order: the whole new file or, with an exception, the old.

    The same tensors and metadata make the same bytes. At most one tensor is in memory at a time.

    Parameters
    ----------
    path : the file to write or to replace
    tensors : name -> Tensor, or whatever :func:`from_mapping` takes: float32, float16, float64, bfloat16, int8 to int64
        and the block types of ggml, which are all written as they are. Another format becomes what its ``dense`` gives.
    metadata : key -> text, as ``open`` gives them; a text that says no type is written as a string
    like : the original GGUF file: all of its metadata are kept, byte for byte, and ``metadata`` has what it lacks
    decoded : whether to mark the file as made from a compressed one (see :func:`is_decoded`)

    Raises
    ------
    RefcompressError : by its name, for a tensor that a GGUF file cannot hold, or an array of metadata that was too
        long to travel as text, where ``like`` does not have it
    """
    decoded = arguments.boolean(decoded, "decoded")
    tensors = from_mapping(tensors)
    if metadata is not None and not isinstance(metadata, Mapping):
        raise ArgumentTypeError("metadata", f"must be a mapping of strings, not {type(metadata).__name__}")
    for name, tensor in tensors.items():
        _check(name, tensor)
    original = _header_of(like) if like is not None else Header()
    pairs = _pairs(original, metadata or {}, decoded)
    alignment = alignment_of(original.metadata.get(ALIGNMENT, (metadata or {}).get(ALIGNMENT)))
    header = _header_bytes(tensors, pairs, alignment)
    with files.writing(path) as file:
        file.write(header + bytes(padded(len(header), alignment) - len(header)))
        for name, tensor in tensors.items():
            _write(file, _elements(name, tensor), alignment)


def is_decoded(path: str | bytes | PathLike) -> bool:
    """Return whether :func:`save` marked the file at ``path`` as decoded; False for a file that cannot be read."""
    try:
        return DECODED in _header_of(path).metadata
    except (RefcompressError, OSError):
        return False


def _header_of(path: str | bytes | PathLike) -> Header:
    with files.Opened(path) as opened:
        return read_header(opened)


def _check(name: str, tensor: Tensor) -> None:
    """Refuse a tensor that a GGUF file cannot hold."""
    argument = f"tensors[{name!r}]"
    if len(names.encode(name)) > MAX_NAME:
        raise RefcompressError(argument, f"must have a name of at most {MAX_NAME} bytes in a GGUF file")
    if tensor.type not in NUMBERS:
        raise RefcompressError(argument, f"is of type {tensor.type}, which a GGUF file does not have; "
                                         f"it has {', '.join(NUMBERS)}")
    if len(tensor.shape) > MAX_NDIM:
        raise RefcompressError(argument, f"must have at most {MAX_NDIM} dimensions in a GGUF file, not "
                                         f"{len(tensor.shape)}")


def _header_bytes(tensors: Mapping[str, Tensor], pairs: list[bytes], alignment: int) -> bytes:
    """Return all that comes before the padding and the first tensor."""
    counts = integer_bytes(len(tensors), 8) + integer_bytes(len(pairs), 8)
    header, offset = [MAGIC, integer_bytes(3, 4), counts, *pairs], 0
    for name, tensor in tensors.items():
        sizes = [integer_bytes(size, 8) for size in tensor.shape[::-1]]
        header += [string_bytes(name, "tensors"), integer_bytes(len(sizes), 4), *sizes,
                   integer_bytes(NUMBERS[tensor.type], 4), integer_bytes(offset, 8)]
        offset += padded(nbytes_of(tensor.type, tensor.shape), alignment)
    return b"".join(header)


def _pairs(original: Header, metadata: Mapping[str, str], decoded: bool) -> list[bytes]:
    """Return the metadata to be written, each a key and its value."""
    pairs = {key: raw for key, raw in original.raw.items() if key != DECODED}
    for key, text in metadata.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise ArgumentTypeError("metadata", "must be a mapping of strings to strings")
        if key not in pairs and key != DECODED:
            data = string_bytes(key, "metadata")
            if not 8 < len(data) <= 8 + MAX_KEY:
                raise RefcompressError("metadata", f"a key must have 1 to {MAX_KEY} bytes, not {len(data) - 8}")
            pairs[key] = data + text_bytes(text, key)
    if decoded:
        pairs[DECODED] = string_bytes(DECODED, "decoded") + text_bytes("bool true", DECODED)
    return list(pairs.values())


def _write(file: BinaryIO, elements: np.ndarray, alignment: int) -> None:
    """Write elements and padding. They are in memory until this returns, and not while the next ones are read."""
    for piece in pieces(elements):
        file.write(piece)
    file.write(bytes(padded(elements.nbytes, alignment) - elements.nbytes))


def _elements(name: str, tensor: Tensor) -> np.ndarray:
    """Return the elements or blocks of a tensor as they lie in a file; refuse a value that was announced otherwise."""
    value = tensor.read()
    if isinstance(value, GGMLBlocks):
        kind, elements = value.type, value.data.reshape(-1)
    else:
        kind, elements = patterns_of(value)
    if (kind, value.shape) != (tensor.type, tuple(tensor.shape)):
        raise RefcompressError(f"tensors[{name!r}]", f"is of {kind} and shape {value.shape}, and was announced as of "
                                                     f"{tensor.type} and shape {tensor.shape}")
    return elements
