"""A folder of vectors of one operation: index.json, the arrays, and SHA256SUMS over both.

The index has one case a line, so that a reader without a parser of JSON finds its way too. Nothing in the folder
depends on the machine, on the time or on the version of NumPy.
"""

import copy
import hashlib
import inspect
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__, arguments
from ...agreement import Disagreement, NoBound
from ...errors import RefcompressError
from ...ops import OPS
from ..bounds import bound
from ..expected import expected_of
from ..sampling import refusals, samples
from .values import CLASSES, Arrays, NotWritten

__all__ = ["SCHEMA", "write"]

SCHEMA = "refcompress-vectors-1"
LARGEST = 2**20  # bytes of the arrays of a case, unless a caller says more


def write(op: str, folder: Any, *, most: int | None = None, largest: int = LARGEST) -> dict:
    """Write the vectors of ``op`` into ``folder``/op, which must not be there, and return the index.

    Parameters
    ----------
    op : str
        A name of OPS.
    folder : a path
        It is made where it is not there.
    most : int, optional
        At most so many cases, evenly out of all.
    largest : int
        Cases with more bytes of arrays are left out; the index says how many.

    A case has ``args`` and ``kwargs`` (:mod:`values` says how they are written) and ``expected``. Where the rule is a
    bound, ``lower`` and ``upper`` (float64) are the least and the largest element that is right: both NaN where it must
    be NaN, -inf and inf where anything is right. ``refusals`` are calls that must be refused, about ``argument``.
    ``negatives`` are results of wrong kernels: a checker that lets one pass does not check.
    """
    op = arguments.choice(op, "op", OPS)
    most = None if most is None else arguments.integer(most, "most", 1, 2**31 - 1)
    target = Path(folder) / op
    if target.exists():
        raise RefcompressError("folder", f"{str(target)!r} is there already")
    arrays = Arrays()
    left_out: dict[str, Any] = {"too large": 0, "refusals": {}}
    calls = list(_calls(op, largest, left_out))
    chosen = calls if most is None or most >= len(calls) else [calls[i * len(calls) // most] for i in range(most)]
    results = [expected_of(op, args, kwargs) for args, kwargs in chosen]
    cases = [_case(op, f"{number:04}", *call, result, arrays)
             for number, (call, result) in enumerate(zip(chosen, results))]
    refused = list(_refusals(op, arrays, left_out["refusals"]))
    negatives = list(_negatives(op, chosen, results, arrays))
    head = {"schema": SCHEMA, "operation": op, "refcompress": __version__,
            "rule": OPS[op].rule.__name__, "judges": _judges(op),
            "formats": {name: inspect.getdoc(CLASSES[name]) for name in sorted(arrays.formats)}, "left_out": left_out}
    _write(target, head, {"cases": cases, "refusals": refused, "negatives": negatives}, arrays)
    return {**head, "cases": cases, "refusals": refused, "negatives": negatives}


def _judges(op: str) -> str:
    """Return in a word how a reader judges a result by the files alone."""
    allowed = OPS[op].rule
    return {"exactly": "every bit, but for sign and payload of a NaN",
            "within_dot_bound": "lower and upper"}.get(allowed.__name__, "the rule of that name, in Python")


def _calls(op: str, largest: int, left_out: dict) -> Iterator[tuple[tuple, dict]]:
    """Yield the samples, each once: they come in several layouts, which are one in a file."""
    seen = set()
    for args, kwargs in samples(op):
        arrays = Arrays()
        text = json.dumps([arrays.encoded(args), arrays.encoded(kwargs)])
        if text in seen:
            continue
        seen.add(text)
        if sum(map(len, arrays.files.values())) > largest:
            left_out["too large"] += 1
            continue
        yield args, kwargs


def _case(op: str, name: str, args: tuple, kwargs: dict, expected: Any, arrays: Arrays) -> dict:
    case = {"case": name, "args": [arrays.encoded(a) for a in args],
            "kwargs": {key: arrays.encoded(value) for key, value in kwargs.items()},
            "expected": arrays.encoded(expected)}
    allowed = bound(op, *args, **kwargs)
    if isinstance(allowed, np.ndarray):
        lower, upper = limits(expected, allowed)
        case |= {"lower": arrays.encoded(lower), "upper": arrays.encoded(upper)}
    return case


def limits(expected: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest right element, in float64; where differences are allowed one step further, for
    the difference that the rule looks at is rounded."""
    e = expected.astype(np.float64)
    with np.errstate(all="ignore"):
        low, high = (np.where(allowed > 0, np.nextafter(end, far), e)
                     for end, far in ((e - allowed, -np.inf), (e + allowed, np.inf)))
    return (np.where(np.isinf(allowed), -np.inf, low), np.where(np.isinf(allowed), np.inf, high))


def _refusals(op: str, arrays: Arrays, left_out: dict) -> Iterator[dict]:
    for args, kwargs in refusals(op):
        try:
            call = {"args": [arrays.encoded(a) for a in args],
                    "kwargs": {key: arrays.encoded(value) for key, value in kwargs.items()}}
        except NotWritten as what:
            left_out[str(what)] = left_out.get(str(what), 0) + 1
            continue
        try:
            expected_of(op, args, kwargs)
        except RefcompressError as error:
            yield call | {"error": type(error).__name__, "argument": error.argument, "rule": error.rule}


def _negatives(op: str, calls: list, results: list, arrays: Arrays) -> Iterator[dict]:
    """Yield for each planted kernel its result on the first case where it is wrong."""
    from .. import planted  # which imports the cases of all families

    for story, of, function in planted.WRONG:
        if of == op:
            for number, (call, expected) in enumerate(zip(calls, results)):
                wrong = _wrong_result(op, function, call, expected)
                if wrong is not None:
                    got, said = wrong
                    yield {"case": f"{number:04}", "bug": story, "got": arrays.encoded(got), "said": said}
                    break


def _wrong_result(op: str, function: Callable, call: tuple, expected: Any) -> tuple[Any, str] | None:
    """Return a result that a file can hold and the rule refuses, and what the rule says of it."""
    args, kwargs = copy.deepcopy(call)  # some kernels write into what they are given
    try:
        with np.errstate(all="ignore"):
            got = function(*args, **kwargs)
    except Exception:  # what refuses a valid input gives no result
        return None
    try:
        OPS[op].rule(expected, got, *call)
    except NoBound:
        return None
    except Disagreement as wrong:
        try:
            Arrays().encoded(got)
        except NotWritten:
            return None
        return got, str(wrong)
    return None


def _write(target: Path, head: dict, parts: dict, arrays: Arrays) -> None:
    """Write all into a folder beside the target, and then give it its name: it is never there in part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
    for name, items in parts.items():
        lines.append(f'"{name}": [\n' + ",\n".join(json.dumps(item) for item in items) + "\n]")
    files = {"index.json": ("{\n" + ",\n".join(lines) + "\n}\n").encode(), **arrays.files}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as place:
        made = Path(place, target.name)
        for name, data in {**files, "SHA256SUMS": sums.encode()}.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(data)
        made.rename(target)
