"""Kind 20: a graph. Its bytes are one stream; a text that comes again is its number, and a new one begins as the last.

What was read is written once more: what a writer would not write is refused by that one comparison.
"""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arguments import MAX_NDIM
from ..errors import LimitError, RefcompressError
from ..formats import Graph, Input, Node
from ..formats.graph import MAX_DEPTH, Attribute
from . import stream_reading, streams
from .arrays import checked
from .cursor import Coding, Reader, integer_bytes
from .kinds import Kind
from .plain import NUMBERS, TYPES

__all__ = ["content", "read_graph", "write_graph"]

MAX_TEXT = 4096  # bytes of UTF-8
TEXT, GRAPH, SEVERAL = 3, 4, 8  # numbers of types of attributes; SEVERAL is added to that of the items
TYPE_OF: dict[type, int] = {bool: 0, int: 1, float: 2, str: TEXT, Graph: GRAPH}
MEMORY = 100  # bytes of memory that a byte of the content is counted as: a node of 8 bytes takes some 700


def write_graph(graph: Graph, coding: Coding) -> bytes:
    data = content(graph)
    stream = streams.Stream(np.frombuffer(data, np.uint8), coding)
    return b"".join([bytes([Kind.GRAPH]), integer_bytes(len(data)), stream.tobytes()])


def read_graph(reader: Reader, kind: int) -> Graph:
    size = reader.integer("header")
    if not size or size > 8 * reader.remaining:  # a symbol takes a bit or more, for they are not all 0
        raise reader.corrupt(f"{size} bytes of a graph do not fit the {reader.remaining} bytes that are left")
    reader.promise(MEMORY * size)
    data = stream_reading.read(reader, size, 256, "graph").tobytes()
    graph = Content(data, reader).graph(1)
    if content(graph) != data:
        raise reader.corrupt("is not the content that a writer has for this graph")
    return graph


def content(graph: Graph) -> bytes:
    """Return what a graph is in bytes, before they are coded."""
    writer = Writer()
    writer.graph(graph)
    return bytes(writer.out)


class Writer:
    """The bytes of a graph as they come, and the texts that were written."""

    def __init__(self):
        self.out = bytearray()
        self.numbers: dict[str, int] = {}  # of texts
        self.last = b""  # the last new text

    def count(self, number: int) -> None:
        self.out += integer_bytes(number)

    def text(self, text: str) -> None:
        """Write the number of a text; behind it, if the text is new, what of it is not as the last new one begins."""
        number = self.numbers.setdefault(text, new := len(self.numbers))
        self.count(number)
        if number < new:
            return
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            raise RefcompressError("value", f"must have texts without surrogates, {text!r} has some") from None
        if len(data) > MAX_TEXT:
            raise LimitError("value", f"must have texts of at most {MAX_TEXT} bytes, {text[:40]!r}... has {len(data)}")
        shared = shared_bytes(self.last, data)
        self.count(shared)
        self.count(len(data) - shared)
        self.out += data[shared:]
        self.last = data

    def texts(self, texts: tuple[str, ...]) -> None:
        self.count(len(texts))
        for text in texts:
            self.text(text)

    def graph(self, graph: Graph) -> None:
        self.count(len(graph.inputs))
        for each in graph.inputs:
            self.text(each.name)
            self.out.append(NUMBERS[each.type])
            if len(each.shape) > MAX_NDIM:
                raise LimitError("value", f"must have inputs of at most {MAX_NDIM} dimensions, {each.name!r} has "
                                          f"{len(each.shape)}")
            self.count(len(each.shape))
            for size in each.shape:
                self.size(size, each.name)
        self.texts(graph.outputs)
        self.count(len(graph.nodes))
        for node in graph.nodes:
            self.text(node.operation)
            self.texts(node.inputs)
            self.texts(node.outputs)
            self.text(node.name)
            self.count(len(node.attributes))
            for name, value in node.attributes:
                self.text(name)
                self.attribute(value)

    def size(self, size: int | str, name: str) -> None:
        """Write a size plus 1, or 0 and the name of an open one."""
        if isinstance(size, str):
            self.count(0)
            self.text(size)
        elif size + 1 >= 2**63:
            raise LimitError("value", f"must have sizes below 2**63 - 1, one of input {name!r} is {size}")
        else:
            self.count(size + 1)

    def attribute(self, value: Attribute) -> None:
        if not isinstance(value, tuple):
            self.out.append(TYPE_OF[type(value)])
            self.scalar(value)
            return
        self.out.append(SEVERAL + (TYPE_OF[type(value[0])] if value else 0))
        self.count(len(value))
        for each in value:
            self.scalar(each)

    def scalar(self, value: Any) -> None:
        if isinstance(value, bool):
            self.out.append(value)
        elif isinstance(value, int):
            self.count(2 * value if value >= 0 else -2 * value - 1)
        elif isinstance(value, float):
            self.out += struct.pack("<d", value)
        elif isinstance(value, str):
            self.text(value)
        else:
            self.graph(value)


