"""A wrong input as a program: in a fresh interpreter it builds the arguments bit for bit and shows both results."""

import base64
import importlib
import os
import re
import sys
import sysconfig
import textwrap
import zlib
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .. import formats
from ..formats.sameness import same
from . import catalogue, memory, states
from .cases import Call
from .judge import CRASHED, HUNG, Outcome, arrays_of
from .task import LIBRARIES, Task

WRITTEN = 400  # elements that are written as numbers; of more, all the same or in base 85 of their zlib stream
WIDTH = 100
TURNS = 30  # of a check of state


def program(task: Task, case: Call, outcome: Outcome, refused: bool = False) -> str:
    """Return the program. refused : whether the input is one that must be refused: there is no result to print."""
    args, kwargs = case
    names = [task.names.parameters[i] if i < len(task.names.parameters) else f"argument_{i}" for i in range(len(args))]
    lines = [f"{name} = {_earlier(args, i, names) or text(value)}" for i, (name, value) in enumerate(zip(names, args))]
    lines += [f"{name} = {text(value)}" for name, value in kwargs.items()]
    call = ", ".join([*names, *(f"{name}={name}" for name in kwargs)])
    lines.append(f"print(testing.outcome({task.op!r}, f, {call}))")  # first: what follows may modify its input
    lines += [f"print('expected', reference.{task.op}({call}))"] if outcome.expected is not None else []
    if not refused and outcome.kind not in (CRASHED, HUNG) and not outcome.reason.startswith("raised"):
        lines.append(f"print('got     ', f({call}))")
    return _whole(task, outcome.reason, "\n".join(lines))


def _earlier(args: tuple, i: int, names: list[str]) -> str:
    """Return the name of an argument before this one that is the same array, or nothing."""
    found = [name for name, earlier in zip(names, args[:i]) if earlier is args[i] and type(earlier) is np.ndarray]
    return found[0] if found else ""


def state_program(task: Task, name: str, reason: str) -> str:
    """Return the program that shows what a function keeps between calls: the check of state that found it, again."""
    inputs = states.INPUTS.get(name, "inputs")
    return _whole(task, f"{name}: {reason}", "\n".join([
        f"cases = list(testing.states.{inputs}({task.op!r}, testing.samples({task.op!r})))",
        f"for _ in range({TURNS}):  # what depends on threads does not show each time", "    try:",
        f"        testing.states.{name}({task.op!r}, f, lambda: iter(cases))", "    except AssertionError as wrong:",
        "        print('wrong:', wrong)", "        break"]))


def program_in_order(task: Task, last: int, reason: str) -> str:
    """Return the program for what is wrong after certain calls alone: it makes those that the check has made."""
    names = tuple(layout.__name__ for layout in task.layouts or ())
    only = f", layouts={names!r}" if names else ""
    return _whole(task, reason, f"print(testing.in_order({task.op!r}, f, last={last}{only}))")


def _whole(task: Task, reason: str, said: str) -> str:
    how, whole = _import_of(task)
    known = [name for name in ("zlib", "base64") if f"{name}." in said]
    used = [f"import {name}" for name in sorted(known)] + ["import numpy as np"]
    used += ["from numpy import inf, nan"] if re.search(r"\b(inf|nan)\b", said) else []
    rooms = [room for room in ("formats", "native", "reference", "testing") if f"{room}." in said + how]
    used.append(f"from refcompress import {', '.join(rooms)}")
    comment = textwrap.indent(textwrap.fill(f"{task.op}: {reason}", WIDTH), "# ")
    return "\n".join([comment, *used, how, "", said]) if whole else "\n".join([comment, *used, "", how, said])


def _import_of(task: Task) -> tuple[str, bool]:
    """Return lines that make f, and whether they import the function under test."""
    given = task.given
    where = given if isinstance(given, str) else getattr(given, "where", None)
    if isinstance(where, str):
        if where.rpartition(":")[0].endswith(LIBRARIES) or where.rpartition(":")[0].endswith(".py"):
            return f"f = testing.loaded({task.op!r}, {where!r})", True
        module, _, name = where.rpartition(":")
        return f"from {module} import {name} as f", True
    home, own = getattr(given, "__module__", None), getattr(given, "__qualname__", "")
    if home and home != "__main__" and own.isidentifier() and _found(home, own) is given:
        path = _file_elsewhere(home)
        return (f"from {home} import {own} as f" if path is None else
                f"f = testing.loaded({task.op!r}, {f'{path}:{own}'!r})"), True
    for known in catalogue.KERNELS:
        if known.function is given:
            return f"f = testing.catalogue.kernel({known.op!r}, {known.name!r}).function", True
    isa = getattr(given, "isa", None)
    if isa:
        return f"f = native.at({isa!r}).{task.op}", True
    return f"f = reference.{task.op}  # put in its place the function that was checked: it has no name to import", False


