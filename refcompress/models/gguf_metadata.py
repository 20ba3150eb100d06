"""The values of a GGUF file's metadata, as bytes and as text.

Text is what travels: in a compressed file metadata are str -> str. A text is the type and the value in JSON, such as
``uint32 4096``, ``string "llama"`` or ``float32[] [0.5, 1.0]``. A text of another form is a string: a word of another
file's metadata. Each text gives the same bytes again, but for the payload of a NaN. An array of more than SHORT
elements, or of arrays, has no value in its text: ``string[151936]`` says its type and length alone.
"""

import json
import re
import struct

from ..errors import CorruptError, LimitError, RefcompressError
from .gguf_bytes import Cursor, integer_bytes, string_bytes

__all__ = ["MAX_KEY", "read_text", "text_bytes"]

SHORT = 64  # elements of an array that travel in text
MAX_KEY = 65535  # bytes
MAX_DEPTH = 8  # arrays in arrays
STRING, ARRAY = 8, 9
NUMBERS = {0: "uint8", 1: "int8", 2: "uint16", 3: "int16", 4: "uint32", 5: "int32", 6: "float32", 7: "bool",
           10: "uint64", 11: "int64", 12: "float64"}
NAMES = NUMBERS | {STRING: "string", ARRAY: "array"}
TYPES = {name: number for number, name in NAMES.items()}
CODES = {"uint8": "B", "int8": "b", "uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "float32": "f",
         "bool": "?", "uint64": "Q", "int64": "q", "float64": "d"}  # of struct
TEXT = re.compile(r"(\w+)(?:(\[\]) (.+)|\[(\d+)\]| (.+))", re.DOTALL)


def read_text(cursor: Cursor, key: str) -> str:
    """Return the text of the value that comes next."""
    name = _type(cursor, key)
    if name == "array":
        return _array(cursor, key, 1)
    return f"{name} {_json(_value(cursor, name, key))}"


def _type(cursor: Cursor, key: str) -> str:
    number = cursor.integer(4)
    if number not in NAMES:
        raise CorruptError("path", f"metadata {key!r} are of type {number}, which the format does not have")
    return NAMES[number]


def _value(cursor: Cursor, name: str, key: str):
    return cursor.string(f"metadata {key!r}") if name == "string" else _numbers(cursor, name, 1, key)[0]


def _numbers(cursor: Cursor, name: str, count: int, key: str) -> list:
    data = cursor.take(count * _size(name))
    if name == "bool" and data.strip(b"\0\1"):
        raise CorruptError("path", f"metadata {key!r} have a bool that is neither 0 nor 1")
    return list(struct.unpack(f"<{count}{CODES[name]}", data)) if count <= SHORT else []


def _array(cursor: Cursor, key: str, depth: int) -> str:
    name, count = _type(cursor, key), cursor.integer(8)
    least = {"string": 8, "array": 12}.get(name) or _size(name)
    cursor.expect(count, least, f"metadata {key!r} announce an array of {count} elements")
    if name == "array":
        if depth == MAX_DEPTH:
            raise LimitError("path", f"metadata {key!r} are arrays in arrays, more than {MAX_DEPTH} deep")
        for _ in range(count):
            _array(cursor, key, depth + 1)
    elif name == "string":
        values = [cursor.string(f"metadata {key!r}") for _ in range(min(count, SHORT))]
        for _ in range(count - SHORT):
            cursor.skip_string()
    else:
        values = _numbers(cursor, name, count, key)
    if name == "array" or count > SHORT:
        return f"{name}[{count}]"
    return f"{name}[] {_json(values)}"


def _size(name: str) -> int:
    """Return the bytes of a number."""
    return struct.calcsize("<" + CODES[name])


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False)


def text_bytes(text: str, key: str) -> bytes:
    """Return the type and the value that a text stands for, as they lie in a file."""
    argument, parts = f"metadata[{key!r}]", TEXT.fullmatch(text)
    if parts is None or parts[1] not in TYPES:
        return integer_bytes(STRING, 4) + string_bytes(text, argument)
    name, several, values, count, value = parts.groups()
    if count is not None:
        raise RefcompressError(argument, f"is an array of {count} elements, of which only the type and the length are "
                                         "here: name the original file by like")
    try:
        read = json.loads(values if several else value)
        if not several:
            return integer_bytes(TYPES[name], 4) + _element(name, read, argument)
        return (integer_bytes(ARRAY, 4) + integer_bytes(TYPES[name], 4) + integer_bytes(len(read), 8)
                + b"".join(_element(name, each, argument) for each in read))
    except (ValueError, TypeError, OverflowError, KeyError, RecursionError, struct.error) as error:
        if isinstance(error, RefcompressError):
            raise
        said = f"must be a {name}{'[]' if several else ''} in JSON after that word: {error}"
        raise RefcompressError(argument, said) from None


def _element(name: str, value, argument: str) -> bytes:
    """Return the bytes of a string or number; what JSON made of a text must be of that type."""
    if type(value) not in {"s": (str,), "b": (bool,), "f": (float, int)}.get(name[0], (int,)):
        raise TypeError(f"{value!r} is none")
    if name == "string":
        return string_bytes(value, argument)
    if name[0] == "f":
        return struct.pack("<f" if name == "float32" else "<d", value)
    return int(value).to_bytes(_size(name), "little", signed=name[0] == "i")
