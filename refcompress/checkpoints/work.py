"""The work on one tensor: read, apply the scheme, encode, read back and compare. It needs paths and names alone.

So a work item goes to a thread, to another process, or to another machine that sees the same files.
"""

import importlib
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import container, ops
from ..agreement import Disagreement
from ..container import Layer
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Plain, Shared
from ..models.source import Source, Tensor, Value
from . import parts
from .plans import Step
from .schemes import SCHEMES, Made
from .sources import Opening
from .weights import Comparison, NotFinite, decoded, nonzero, weights_of

__all__ = ["Item", "encoded", "implementation_named", "made", "name_of_implementation", "part_of", "parts_of"]


@dataclass(frozen=True)
class Item:
    """One tensor's work: where to read it, what to make of it, and where its part goes. It holds no array.

    choice : the number of the candidate, where the scheme is chosen by measuring. keep : how many weights stay, where
    all layers are pruned by one threshold.
    """

    opening: Opening | None
    step: Step
    path: str
    key: bytes
    implementation: str
    choice: int | None = None
    keep: int | None = None


def parts_of(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Do the work of several items of one source, in another process; return what is said about each entry."""
    opening = items[0].opening
    assert opening is not None
    with opening.source() as source:
        implementation = implementation_named(items[0].implementation)
        return [part_of(item, source, implementation) for item in items]


def part_of(item: Item, source: Source, implementation: Any) -> dict[str, Any]:
    """Do one item's work, unless its part is there already; return what is said about its entry."""
    there = parts.read(item.path, item.key)
    if there is not None:
        return there[0]
    said, entry = made(item, source, implementation)
    parts.write(item.path, item.key, said, entry)
    return said


def made(item: Item, source: Source, implementation: Any) -> parts.Part:
    """Do one item's work; return what is said about its entry, and the entry's bytes."""
    said, entry = encoded(source[item.step.name], item, implementation)
    return said | {"bytes": len(entry)}, entry


def name_of_implementation(implementation: Any) -> str:
    """Return the name by which another process finds an implementation; refuse one that it could not find."""
    name = getattr(implementation, "__name__", "")
    if isinstance(implementation, types.ModuleType) or name.startswith("native."):
        return name
    raise ArgumentTypeError("implementation", "must be a module, or one of native.available(), where other processes "
                                              f"compute, not a {type(implementation).__name__}")


def implementation_named(name: str) -> Any:
    """Return the implementation of a name: a module, or native.<instruction set>."""
    if name.startswith("native."):
        return importlib.import_module("refcompress.native").at(name.removeprefix("native."))
    return importlib.import_module(name)


def encoded(tensor: Tensor, item: Item, implementation: Any) -> parts.Part:
    """Return what is said about a tensor's entry, and the entry's bytes.

    The entry is read back, and is the layer bit for bit. One that takes no fewer bytes than the tensor takes as it is
    gives way to the tensor bit for bit.
    """
    step, scheme, options = item.step, item.step.scheme, item.step.options
    if item.choice is not None:
        scheme, options = step.choices[item.choice]
    value, own = tensor.read(), item.opening is not None  # whether the array is nobody else's
    if own and SCHEMES[scheme].exact and isinstance(value, np.ndarray):
        value.flags.writeable = False  # a format keeps it without a copy
    if tuple(value.shape) != step.shape:
        raise RefcompressError(f"tensor {step.name!r}", f"was of shape {step.shape} when the plan was made, and is "
                                                        f"{tuple(value.shape)}: the file changed")
    used: dict[str, str] = {}

    def operation(name):
        function, used[name] = ops.implementation_of(implementation, name)
        return function

    if not SCHEMES[scheme].exact:
        try:
            w = weights_of(value, step.name, own)
        except NotFinite as error:
            if step.asked:
                raise
            said, entry = _exact(tensor.read() if own else value, "lossless", implementation)
            return said | {"reason": error.reason, "warning": True}, entry
        del value
        asked = {**options, "keep": item.keep} if item.keep is not None else options
        result = _made(w, scheme, asked, operation, step)
        entry = container.entry_view(result.layer, implementation=implementation,
                                      contexts=bool(options.get("contexts")))
        if len(entry) < step.nbytes:
            return _compared(w, result, entry, step, implementation, operation) | {"used": used}, entry
        said, same = _exact(tensor.read(), "lossless", implementation)
        if len(same) <= len(entry):
            return said | {"reason": f"{scheme} would take no fewer bytes"}, same
        return _compared(w, result, entry, step, implementation, operation) | {"used": used}, entry
    return _exact(value, scheme, implementation)


def _made(w: np.ndarray, scheme: str, options: Mapping[str, Any], operation, step: Step) -> Made:
    """Return what a scheme makes of weights; a refusal names the tensor."""
    make = SCHEMES[scheme].make
    assert make is not None
    try:
        return make(w, options, operation)
    except RefcompressError as error:
        raise type(error)(f"tensor {step.name!r}, {scheme}", str(error)) from None


def _compared(w: np.ndarray, made: Made, entry: bytes | memoryview, step: Step, implementation: Any,
              operation: Callable[[str], Callable]) -> dict[str, Any]:
    """Read an entry back, and return what is said about it: what it lost, and how its numbers are arranged.

    "type" is that of the source, where it holds every number of the layer exactly.
    """
    _check(made.layer, entry, step.name, implementation)
    back: Layer = made.layer
    said: dict[str, Any] = {"stored": described(made.layer), "before": nonzero(w)}
    if made.arrangement is not None:
        back = made.arrangement(decoded(made.layer, operation))
        said["arranged"] = {"shape": list(made.arrangement.shape), "axes": list(made.arrangement.axes)}
    found = Comparison.of(w, back, operation, step.type)
    if found.fits:
        said["type"] = step.type
    return said | {"error": found.error, "kept": found.kept}


def _exact(value: Value, scheme: str, implementation: Any) -> parts.Part:
    """Return the entry of a tensor that loses nothing: as it is, or bit for bit where that takes fewer bytes."""
    layer: Layer = value
    bare = isinstance(value, np.ndarray) and value.dtype.kind != "c"  # whether the file has an entry for it as it is
    if isinstance(value, np.ndarray) and (scheme == "lossless" or not bare):
        layer = Plain.of(value)
    entry = container.entry_view(layer, implementation=implementation, contexts=isinstance(layer, Shared))
    if bare and layer is not value and len(entry) > value.nbytes:  # its head is a few bytes, if there is no gain
        other = container.entry_view(value, implementation=implementation)
        if len(other) <= len(entry):
            layer, entry = value, other
    _check(layer, entry, "", implementation)
    return {"stored": described(layer), "error": 0.0}, entry


def described(layer: Layer) -> str:
    """Return what an entry is stored as, in a few words."""
    return f"array, {layer.dtype.name}" if isinstance(layer, np.ndarray) else layer.describe()


def _check(layer: Layer, entry: bytes | memoryview, name: str, implementation: Any) -> None:
    """Raise Disagreement unless an entry reads back as the layer, bit for bit."""
    if not container.is_read_as(entry, layer, implementation=implementation):
        raise Disagreement(f"tensor {name!r}: what was read back is not what was written")
