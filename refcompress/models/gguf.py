"""GGUF, the files of ggml: metadata of many types, and tensors of floats, integers or blocks of quantized weights.

The reader is a walker of its own (``gguf_header.py``); ``formats/ggml/`` says what the blocks mean. Metadata come as
text that says the type (``gguf_metadata.py``).
"""

from collections.abc import Mapping
from functools import partial
from os import PathLike

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files, names
from ..errors import ArgumentTypeError, LimitError, RefcompressError
from ..formats import ELEMENT_TYPES, GGML_TYPES, GGMLBlocks, Plain
from .gguf_header import ALIGNMENT, MAGIC, NUMBERS, Header, Info, alignment_of, nbytes_of, padded, read_header
from .gguf_metadata import MAX_KEY, text_bytes
from .source import Source, Tensor, Value

__all__ = ["is_decoded", "open", "save"]

DECODED = "refcompress.decoded"  # a key of metadata of a file that save has marked
MAX_NAME, MAX_NDIM = 64, 4  # bytes of a tensor's name, and dimensions, that ggml takes
STEP = 2**24  # bytes written at a time: Ctrl-C is answered between steps


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> Source:
    """Return the tensors of a GGUF file of version 2 or 3, little-endian, in its order; none of them is read yet.

    Parameters
    ----------
    path : a regular file
    limit : the most bytes that one tensor may have

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
    opened = files.Opened(path)
    try:
        header = read_header(opened)
        for info in header.infos:
            if info.nbytes > limit:
                raise LimitError("limit", f"tensor {info.name!r} has {info.nbytes} bytes, the limit is {limit}")
        tensors = {info.name: Tensor(info.name, info.shape, info.type, info.nbytes, partial(_read, opened, info),
                                     (opened.path, info.start)) for info in header.infos}
        return Source("gguf", [opened], tensors, header.metadata)
    except BaseException:
        opened.close()
        raise


def _read(opened: files.Opened, info: Info) -> Value:
    """Return a tensor's value."""
    data = opened.read(info.start, info.nbytes)
    if info.type in GGML_TYPES:
        blocks = np.frombuffer(data, np.uint8).reshape(-1, GGML_TYPES[info.type].nbytes)
        return GGMLBlocks(blocks, info.type, info.shape)
    element = ELEMENT_TYPES[info.type]
    dtype = element.pattern if element.numpy is None else element.numpy
    a = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(info.shape)
    return Plain(a, info.type) if element.numpy is None else a


def save(path: str | bytes | PathLike, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None,
         like: str | bytes | PathLike | None = None, decoded: bool = False) -> None:
    """Write the tensors to a GGUF file of version 3, in their order: the whole new file or, with an exception, the old.

    The same tensors and metadata make the same bytes. At most one tensor is in memory at a time.

    Parameters
    ----------
    path : the file to write or to replace
    tensors : name -> Tensor, of float32, float16, float64, bfloat16, int8 to int64, or of a block type of ggml, which
        are all written as they are
    metadata : key -> text, as ``open`` gives them; a text that says no type is written as a string
    like : the original GGUF file: all of its metadata are kept, byte for byte, and ``metadata`` has what it lacks
    decoded : whether to mark the file as made from a compressed one (see :func:`is_decoded`)

    Raises
    ------
    RefcompressError : by its name, for a tensor that a GGUF file cannot hold, or an array of metadata that was too
        long to travel as text, where ``like`` does not have it
    """
    decoded = arguments.boolean(decoded, "decoded")
    if not isinstance(tensors, Mapping):
        raise ArgumentTypeError("tensors", f"must be a mapping of names, not {type(tensors).__name__}")
    for name, tensor in tensors.items():
        _check(name, tensor)
    original = _header_of(like) if like is not None else Header()
    pairs = _pairs(original, metadata or {}, decoded)
    alignment = alignment_of(original.metadata.get(ALIGNMENT, (metadata or {}).get(ALIGNMENT)))
    header = b"".join([MAGIC, _integer(3, 4), _integer(len(tensors), 8), _integer(len(pairs), 8), *pairs])
    infos, offset = [], 0
    for name, tensor in tensors.items():
        infos += [_string(name), _integer(len(tensor.shape), 4), *(_integer(size, 8) for size in tensor.shape[::-1]),
                  _integer(NUMBERS[tensor.type], 4), _integer(offset, 8)]
        offset += padded(nbytes_of(tensor.type, tensor.shape), alignment)
    header += b"".join(infos)
    with files.writing(path) as file:
        file.write(header + bytes(padded(len(header), alignment) - len(header)))
        for name, tensor in tensors.items():
            data = _bytes_of(name, tensor)
            for start in range(0, len(data), STEP):
                file.write(data[start : start + STEP].tobytes())
            file.write(bytes(padded(len(data), alignment) - len(data)))


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
    if not isinstance(name, str) or not isinstance(tensor, Tensor):
        raise ArgumentTypeError(argument, f"must be a Tensor with a string for its name, not {type(tensor).__name__}")
    if len(names.encode(name)) > MAX_NAME:
        raise RefcompressError(argument, f"must have a name of at most {MAX_NAME} bytes in a GGUF file")
    if tensor.type not in NUMBERS:
        raise RefcompressError(argument, f"is of type {tensor.type}, which a GGUF file does not have; "
                                         f"it has {', '.join(NUMBERS)}")
    if len(tensor.shape) > MAX_NDIM:
        raise RefcompressError(argument, f"must have at most {MAX_NDIM} dimensions in a GGUF file, not "
                                         f"{len(tensor.shape)}")


def _pairs(original: Header, metadata: Mapping[str, str], decoded: bool) -> list[bytes]:
    """Return the metadata to be written, each a key and its value."""
    pairs = {key: raw for key, raw in original.raw.items() if key != DECODED}
    for key, text in metadata.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise ArgumentTypeError("metadata", "must be a mapping of strings to strings")
        if key not in pairs and key != DECODED:
            data = _string(key)
            if not 8 < len(data) <= 8 + MAX_KEY:
                raise RefcompressError("metadata", f"a key must have 1 to {MAX_KEY} bytes, not {len(data) - 8}")
            pairs[key] = data + text_bytes(text, key)
    if decoded:
        pairs[DECODED] = _string(DECODED) + text_bytes("bool true", DECODED)
    return list(pairs.values())


def _bytes_of(name: str, tensor: Tensor) -> np.ndarray:
    """Return the elements or blocks of a tensor as they lie in a file; refuse a value that is not what was said."""
    value = tensor.read()
    if isinstance(value, (GGMLBlocks, Plain)):
        kind, a = value.type, value.data if isinstance(value, GGMLBlocks) else value.patterns
    else:
        a = np.asarray(value)
        kind = a.dtype.name
    if (kind, value.shape) != (tensor.type, tuple(tensor.shape)):
        raise RefcompressError(f"tensors[{name!r}]", f"is of {kind} and shape {value.shape}, and was announced as of "
                                                     f"{tensor.type} and shape {tensor.shape}")
    return np.ascontiguousarray(a, a.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)


def _string(text: str) -> bytes:
    data = text.encode()
    return _integer(len(data), 8) + data


def _integer(value: int, count: int) -> bytes:
    return value.to_bytes(count, "little")
