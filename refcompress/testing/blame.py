"""Whose memory a function left when its process was killed: found by trying, one array at a guard page at a time."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from . import memory
from .apart import Apart
from .cases import Call
from .judge import CRASHED
from .task import Task

END, START = 0, 6  # numbers of inputs whose results end, and begin, at a guard page


def blamed(task: Task, case: Call, limit: float) -> str:
    """Return which array the function reads or writes outside of, to be added to a sentence; or nothing."""
    judge = Apart(task, limit)

    def dies(arrays: dict[tuple, memory.Place], number: int | None) -> bool:
        return judge.case(_placed(task, case, arrays), number).kind == CRASHED

    try:
        loose = {path: memory.Place(place.strides, place.offset) for path, place in _places(task, case).items()}
        if dies(loose, None):
            return "; also where no array lies at a guard page"
        said = []
        for path, place in loose.items():
            if place.strides is not None:
                continue
            name = ".".join(map(str, path))
            if dies(loose | {path: replace(place, offset=0, guard="end")}, None):
                said.append(f"outside of {name}, behind its end")
            elif dies(loose | {path: replace(place, offset=0, guard="start")}, None):
                said.append(f"outside of {name}, before its begin")
            elif dies(loose | {path: replace(place, offset=0, guard="end", read_only=True)}, None):
                said.append(f"a write to {name}")
        if dies(loose, END):
            said.append("outside of the result, behind its end")
        elif dies(loose, START):
            said.append("outside of the result, before its begin")
        return f": {', and '.join(said)}" if said else ""
    finally:
        judge.close()


def _places(task: Task, case: Call) -> dict[tuple, memory.Place]:
    """Return by path where each array lies."""
    places = {}

    def keep(path, a):
        places[path] = memory.place_of(a)
        return a

    _mapped(task, case, keep)
    return places


def _placed(task: Task, case: Call, places: dict[tuple, memory.Place]) -> Call:
    return _mapped(task, case, lambda path, a: memory.at(a, **vars(places[path])))


def _mapped(task: Task, case: Call, function: Callable) -> Call:
    """Return a call with each array replaced; its path is the argument's name, then fields and numbers."""
    args, kwargs = case
    named = task.names.parameters
    return (tuple(_each(value, (named[i] if i < len(named) else i,), function) for i, value in enumerate(args)),
            {name: _each(value, (name,), function) for name, value in kwargs.items()})


def _each(value: Any, path: tuple, function: Callable) -> Any:
    if type(value) is np.ndarray:
        return function(path, value)
    if type(value) in (tuple, list):
        return type(value)(_each(item, (*path, i), function) for i, item in enumerate(value))
    if is_dataclass(value):
        return memory.made(type(value), **{field.name: _each(getattr(value, field.name), (*path, field.name), function)
                                           for field in fields(value)})
    return value
