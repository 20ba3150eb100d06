"""Names of entries: keys, never paths, and one string for one name."""

import unicodedata

from ..errors import ArgumentTypeError, LimitError, RefcompressError

MAX_BYTES = 4096


def encode(name) -> bytes:
    """Return the UTF-8 of a name that an entry may have.

    Any Unicode text in normal form C without NUL will do, "..", "/" and names that differ by case alone included:
    nothing here opens a file by that name. Raises ArgumentTypeError, RefcompressError, LimitError.
    """
    if not isinstance(name, str):
        raise ArgumentTypeError("name", f"must be a string, not {type(name).__name__}")
    if not name:
        raise RefcompressError("name", "must not be empty")
    if len(name) > MAX_BYTES:
        raise LimitError("name", f"must have at most {MAX_BYTES} bytes, {name[:40]!r}... has {len(name)} characters")
    if "\0" in name:
        raise RefcompressError("name", f"must not contain NUL, {name!r} does")
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        raise RefcompressError("name", f"must not contain surrogates, {name!r} does") from None
    if len(encoded) > MAX_BYTES:
        raise LimitError("name", f"must have at most {MAX_BYTES} bytes, {name[:40]!r}... has {len(encoded)}")
    if not unicodedata.is_normalized("NFC", name):
        raise RefcompressError("name", f"must be in Unicode normal form C, {name!r} is not")
    return encoded
