"""The header of a file of safetensors: what is known of a file before any tensor is read.

    the length of the header (8 bytes); for each tensor its dtype, its shape, and where its bytes begin and end, in JSON

**Source** the format's description in the repository huggingface/safetensors (README, "Format").
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from .. import arguments
from ..arguments import MAX_NDIM
from ..container import files
from ..errors import CorruptError, RefcompressError
from ..widths import BITS
from .json_text import JsonText

__all__ = ["DTYPES", "MAX_HEADER", "METADATA", "Entry", "entries", "header"]

DTYPES = {  # as the header has them: element types
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "F32": "float32", "F64": "float64", "C64": "complex64",
    "BF16": "bfloat16", "F8_E4M3": "fp8_e4m3", "F8_E5M2": "fp8_e5m2", "F8_E8M0": "fp8_e8m0",
    "F8_E4M3FNUZ": "fp8_e4m3fnuz", "F8_E5M2FNUZ": "fp8_e5m2fnuz", "F6_E2M3": "fp6_e2m3", "F6_E3M2": "fp6_e3m2",
    "F4": "fp4_e2m1",
}
METADATA = "__metadata__"
MAX_HEADER = 100_000_000  # bytes, the limit of the package
FIELDS = {"dtype", "shape", "data_offsets"}
NUMBER = "(?:0|[1-9][0-9]{0,18})"
USUAL = re.compile(  # a tensor as the package writes it: found in one step
    rf'{{"dtype":"([A-Z0-9_]+)","shape":\[((?:{NUMBER}(?:,{NUMBER}){{0,{MAX_NDIM - 1}}})?)\],'
    rf'"data_offsets":\[({NUMBER}),({NUMBER})\]}}')


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
    """Yield the entries of a header in its order; CorruptError by the tensor's name, at the end for gaps."""
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
        arguments.shape(shape, itemsize=max(1, BITS[kind] // 8))
    except RefcompressError as error:
        raise CorruptError("path", f"tensor {name!r}: its shape {error.rule}") from None
    bits = math.prod(shape) * BITS[kind]
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
