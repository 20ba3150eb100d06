"""JSON of strangers: read from left to right, value by value, in memory that follows what the caller keeps of it.

The parser of Python makes objects of twenty times the text for brackets, keeps the last of two equal names, and takes
NaN. Here a name that comes twice is refused, and so are numbers other than integers where integers must stand.

**Source** RFC 8259; names that come twice (its section 4) are refused here.
"""

import json
import re
from collections.abc import Iterator

from ..errors import CorruptError

SPACE = re.compile(r"[ \t\n\r]*")
STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"')
INTEGER = re.compile(r"(0|[1-9][0-9]{0,18})(?![0-9.eE])")  # below 10**19: no file has as many bytes
OTHER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null")
MAX_DEPTH = 64  # of values that are passed over


class JsonText:
    """A text in JSON, and the place up to which it is read. ``what`` names it in refusals.

    name : where the member's name that was read last begins and ends, its quotation marks included
    """

    def __init__(self, data: bytes, what: str):
        self.what, self.at = what, 0
        self.name = (0, 0)
        try:
            self.text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptError("path", f"{what} is not UTF-8 at its byte {error.start}") from None

    def corrupt(self, rule: str) -> CorruptError:
        return CorruptError("path", f"{self.what} {rule}, at character {self.at}")

    def next(self) -> str:
        """Return the next character that is no space, and stay before it; '' at the end."""
        match = SPACE.match(self.text, self.at)
        assert match is not None  # it matches nothing, too
        self.at = match.end()
        return self.text[self.at : self.at + 1]

    def expect(self, character: str) -> None:
        found = self.next()
        if found != character:
            raise self.corrupt(f"has {found!r} where {character!r} must stand" if found else "ends too early")
        self.at += 1

    def string(self) -> str:
        if self.next() != '"':
            self.expect('"')
        match = STRING.match(self.text, self.at)
        try:
            if match and "\\" not in match[0]:
                value = match[0][1:-1]
            else:
                value = json.loads(match[0] if match else "")
                value.encode("utf-8")
        except UnicodeEncodeError:
            raise self.corrupt("has a string with a surrogate alone") from None
        except ValueError:
            raise self.corrupt("has a string that does not end, or that is escaped wrongly") from None
        assert match is not None  # nothing else is a string
        self.at = match.end()
        return value

    def integer(self) -> int:
        self.next()
        match = INTEGER.match(self.text, self.at)
        if match is None:
            raise self.corrupt("has something else where an integer from 0 to 10**19 - 1 must stand")
        self.at = match.end()
        return int(match[1])

    def integers(self, most: int) -> tuple[int, ...]:
        """Return a list of at most so many integers."""
        found: list[int] = []
        for _ in self.items("[", "]"):
            if len(found) == most:
                raise self.corrupt(f"has a list of more than {most} integers")
            found.append(self.integer())
        return tuple(found)

    def items(self, opening: str, closing: str) -> Iterator[None]:
        """Yield before each item of a list or an object, which the caller then reads."""
        self.expect(opening)
        if self.next() == closing:
            self.at += 1
            return
        while True:
            yield
            if self.next() == closing:
                self.at += 1
                return
            self.expect(",")

    def members(self) -> Iterator[str]:
        """Yield the names of an object, each before its value, which the caller then reads."""
        seen = set()
        for _ in self.items("{", "}"):
            self.next()
            first = self.at
            name = self.string()
            self.name = first, self.at
            if name in seen:
                raise self.corrupt(f"has {name!r} twice")
            seen.add(name)
            self.expect(":")
            yield name

    def skip(self, depth: int = 0) -> None:
        """Pass over a value of any kind."""
        character = self.next()
        if depth > MAX_DEPTH:
            raise self.corrupt(f"is nested more than {MAX_DEPTH} deep")
        if character == "{":
            for _ in self.members():
                self.skip(depth + 1)
        elif character == "[":
            for _ in self.items("[", "]"):
                self.skip(depth + 1)
        elif character == '"':
            self.string()
        elif (match := OTHER.match(self.text, self.at)) is None:
            raise self.corrupt("has no value where one must stand")
        else:
            self.at = match.end()

    def end(self) -> None:
        if self.next():
            raise self.corrupt("has something behind its end")