def _found(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def _file_elsewhere(module: str) -> str | None:
    """Return the path of a module that a fresh interpreter would not find."""
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None or "." in module:
        return None
    folder = os.path.dirname(os.path.abspath(path))
    usual = {os.getcwd(), *sysconfig.get_paths().values(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    return None if folder in usual else os.path.abspath(path)


def text(value: Any) -> str:
    """Return an argument as an expression of Python that has its value, bit for bit."""
    if type(value) is np.ndarray:
        return _placed(value)
    if isinstance(value, np.ma.MaskedArray):
        return f"np.ma.masked_array({_values(value.data)}, mask={_values(np.ma.getmaskarray(value))})"
    if isinstance(value, np.generic):
        return f"np.{value.dtype.type.__name__}({_numbers(np.asarray(value))})"
    if type(value) is dict:
        return "{" + ", ".join(f"{key!r}: {text(item)}" for key, item in value.items()) + "}"
    if type(value) is list:
        return "[" + ", ".join(map(text, value)) + "]"
    if type(value) is tuple:
        return "(" + ", ".join(map(text, value)) + ("," if len(value) == 1 else "") + ")"
    if is_dataclass(value) and not isinstance(value, type):
        return _format(value)
    return repr(value)


def _format(value: Any) -> str:
    held = {field.name: getattr(value, field.name) for field in fields(value)}
    guarded = any(memory.place_of(a).guard for a in arrays_of(value))
    name = f"formats.{type(value).__name__}" if hasattr(formats, type(value).__name__) else type(value).__name__
    if not guarded:
        try:
            same_ = same(type(value)(**held), value)
        except (ValueError, TypeError):  # its class refuses what a test has put into it
            same_ = False
        if same_:
            return _joined(f"{name}(", [f"{key}={_bare(item)}" for key, item in held.items()])
    return _joined(f"testing.memory.made({name}, ", [f"{key}={text(item)}" for key, item in held.items()])


def _bare(value: Any) -> str:
    """Return a field as an expression: a format freezes its arrays itself."""
    return _values(value) if type(value) is np.ndarray else text(value)


def _joined(begin: str, parts: list[str]) -> str:
    line = begin + ", ".join(parts) + ")"
    return line if len(line) <= WIDTH and "\n" not in line else begin + "\n    " + ",\n    ".join(
        part.replace("\n", "\n    ") for part in parts) + ")"


def _placed(a: np.ndarray) -> str:
    place = memory.place_of(a)
    if place.plain:
        return _values(a)
    how = [f"{name}={value!r}" for name, value in vars(place).items() if value not in (None, 0, False)]
    return f"testing.memory.at({_values(a)}, {', '.join(how)})"


def _values(a: np.ndarray) -> str:
    """Return an array's values, shape and type; not how it lies."""
    number = a.dtype.isnative and a.dtype.kind in "iufc"
    kind = f"np.{a.dtype.type.__name__}" if number else repr("bool" if a.dtype == bool else a.dtype.str)
    if a.dtype.kind in "mM":
        return f"{_values(a.view(np.int64))}.view({a.dtype.str!r})"
    if a.dtype.kind == "f" and _payloads(a):
        bits = a.dtype.str.replace("f", "u")
        return f"{_values(a.view(bits) if a.flags.c_contiguous else a.copy().view(bits))}.view({kind})"
    if 0 not in a.shape and (a.size <= WRITTEN or a.dtype.hasobject):
        return f"np.array({_wrapped(_numbers(a))}, {kind})"
    if a.size == 0:
        return f"np.empty({a.shape}, {kind})"
    first = a.reshape(-1)[0]
    if (a == first).all() and not (first == 0 and a.dtype.kind == "f" and np.signbit(a).any()):
        return f"np.full({a.shape}, {_numbers(np.asarray(first))}, {kind})"
    packed = base64.b85encode(zlib.compress(a.tobytes(), 9)).decode()
    pieces = "\n    ".join(repr(piece) for piece in textwrap.wrap(packed, WIDTH - 10, break_on_hyphens=False))
    return (f"np.frombuffer(zlib.decompress(base64.b85decode(\n    {pieces})), {kind})"
            f".reshape({a.shape}).copy()")


def _payloads(a: np.ndarray) -> bool:
    """Return whether an array holds NaNs other than the one that ``nan`` is."""
    nan = np.isnan(a)
    usual = np.array(np.nan, a.dtype)
    return bool(nan.any()) and a[nan].tobytes() != np.full(np.count_nonzero(nan), usual, a.dtype).tobytes()


def _numbers(a: np.ndarray) -> str:
    """Return an array as lists of numbers, each as short as its type allows."""
    if a.ndim:
        return f"[{', '.join(_numbers(a[i, ...]) for i in range(len(a)))}]"  # of objects too an array each
    if a.dtype.kind != "f":
        return repr(a.item())
    short = str(a.astype(a.dtype.newbyteorder("="))[()])
    value = a.dtype.type(float(short))
    exact = short if value.tobytes() == a.astype(a.dtype.newbyteorder("=")).tobytes() or np.isnan(a) else repr(a.item())
    return exact.removesuffix("0") if exact.endswith(".0") else exact


def _wrapped(numbers: str) -> str:
    if len(numbers) <= WIDTH:
        return numbers
    return "\n    ".join(textwrap.wrap(numbers, WIDTH - 4, break_long_words=False, break_on_hyphens=False))