def shared_bytes(a: bytes, b: bytes) -> int:
    """Return how many bytes both begin with."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


class Content:
    """The content of a graph as it is read. outside : the reader of the file, which says where what is wrong lies."""

    def __init__(self, data: bytes, outside: Reader):
        self.data, self.outside, self.at = data, outside, 0
        self.texts: list[str] = []
        self.last = b""

    def corrupt(self, rule: str) -> RefcompressError:
        return self.outside.corrupt(f"byte {self.at} of the graph: {rule}")

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise self.corrupt(f"{count} bytes are announced, {len(self.data) - self.at} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self, most: int = 63) -> int:
        """Return the next integer of at most so many bits. One with a byte that it does not need is written otherwise.
        """
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
            if shift >= most:
                raise self.corrupt(f"an integer has more than {most} bits")
        if value >> most:
            raise self.corrupt(f"an integer has more than {most} bits")
        return value

    def count(self, least: int, what: str) -> int:
        """Return the number of items that follow, each of ``least`` bytes or more."""
        count = self.integer()
        if count > (len(self.data) - self.at) // least:
            raise self.corrupt(f"{count} {what} do not fit the {len(self.data) - self.at} bytes that are left")
        return count

    def text(self) -> str:
        number = self.integer()
        if number < len(self.texts):
            return self.texts[number]
        if number > len(self.texts):
            raise self.corrupt(f"text {number} is none: there are {len(self.texts)} so far")
        shared, count = self.integer(), self.integer()
        if shared > len(self.last) or shared + count > MAX_TEXT:
            raise self.corrupt(f"a text has at most {MAX_TEXT} bytes, of which {len(self.last)} or fewer are those of "
                               f"the last, not {shared} and {count}")
        self.outside.promise(shared)  # which no byte of the content stands for
        self.last = self.last[:shared] + self.take(count)
        try:
            text = self.last.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.corrupt(f"a text is no UTF-8: {error.reason}") from None
        self.texts.append(text)
        return text

    def several(self, least: int, what: str, read: Callable[[], Any]) -> tuple[Any, ...]:
        return tuple(read() for _ in range(self.count(least, what)))

    def graph(self, depth: int) -> Graph:
        if depth > MAX_DEPTH:
            raise self.corrupt(f"graphs in graphs go beyond the depth {MAX_DEPTH}")
        inputs = self.several(3, "inputs", self.input)
        outputs = self.several(1, "outputs", self.text)
        nodes = self.several(6, "nodes", lambda: self.node(depth))
        if depth == 1 and self.at != len(self.data):
            raise self.corrupt(f"{len(self.data) - self.at} bytes are left after the last node")
        return checked(self.outside, Graph, inputs, outputs, nodes)

    def input(self) -> Input:
        name, number = self.text(), self.byte()
        if number not in TYPES:
            raise self.corrupt(f"element type {number} is none")
        shape = self.several(1, "sizes", self.size)
        if len(shape) > MAX_NDIM:
            raise self.corrupt(f"an input has at most {MAX_NDIM} dimensions, not {len(shape)}")
        return checked(self.outside, Input, name, TYPES[number], shape)

    def size(self) -> int | str:
        size = self.integer()
        return size - 1 if size else self.text()

    def node(self, depth: int) -> Node:
        operation = self.text()
        inputs, outputs = (self.several(1, what, self.text) for what in ("inputs", "outputs"))
        name = self.text()
        attributes = self.several(3, "attributes", lambda: (self.text(), self.attribute(depth)))
        return checked(self.outside, Node, operation, inputs, outputs, attributes, name)

    def attribute(self, depth: int) -> Attribute:
        number = self.byte()
        if number & ~SEVERAL > GRAPH or number == SEVERAL + GRAPH:
            raise self.corrupt(f"type {number} of an attribute is none")
        if not number & SEVERAL:
            return self.scalar(number, depth)
        kind = number - SEVERAL
        return self.several(8 if kind == TYPE_OF[float] else 1, "items", lambda: self.scalar(kind, depth))

    def scalar(self, kind: int, depth: int) -> Any:
        if kind == TYPE_OF[bool]:
            byte = self.byte()
            if byte > 1:
                raise self.corrupt("a bool must be 0 or 1")
            return bool(byte)
        if kind == TYPE_OF[int]:
            symbol = self.integer(64)
            return -(symbol + 1) // 2 if symbol & 1 else symbol // 2
        if kind == TYPE_OF[float]:
            return struct.unpack("<d", self.take(8))[0]
        return self.text() if kind == TEXT else self.graph(depth + 1)
