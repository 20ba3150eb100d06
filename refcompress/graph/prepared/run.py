"""Runs of a network on inputs of one size."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeGuard

import numpy as np

from ... import arguments, reference
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Node
from ...formats.graph import node_inputs
from ..known import Known, Size
from ..model import Model
from ..run import checked_inputs, computed, no_memory
from ..signature import signatures
from .arenas import Arenas, within
from .floats import float_steps
from .tracing import ELEMENTWISE, Tracing

__all__ = ["Prepared"]

Shape = tuple[int, ...]
MOST = 2**48  # elements of an input


class _Changed(Exception):
    """A value has another shape than it had in the first run."""


def _is_numbers(shape: tuple[Size, ...] | None) -> bool:
    return shape is not None and all(isinstance(size, int) for size in shape)


def _checked_shape(shape: Any, where: str) -> Shape:
    """Return the sizes of an array that memory could hold, or refuse them."""
    if isinstance(shape, str) or not isinstance(shape, Sequence):
        raise ArgumentTypeError(where, f"must be a sequence of sizes, not {type(shape).__name__}")
    found = tuple(arguments.integer(size, f"{where}[{i}]", 0, 2**63 - 1) for i, size in enumerate(shape))
    if math.prod(found) > MOST:
        raise RefcompressError(where, f"must have at most {MOST:,} elements, not {math.prod(found):,}")
    return found


class Prepared:
    """A network made ready for inputs of these shapes: ``run`` gives what Model.run gives, bit for bit, in less time.

    What a node does is found in one run on zeros. A node that does nothing but call kernels that can be prepared is
    these calls from then on: they read and write the same memory in each run. All other nodes are computed as Model.run
    does it, and what kernels read of them is copied to where they read it. A run in which a value that kernels read has
    another shape than for zeros is done by Model.run.

    shapes : of each input, by name, or a tuple where there is one input. All runs share one memory: not for several
    threads at once.
    """

    def __init__(self, model: Model, shapes: Mapping[str, Shape] | Shape, *, implementation: Any = reference):
        names = [each.name for each in model.graph.inputs]
        if not isinstance(shapes, Mapping):
            if len(names) != 1:
                raise RefcompressError("shapes", f"must be a mapping with {', '.join(names)}")
            shapes = {names[0]: shapes}
        if sorted(shapes) != sorted(names):
            raise RefcompressError("shapes", f"must have the entries {', '.join(names)}, not {', '.join(shapes)}")
        shapes = {name: _checked_shape(shapes[name], f"shapes[{name!r}]") for name in names}
        zeros, sizes = checked_inputs(model.graph, {each.name: np.zeros(shapes[each.name], each.type)
                                                    for each in model.graph.inputs})
        self.model, self.implementation = model, implementation
        self._sure: set[int] = set()
        known = signatures(model.graph, model.tensors, sizes, self._sure)
        self._use = Tracing(implementation, Arenas())
        self._inputs = zeros
        self._values: dict[str, Any] = {**model.tensors, "": None, **zeros}
        self._same = {*model.tensors, ""}  # names of values that are the same in each run
        self._kept: set[str] = set()  # of those that kernels write, and of views of them
        self._fixed: dict[str, np.ndarray] = {}  # values of other nodes that kernels read, and where
        self._steps: list[Callable[[], Any]] = []
        with np.errstate(all="ignore"):
            self._trace(known)

    @property
    def said(self) -> dict[str, list[str]]:
        """By the name of a node, who computes it."""
        return self._use.said

    def run(self, inputs: Mapping[str, np.ndarray] | np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs by name."""
        checked = inputs if self._are_arrays(inputs) else checked_inputs(self.model.graph, inputs)[0]
        for name, a in checked.items():
            if a.shape != self._inputs[name].shape:
                rule = f"must have the shape {self._inputs[name].shape} that was prepared, not {a.shape}"
                raise RefcompressError(f"inputs[{name!r}]", rule)
        with np.errstate(all="ignore"):
            try:
                for name, a in checked.items():
                    self._put(name, a)
                for step in self._steps:
                    step()
            except (_Changed, RefcompressError, MemoryError):  # Model.run says by which node
                return self.model.run(checked, implementation=self.implementation)
            outputs = {name: np.array(self._values[name]) for name in self.model.graph.outputs}
            # A sum with a NaN is one; so is that of both infinities, which Model.run tells from it.
            nan = any(a.dtype.kind == "f" and np.isnan(np.add.reduce(a, None)) for a in outputs.values())
        if nan:
            return self.model.run(checked, implementation=self.implementation)  # says which node gave the first one
        return outputs

    def __call__(self, *inputs: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """Return the only output, or a tuple of all, for the inputs in their order."""
        names = [each.name for each in self.model.graph.inputs]
        if len(inputs) != len(names):
            raise RefcompressError("inputs", f"must be {len(names)} arrays ({', '.join(names)}), not {len(inputs)}")
        found = tuple(self.run(dict(zip(names, inputs))).values())
        return found[0] if len(found) == 1 else found

    def _are_arrays(self, inputs: Any) -> TypeGuard[dict[str, np.ndarray]]:
        """Return whether inputs are arrays of all names, their types and dimensions: sizes alone are to be checked."""
        return type(inputs) is dict and inputs.keys() == self._inputs.keys() and all(
            type(a) is np.ndarray and (a.dtype, a.ndim) == (self._inputs[name].dtype, self._inputs[name].ndim)
            for name, a in inputs.items())

    def _trace(self, known: Mapping[str, Known]) -> None:
        alive = dict(self._inputs)  # values that may differ from run to run, as they are in this one
        for node, forgotten in zip(self.model.graph.nodes, self.model.graph.forgotten):
            try:
                self._trace_node(node, forgotten, known, alive)
            except MemoryError as error:
                raise no_memory(error, node) from None
        for name in {*self._values} - self._same - self._kept:
            del self._values[name]  # they come anew in each run

    def _trace_node(self, node: Node, forgotten: tuple[str, ...], known: Mapping[str, Known],
                    alive: dict[str, np.ndarray]) -> None:
        """Add the steps of a node. alive : values that later nodes may take, by name; changed in place."""
        values, use = self._values, self._use
        use.begin(node.name)
        if self._add_float(node):
            alive.update({name: values[name] for name in node.outputs})
            use.arenas.keep(alive.values())
            return
        inputs = [values[name] for name in node.inputs]
        if node.operation in ELEMENTWISE and all(getattr(a, "dtype", None) == np.float32 for a in inputs):
            found: tuple[np.ndarray, ...] = use.elementwise(ELEMENTWISE[node.operation], *inputs)
        else:
            found = computed(node, values, use, self._sure, None)
        given = {name: value for name, value in zip(node.outputs, found) if name}
        sized = node.operation == "shape" and _is_numbers(known[node.inputs[0]].shape)  # which no value decides
        if sized or self._same.issuperset(node_inputs(node)):
            self._same.update(given)
        else:
            taken = {name: alive[name] for name in node_inputs(node) if name in alive}
            if not self._by_kernels(node, taken, given):
                self._steps.append(partial(self._compute, node, forgotten))
                given = {name: np.array(a, order="K") for name, a in given.items()}  # memory that can be written
            alive.update(given)
        values.update(given)
        for name in forgotten:
            alive.pop(name, None)
        use.arenas.keep(alive.values())

    def _by_kernels(self, node: Node, taken: dict[str, np.ndarray], given: dict[str, np.ndarray]) -> bool:
        """Return whether nothing but calls of kernels, or nothing at all, is left of a node; add them to the steps."""
        constants = [self._values[name] for name in node_inputs(node) if name in self._same]
        if self._use.replayable(taken.values(), constants, given.values()):
            self._fixed |= {name: taken[name] for name in taken if name not in self._kept}
            self._steps += self._use.calls
        elif not (self._kept.issuperset(taken) and all(any(within(y, a) for a in taken.values())
                                                       for y in given.values())):
            return False
        self._kept.update(given)  # written by kernels, or views of what they write
        return True

    def _add_float(self, node: Node) -> bool:
        """Add a float node as steps of its own memory, and return True; False where it has none."""
        if id(node) not in self._sure or self._same.issuperset(node_inputs(node)):
            return False
        inputs = [self._values[name] for name in node.inputs]
        made = float_steps(node, inputs, self._use)
        if made is None:
            return False
        y, steps = made
        for step in steps:
            step()
        self._steps += steps
        taken = [name for name in node.inputs if name not in self._same and name not in self._kept]
        self._fixed |= {name: self._values[name] for name in taken}
        self._values[node.outputs[0]] = y
        self._kept.add(node.outputs[0])
        return True

    def _compute(self, node: Node, forgotten) -> None:
        """Compute a node as Model.run does."""
        self._use.begin(node.name, prepare=False)
        for name, value in zip(node.outputs, computed(node, self._values, self._use, self._sure, None)):
            if name:
                self._put(name, value)
        for name in forgotten:
            if name not in self._same and name not in self._kept:
                self._values.pop(name, None)

    def _put(self, name: str, value: np.ndarray) -> None:
        fixed = self._fixed.get(name)
        if fixed is not None:
            if value.shape != fixed.shape or value.dtype != fixed.dtype:
                raise _Changed(name)
            fixed[...] = value
        self._values[name] = value if fixed is None else fixed
