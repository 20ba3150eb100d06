"""safetensors: the length of a header (8 bytes), the header in JSON, and the elements of all tensors without a gap.

The header has for each tensor its dtype, its shape, and where its bytes begin and end. All 22 dtypes of the format are
read and written. The header's order is the order of the model.

A file that the package safetensors wrote comes back byte for byte when it is read and written here, where it has at
most one entry of metadata: the order of more is random in the package.

**Source** the format's description in the repository huggingface/safetensors (README, "Format").
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import partial
from os import PathLike
from typing import NamedTuple

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..container.arrays import MAX_NDIM
from ..errors import ArgumentTypeError, CorruptError, RefcompressError
from ..formats import Plain
from .elements import bits_of, patterns_of, value_of
from .json_text import JsonText
from .mapping import from_mapping
from .source import HEAD, Source, Tensor, opening, pieces, refuse_like, within

DTYPES = {  # as the header has them: element types
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "F32": "float32", "F64": "float64", "C64": "complex64",
    "BF16": "bfloat16", "F8_E4M3": "fp8_e4m3", "F8_E5M2": "fp8_e5m2", "F8_E8M0": "fp8_e8m0",
    "F8_E4M3FNUZ": "fp8_e4m3fnuz", "F8_E5M2FNUZ": "fp8_e5m2fnuz", "F6_E2M3": "fp6_e2m3", "F6_E3M2": "fp6_e3m2",
    "F4": "fp4_e2m1",
}
NAMES = {kind: name for name, kind in DTYPES.items()}
METADATA = "__metadata__"
DECODED = {"refcompress": "decoded"}  # the metadata of a file that save has marked
MAX_HEADER = 100_000_000  # bytes, the limit of the package
FIELDS = {"dtype", "shape", "data_offsets"}
NUMBER = "(?:0|[1-9][0-9]{0,18})"
USUAL = re.compile(  # a tensor as the package writes it: found in one step
    rf'{{"dtype":"([A-Z0-9_]+)","shape":\[((?:{NUMBER}(?:,{NUMBER}){{0,{MAX_NDIM - 1}}})?)\],'
    rf'"data_offsets":\[({NUMBER}),({NUMBER})\]}}')


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


class Entry(NamedTuple):
    """An entry of the header: a tensor, whose elements are the bytes ``start`` to ``end`` of the file, or METADATA.

    words : the characters of the header where its name begins and ends, and where its value ends.
    """

    name: str
    words: tuple[int, int, int]
    type: str
    shape: tuple[int, ...]
    start: int
    end: int
    metadata: dict[str, str]


def entries(file: files.Opened, begin: int, text: JsonText) -> Iterator[Entry]:
    """Yield the entries of a header in its order; raise as :func:`open` does, at the end for gaps and overlaps."""
    places: list[tuple[int, int, str]] = []
    for name in text.members():
        first, last = text.name
        if name == METADATA:
            metadata = _metadata(text)
            yield Entry(name, (first, last, text.at), "", (), 0, 0, metadata)
            continue
        kind, shape, (start, end) = _entry(text, name)
        places.append((start, end, name))
        yield Entry(name, (first, last, text.at), kind, shape, begin + start, begin + end, {})
    text.end()
    _without_gaps(places, file.size - begin)


def _head(file: files.Opened, start: int, count: int) -> bytes:
    return bytes(file.read(start, count))


def header(file: files.Opened) -> tuple[int, JsonText]:
    """Return where the elements begin, and the header."""
    length = int.from_bytes(file.read(0, 8), "little") if file.size >= 8 else file.size
    if length > min(MAX_HEADER, file.size - 8):
        raise CorruptError("path", f"is no safetensors file, or is cut off: its header would have {length} bytes, "
                                   f"{max(0, file.size - 8)} are there and at most {MAX_HEADER} are allowed")
    return 8 + length, JsonText(bytes(file.read(8, length)), "the header")


def _metadata(text: JsonText) -> dict[str, str]:
    if text.next() == "n":  # null, which the package accepts too
        text.skip()
        return {}
    return {name: text.string() for name in text.members()}


def _entry(text: JsonText, name: str) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Return the element type, the shape, and the first and last place of a tensor."""
    fields = _fields(text, name)
    kind, shape, offsets = DTYPES.get(fields["dtype"]), fields["shape"], fields["data_offsets"]
    if kind is None:
        raise CorruptError("path", f"tensor {name!r} is of dtype {fields['dtype']!r}, which the format does not know")
    try:
        arguments.shape(shape, itemsize=max(1, bits_of(kind) // 8))
    except RefcompressError as error:
        raise CorruptError("path", f"tensor {name!r}: its shape {error.rule}") from None
    bits = math.prod(shape) * bits_of(kind)
    if bits % 8:
        raise CorruptError("path", f"tensor {name!r} of dtype {fields['dtype']} and shape {shape} does not fill whole "
                                   "bytes")
    if len(offsets) != 2 or offsets[0] > offsets[1] or offsets[1] - offsets[0] != bits // 8:
        raise CorruptError("path", f"tensor {name!r} of dtype {fields['dtype']} and shape {shape} takes {bits // 8} "
                                   f"bytes, its data_offsets are {list(offsets)}")
    return kind, shape, offsets


def _fields(text: JsonText, name: str) -> dict:
    """Return the three fields of a tensor, as they stand there."""
    if match := USUAL.match(text.text, text.at):
        text.at = match.end()
        return {"dtype": match[1], "shape": tuple(map(int, match[2].split(","))) if match[2] else (),
                "data_offsets": (int(match[3]), int(match[4]))}
    fields: dict = {}
    for field in text.members():
        if field == "dtype":
            fields[field] = text.string()
        elif field == "shape":
            fields[field] = text.integers(MAX_NDIM)
        elif field == "data_offsets":
            fields[field] = text.integers(2)
        else:
            raise CorruptError("path", f"tensor {name!r} has a field {field!r}, which the format does not know")
    if fields.keys() != FIELDS:
        raise CorruptError("path", f"tensor {name!r} has no {', no '.join(sorted(FIELDS - fields.keys()))}")
    return fields


def _without_gaps(places: list[tuple[int, int, str]], size: int) -> None:
    """Refuse tensors that share bytes, and bytes that belong to no tensor."""
    free = 0
    for start, end, name in sorted(places):
        if start != free:
            raise CorruptError("path", f"tensor {name!r} begins at byte {start} of the elements, where the tensors "
                                       f"before it end at {free}: " + ("they overlap" if start < free else "a gap"))
        free = end
    if free != size:
        raise CorruptError("path", f"the tensors end at byte {free} of the elements, the file has {size} of them: "
                                   + ("it is cut off" if free > size else "the rest belongs to no tensor"))


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
