"""Pickles of strangers, read as the data that they describe: nothing is imported, called or built.

A pickle is a program for a machine with a stack. The machine here knows the steps that make numbers, texts, lists,
dicts and tuples. A step that names a function or a class, one that calls it, and one that asks for what lies outside of
the pickle are the reader's to answer (:class:`Answers`): what it does not know, it refuses by its name.

**Source** the module pickletools of Python, which describes each step and its byte.
"""

import struct
from collections.abc import Iterator
from typing import Any, Protocol

from ..errors import CorruptError

MAX_STACK = 2**20  # values that wait at a time: a pickler puts its lists and dicts together a thousand at a time
MARK = object()
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
NUMBERS = {  # steps that push a number or take one: how it is written
    b"K": ("BININT1", "<B"), b"M": ("BININT2", "<H"), b"J": ("BININT", "<i"), b"G": ("BINFLOAT", ">d"),
    b"\x80": ("PROTO", "<B"), b"\x95": ("FRAME", "<Q"), b"q": ("BINPUT", "<B"), b"r": ("LONG_BINPUT", "<I"),
    b"h": ("BINGET", "<B"), b"j": ("LONG_BINGET", "<I"),
}
COUNTED = {  # steps that push so many bytes: how the count is written, and what the bytes become
    b"X": ("BINUNICODE", "<I", "text"), b"\x8c": ("SHORT_BINUNICODE", "<B", "text"),
    b"\x8d": ("BINUNICODE8", "<Q", "text"), b"U": ("SHORT_BINSTRING", "<B", "bytes"),
    b"T": ("BINSTRING", "<I", "bytes"), b"C": ("SHORT_BINBYTES", "<B", "bytes"), b"B": ("BINBYTES", "<I", "bytes"),
    b"\x8e": ("BINBYTES8", "<Q", "bytes"), b"\x8a": ("LONG1", "<B", "integer"), b"\x8b": ("LONG4", "<I", "integer"),
}
BARE = {  # steps that are a byte alone
    b"N": "NONE", b"\x88": "NEWTRUE", b"\x89": "NEWFALSE", b")": "EMPTY_TUPLE", b"(": "MARK", b".": "STOP",
    b"\x94": "MEMOIZE", b"\x85": "TUPLE1", b"\x86": "TUPLE2", b"\x87": "TUPLE3", b"t": "TUPLE", b"]": "EMPTY_LIST",
    b"\x8f": "EMPTY_SET", b"l": "LIST", b"\x91": "FROZENSET", b"a": "APPEND", b"e": "APPENDS", b"\x90": "ADDITEMS",
    b"}": "EMPTY_DICT", b"d": "DICT", b"s": "SETITEM", b"u": "SETITEMS", b"\x93": "STACK_GLOBAL", b"R": "REDUCE",
    b"\x81": "NEWOBJ", b"b": "BUILD", b"Q": "BINPERSID", b"0": "POP", b"1": "POP_MARK", b"2": "DUP",
}
LITERALS = {"BININT1", "BININT2", "BININT", "BINFLOAT"} | {name for name, _, _ in COUNTED.values()}
KEYS = (str, int, float, type(None))  # of a dict: the hash of nested tuples has no bound on its time
Value = Any  # whatever stands on the stack


class Record:
    """An object of the file's own: its attributes, which a later step sets."""

    state: Value = None


class Answers(Protocol):
    """What a reader knows: each answer is a value for the stack, or an exception."""

    def named(self, module: str, name: str) -> Value: ...

    def called(self, function: Value, arguments: tuple) -> Value: ...

    def outside(self, key: Value) -> Value: ...


