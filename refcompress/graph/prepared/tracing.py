"""Which kernels a node calls, and on which memory: found by running it once."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from ..use import Use, copied
from .arenas import Arenas, within

__all__ = ["Tracing"]

# Operations with a function ``prepare``: how many of their first arguments are values. The others are constants of a
# node whose other inputs are tensors.
VALUES = {"gemm_s8s8_requantized": 1, "gemm_s8s8_scaled": 2, "nn_activation": 1, "nn_add_s8": 2,
          "nn_average_pool_s8": 1, "nn_depthwise_s8": 1, "nn_layer_norm": 1, "nn_lookup_s8": 1, "nn_multiply_s8": 2,
          "nn_patches": 1, "nn_rms_norm": 1, "nn_softmax": 1, "quantize_s8": 1}
BROADCAST = ("nn_add_s8", "nn_multiply_s8")  # whose values a call that is prepared reads element by element
ROWS = {"axis": 0}  # the one way of quantize_s8 that can be prepared

# Nodes that are a function of NumPy, which writes where it is told to.
ELEMENTWISE = {"add": np.add, "multiply": np.multiply, "subtract": np.subtract}


class Tracing(Use):
    """A Use that prepares each operation that can be prepared, and remembers the calls of a node.

    calls : what to call again, in this order. reads : the arrays that they read. opaque : whether the node used an
    operation that cannot be prepared, so that the calls are not all that it does.
    """

    def __init__(self, implementation: Any, arenas: Arenas):
        super().__init__(implementation, keep=True)
        self.arenas = arenas
        self.begin("")

    def begin(self, node: str, *, prepare: bool = True) -> None:
        """Forget the calls of the node before. prepare : whether operations are prepared, and not just called."""
        self.node, self._prepare = node, prepare
        self.calls: list[Callable] = []
        self.reads: list[np.ndarray] = []
        self.gives: list[np.ndarray] = []
        self.opaque = False

    def __call__(self, name: str) -> Callable:
        function = super().__call__(name)
        if not self._prepare:
            return function
        if name not in VALUES or not hasattr(function, "prepare"):
            self.opaque = True
            return function

        def prepared(*args: Any, **kwargs: Any) -> np.ndarray:
            values = args[: VALUES[name]]
            if name in BROADCAST and values[0].shape != values[1].shape:
                shape = np.broadcast_shapes(*(a.shape for a in values))
                values = tuple(self.contiguous(np.broadcast_to(a, shape)) for a in values)
                args = (*values, *args[VALUES[name] :])
            if name == "quantize_s8":
                if kwargs != ROWS or values[0].ndim != 2:
                    self.opaque = True
                    return function(*args, **kwargs)
                kwargs = {}
            if not all(isinstance(a, np.ndarray) and a.flags.c_contiguous for a in values):
                self.opaque = True
                return function(*args, **kwargs)
            call = function.prepare(*args, empty=self.arenas.empty, **kwargs)
            y = call()
            self.calls.append(call)
            self.reads.extend(values)
            self.gives.extend(y if isinstance(y, tuple) else (y,))
            return y

        return prepared

    def empty(self, shape: tuple[int, ...], dtype) -> np.ndarray:
        if not self._prepare:
            return super().empty(shape, dtype)
        y = self.arenas.empty(shape, dtype)
        self.gives.append(y)
        return y

    def into(self, y: np.ndarray, name: str, *args: Any, **kwargs: Any) -> None:
        function = Use.__call__(self, name)
        values = args[: VALUES.get(name, 0)]
        ready = all(isinstance(a, np.ndarray) and a.flags.c_contiguous for a in values)
        if self._prepare and values and ready and y.flags.c_contiguous and hasattr(function, "prepare"):
            call = function.prepare(*args, empty=lambda shape, dtype: y.reshape(shape), **kwargs)
            call()
            self.calls.append(call)
            self.reads.extend(values)
        else:
            found = self(name)(*args, **kwargs).reshape(y.shape)
            np.copyto(y, found)
            self.calls.append(partial(np.copyto, y, found))
            self.reads.append(found)
            self.forget(found)

    def forget(self, a: np.ndarray) -> None:
        if self._prepare:
            self.arenas.release(a)

    def computed(self, function: Callable, *inputs: Any, out: np.ndarray | None = None) -> np.ndarray:
        if not self._prepare:
            return super().computed(function, *inputs, out=out)
        arrays = [a for a in inputs if isinstance(a, np.ndarray)]
        if out is None:
            found = function(*inputs)
            out = y = self.arenas.empty(found.shape, found.dtype)
            y[...] = found
            self.calls.append(lambda: np.copyto(y, function(*inputs)))
        else:
            function(*inputs, out=out)
            self.calls.append(partial(function, *inputs, out=out))
        self.reads.extend(arrays)
        self.gives.append(out)
        return out

    def products(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        batched = getattr(Use.__call__(self, "gemm_f32f32"), "batched", None)
        if not self._prepare or batched is None:
            self.opaque = True
            return super().products(left, right)
        call = batched.prepare(left, right, empty=self.arenas.empty)
        y = call()
        self.calls.append(call)
        self.reads.extend((left, right))
        self.gives.append(y)
        return y

    def elementwise(self, function: np.ufunc, *inputs: np.ndarray) -> tuple[np.ndarray]:
        """Return a function of float32 arrays, one value at a time."""
        y = self.arenas.empty(np.broadcast_shapes(*(a.shape for a in inputs)), np.float32)
        return (self.computed(function, *inputs, out=y),)

    def contiguous(self, a: np.ndarray) -> np.ndarray:
        if a.flags.c_contiguous or not self._prepare:
            return super().contiguous(a)
        to = self.arenas.empty(a.shape, a.dtype)
        self.calls.append(lambda: copied(a, to))
        self.reads.append(a)
        self.gives.append(to)
        return copied(a, to)

    def replayable(self, taken: Collection[np.ndarray], constants: Collection[Any],
                   given: Collection[np.ndarray]) -> bool:
        """Return whether the calls are all that a node does: they read its inputs where these are, and its outputs lie
        where they write."""
        known = [*taken, *self.gives, *(a for a in constants if isinstance(a, np.ndarray))]
        return (bool(self.calls) and not self.opaque
                and all(any(within(a, each) for each in known) for a in self.reads)
                and all(any(within(each, a) for each in self.reads) for a in taken)
                and all(any(within(y, each) for each in self.gives) for y in given))
