"""A network that a person wrote, and the tensors of a checkpoint for it: each is asked for by its name and its shape.

The file of a checkpoint often holds tensors alone. Who wrote the network knows the rest: a function says it in Python,
and takes each tensor from the checkpoint.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Graph, Plain

if TYPE_CHECKING:
    from ..graph import Model

__all__ = ["LAYOUTS", "Take", "filled"]

LAYOUTS = ("torch", "keras")
WIDENED = ("float16", "bfloat16")  # to float32: each of their numbers is one of float32


class Take(Protocol):
    """What gives a network its tensors: those of a checkpoint, or those that a training starts with.

    ``graph.Builder(take)`` adds them under the names by which they were asked for.
    """

    def __call__(self, name: str, *shape: int, turned: bool = True) -> Any:
        """Return the tensor of that name, in the layout of a graph: outputs first, then inputs, then the kernel's axes.

        turned : whether its axes may be turned, where the checkpoint has another layout. False for a table of an
        embedding, which is the same in all.
        """


class Checkpoint:
    """The Take of tensors by name; it knows which ones were asked for.

    layout : "torch" for what lies as in a graph: (outputs, inputs), (outputs, inputs, rows, columns). "keras" for
    inputs in front of outputs: (inputs, outputs), (rows, columns, inputs, outputs), and (rows, columns, channels,
    outputs of each) of a depthwise convolution; where a tensor has heads, they and their values are one axis of the
    network. names : the name in the network -> the name in the checkpoint, where the two differ.
    """

    def __init__(self, tensors: Mapping[str, Any], layout: str, names: Mapping[str, str]):
        self.tensors, self.names = dict(tensors), dict(names)
        self.layout = arguments.choice(layout, "layout", LAYOUTS)
        self.asked: dict[str, str] = {}  # the name in the network -> the name in the checkpoint

    def __call__(self, name: str, *shape: int, turned: bool = True) -> Any:
        own = self.names.get(name, name)
        where = f"tensor {own!r}" + (f" (the network's {name!r})" if own != name else "")
        wanted = tuple(arguments.integer(size, f"{where} shape", 0) for size in shape)
        if own not in self.tensors:
            near = get_close_matches(own, self.tensors, cutoff=0.4) or list(self.tensors)[:3]
            raise RefcompressError(where, "is not in the checkpoint, and the network takes it; the nearest: "
                                          f"{', '.join(map(repr, near)) or 'the checkpoint is empty'}")
        self.asked[name] = own
        value = _number(self.tensors[own], where)
        found = _laid(value, wanted, self.layout if turned else "torch")
        if found is not None:
            return found
        hint = ""
        if _laid(value, wanted, "torch") is not None:
            hint = '; it fits as it is: say turned=False, or layout="torch" for all tensors'
        elif _laid(value, wanted, "keras") is not None:
            hint = "; it fits with its axes turned: " + ('layout="keras"' if turned else "leave turned=False out")
        raise RefcompressError(where, f"must have the shape {wanted} in the network, and has {tuple(value.shape)}"
                                      f" in the checkpoint{hint}")

    def check(self, unused: Iterable[str]) -> None:
        """Refuse tensors that were not asked for and that no pattern of ``unused`` names, and names that were not."""
        patterns, asked = tuple(unused), set(self.asked.values())
        for name in self.names:
            if name not in self.asked:
                raise RefcompressError(f"names[{name!r}]", "must be a name that the network takes; it takes "
                                                           f"{', '.join(map(repr, self.asked)) or 'no tensor'}")
        left = [name for name in self.tensors
                if name not in asked and not any(fnmatchcase(name, pattern) for pattern in patterns)]
        if left:
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            raise RefcompressError("network", f"does not take {', '.join(map(repr, left[:3]))}{more} of the checkpoint;"
                                              " name what is to be left out: unused=[...]")


def filled(network: Callable[[Take], "Model"], tensors: Mapping[str, Any], *, layout: str = "torch",
           names: Mapping[str, str] | None = None, unused: Iterable[str] = ()) -> "Model":
    """Return the model that ``network`` makes of these tensors, all of which it takes but those that ``unused`` names.
    """
    from ..graph import Model

    if not callable(network):
        raise ArgumentTypeError("network", "must be a function that takes tensors and returns a graph.Model, not "
                                           f"{type(network).__name__}")
    if isinstance(unused, str):
        raise ArgumentTypeError("unused", "must be a list of names or patterns, not a string")
    for name, value in tensors.items():
        if isinstance(value, Graph):
            raise RefcompressError("network", f"must be left out: the file has a network of its own, {name!r}")
    take = Checkpoint(tensors, layout, names or {})
    model = network(take)
    if not isinstance(model, Model):
        raise ArgumentTypeError("network", f"must return a graph.Model, not {type(model).__name__}")
    take.check(unused)
    return model


def _number(value: Any, where: str) -> Any:
    """Return a tensor as a network computes with it: narrow floats as float32, other arrays and formats as they are."""
    kind = value.type if isinstance(value, Plain) else value.dtype.name
    if kind in WIDENED:
        return np.asarray(value.dense() if isinstance(value, Plain) else value, np.float32)
    if kind == "float64":
        raise ArgumentTypeError(where, "must not be float64, for networks compute in float32: round it yourself, and "
                                       "give a mapping of names to arrays in place of the file")
    return value


def _laid(value: Any, wanted: tuple[int, ...], layout: str) -> Any:
    """Return a tensor in the shape that is wanted, its axes turned from this layout; None where it does not fit."""
    if layout == "torch":
        return value if tuple(value.shape) == wanted else None
    if not isinstance(value, np.ndarray) or value.size != math.prod(wanted):
        return None
    if len(wanted) < 2:
        return np.ascontiguousarray(value.reshape(wanted)) if value.ndim <= 2 else None
    if len(wanted) == 2:
        m, k = wanted
        inputs = [math.prod(value.shape[:i]) for i in range(1, value.ndim)]
        return np.ascontiguousarray(value.reshape(k, m).T) if k in inputs else None
    if value.ndim != len(wanted):
        return None
    *kernel, c, m = value.shape
    if wanted == (m, c, *kernel):
        return np.ascontiguousarray(np.moveaxis(value, (-1, -2), (0, 1)))
    if wanted == (c * m, 1, *kernel):
        return np.ascontiguousarray(np.moveaxis(value, (-2, -1), (0, 1))).reshape(wanted)
    return None