def value_of(data: bytes, answers: Answers) -> Value:
    """Return the value that a pickle ends with; CorruptError for one that does not read, or needs another step."""
    stack: list[Value] = []
    memo: dict[int, Value] = {}

    def push(value: Value) -> None:
        if len(stack) == MAX_STACK:
            raise corrupt(f"has more than {MAX_STACK} values waiting")
        stack.append(value)

    def top(kind: type = object) -> Value:
        if not stack or stack[-1] is MARK or not isinstance(stack[-1], kind):
            raise corrupt("has no value where one is needed, or one of another kind")
        return stack[-1]

    def pop(kind: type = object) -> Value:
        value = top(kind)
        stack.pop()
        return value

    def pop_to_mark() -> list[Value]:
        for at in range(len(stack) - 1, -1, -1):
            if stack[at] is MARK:
                values = stack[at + 1 :]
                del stack[at:]
                return values
        raise corrupt("has no mark where one is needed")

    def fill(target: dict, values: list[Value]) -> None:
        if len(values) % 2:
            raise corrupt("has a key without a value")
        for key, value in zip(values[::2], values[1::2]):
            if not isinstance(key, KEYS):
                raise corrupt(f"has a dict with a key that is a {type(key).__name__}")
            target[key] = value

    for step, argument in steps(data):
        match step:
            case "PROTO" | "FRAME":
                pass
            case name if name in CONSTANTS:
                push(CONSTANTS[name])
            case name if name in LITERALS:
                push(argument)
            case "MARK":
                push(MARK)
            case "STOP":
                break
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = top()
            case "MEMOIZE":
                memo[len(memo)] = top()
            case "BINGET" | "LONG_BINGET":
                if argument not in memo:
                    raise corrupt(f"asks for value {argument}, which it never kept")
                push(memo[argument])
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                push(tuple([pop() for _ in range(int(step[-1]))][::-1]))
            case "TUPLE":
                push(tuple(pop_to_mark()))
            case "EMPTY_LIST" | "EMPTY_SET":
                push([])
            case "LIST" | "FROZENSET":
                push(pop_to_mark())
            case "APPEND":
                value = pop()
                top(list).append(value)
            case "APPENDS" | "ADDITEMS":
                values = pop_to_mark()
                top(list).extend(values)
            case "EMPTY_DICT":
                push({})
            case "DICT":
                values = pop_to_mark()
                push({})
                fill(top(), values)
            case "SETITEM":
                value, key = pop(), pop()
                fill(top(dict), [key, value])
            case "SETITEMS":
                values = pop_to_mark()
                fill(top(dict), values)
            case "GLOBAL":
                push(answers.named(*argument))
            case "STACK_GLOBAL":
                name, module = pop(str), pop(str)
                push(answers.named(module, name))
            case "REDUCE" | "NEWOBJ":
                arguments = pop(tuple)
                push(answers.called(pop(), arguments))
            case "BUILD":
                state = pop()
                if isinstance(top(), Record):  # what is set on others is no tensor: an OrderedDict's _metadata
                    stack[-1].state = state
            case "BINPERSID":
                push(answers.outside(pop()))
            case "POP":
                pop()
            case "POP_MARK":
                pop_to_mark()
            case "DUP":
                push(top())
    result = pop()
    if stack:
        raise corrupt("leaves values behind")
    return result


def steps(data: bytes) -> Iterator[tuple[str, Value]]:
    """Yield the steps of a pickle with the number, text, bytes or names that stand behind them."""
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        if count > len(data) - at:
            raise corrupt(f"announces {count} bytes at its byte {at}, {len(data) - at} are left")
        at += count
        return data[at - count : at]

    def number(form: str) -> Value:
        return struct.unpack(form, take(struct.calcsize(form)))[0]

    def line() -> str:
        end = data.find(b"\n", at)
        return text(take((end if end >= 0 else len(data)) + 1 - at)[:-1])

    while True:
        code = take(1)
        if code in BARE:
            yield BARE[code], None
        elif code in NUMBERS:
            name, form = NUMBERS[code]
            yield name, number(form)
        elif code in COUNTED:
            name, form, kind = COUNTED[code]
            found = take(number(form))
            yield name, (text(found) if kind == "text" else found if kind == "bytes" else
                         int.from_bytes(found, "little", signed=True))
        elif code == b"c":
            yield "GLOBAL", (line(), line())
        else:
            raise corrupt(f"has the step {code!r}, which no table of tensors needs")


def text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise corrupt("has a text that is not UTF-8") from None


def corrupt(rule: str) -> CorruptError:
    return CorruptError("path", f"the pickle of its tensors {rule}")
