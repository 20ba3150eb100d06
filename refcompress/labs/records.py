"""The JSON files of labs, hunts and classes: written with the name of their schema, and checked key by key when read.

A file lies in a learner's folder, so it may hold anything. What is wrong is said in one line, with the file and the
key. A check of a value is a function of the value and its key that returns what is wrong, or nothing.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..container import files
from ..errors import CorruptError, RefcompressError

__all__ = ["count", "fields", "listed", "named", "one_of", "read", "text", "written"]

Fault = Callable[[Any, str], str]


def text(value: Any, key: str) -> str:
    return "" if isinstance(value, str) else f"{key} must be a text"


def count(value: Any, key: str) -> str:
    return "" if type(value) is int and value >= 0 else f"{key} must be a whole number, 0 or more"


def one_of(names: Any, what: str) -> Fault:
    """Return the check of a value that must be one of the names; ``what`` says of what."""
    return lambda value, key: "" if isinstance(value, str) and value in names else f"{key} must be the name of {what}"


def listed(item: Fault) -> Fault:
    """Return the check of a list of such items."""
    def fault(value: Any, key: str) -> str:
        if not isinstance(value, list):
            return f"{key} must be a list"
        return next(filter(None, (item(each, f"{key}[{i}]") for i, each in enumerate(value))), "")
    return fault


def named(item: Fault) -> Fault:
    """Return the check of an object with any keys, and such values."""
    def fault(value: Any, key: str) -> str:
        if not isinstance(value, dict):
            return f"{key} must be an object"
        return next(filter(None, (item(each, f"{key}.{name}") for name, each in value.items())), "")
    return fault


def fields(**items: Fault) -> Fault:
    """Return the check of an object with these keys, all of them and no other."""
    def fault(value: Any, key: str) -> str:
        if not isinstance(value, dict):
            return f"{key or 'the whole'} must be an object"
        inside = f"{key}." if key else ""
        for name, item in items.items():
            found = item(value[name], inside + name) if name in value else f"{inside}{name} is missing"
            if found:
                return found
        more = sorted(set(value) - set(items))
        return f"{inside}{more[0]} is no key of it" if more else ""
    return fault


def read(path: str | os.PathLike, schema: str, shape: Fault, most: int, *, argument: str, again: str) -> dict[str, Any]:
    """Return what a file holds, without its schema. FileNotFoundError where it is not there.

    schema : its name and version, "refcompress.lab/1". most : bytes. argument : what an error names. again : what to do
    about a file that is damaged.
    """
    path = Path(path)

    def damaged(why: str) -> CorruptError:
        return CorruptError(argument, f"{str(path)!r} is damaged ({why}): {again}")

    content = files.read(path, most)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise damaged("no JSON") from None
    said = data.pop("schema", None) if isinstance(data, dict) else None
    if isinstance(said, str) and _newer(said, schema):
        raise RefcompressError(argument, f"{str(path)!r} is of a newer version: its schema is {said[:80]}, and this "
                                         f"program reads {schema}; take a newer refcompress")
    if said != schema:
        raise damaged(f"schema must be {schema}")
    if wrong := shape(data, ""):
        raise damaged(wrong[:200])
    return data


def _newer(said: str, schema: str) -> bool:
    """Return whether a schema is a later version of the one that is read."""
    (theirs, _, number), (kind, _, version) = said.partition("/"), schema.partition("/")
    return theirs == kind and number.isascii() and number.isdecimal() and int(number[:9]) > int(version)


def written(schema: str, data: dict[str, Any]) -> str:
    """Return the text of a file."""
    return json.dumps({"schema": schema, **data}, indent=2) + "\n"
