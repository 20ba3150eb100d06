"""Matrices, and convolutions, as products."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .base import Format


@dataclass(frozen=True, eq=False, repr=False)
class LowRank(Format):
    """A matrix as a product: u * s @ vt, with u : (m, r), s : (r,), vt : (r, k), float32 and finite.

    With a rank of 0 the factors have no elements, whatever m and k. The dense matrix must have a size in bytes that an
    int64 counts all the same.
    """

    u: np.ndarray
    s: np.ndarray
    vt: np.ndarray

    product = "lowrank_matmul"

    def __post_init__(self):
        for name, ndim in (("u", 2), ("s", 1), ("vt", 2)):
            self._set(name, arguments.finite(arguments.array(getattr(self, name), name, np.float32, ndim=ndim), name))
        r = len(self.s)
        if self.u.shape[1] != r or self.vt.shape[0] != r:
            raise RefcompressError("s", f"must have one entry a column of u and a row of vt, not {r} for "
                                        f"{self.u.shape} and {self.vt.shape}")
        arguments.shape(self.shape, itemsize=4)

    @property
    def shape(self) -> tuple[int, int]:
        return self.u.shape[0], self.vt.shape[1]

    @property
    def rank(self) -> int:
        return len(self.s)

    def dense(self) -> np.ndarray:
        """Return the (m, k) float32 product, summed in float64 and rounded once, to infinity beyond float32."""
        with np.errstate(all="ignore"):
            return ((self.u.astype(np.float64) * self.s) @ self.vt.astype(np.float64)).astype(np.float32)

    def describe(self) -> str:
        return f"low rank, {self.rank}"


@dataclass(frozen=True, eq=False, repr=False)
class LowRankConv(Format):
    """A convolution as two in a row, without a nonlinearity between them.

    first : (r, c, h1, w1), second : (m, r, h2, w2), float32 and finite. Together they stand for one convolution with
    kernels (m, c, h1 + h2 - 1, w1 + w2 - 1). In the channel scheme second is 1 x 1; in the spatial scheme first is
    h x 1 and second is 1 x w.
    """

    first: np.ndarray
    second: np.ndarray

    def __post_init__(self):
        for name in ("first", "second"):
            a = arguments.array(getattr(self, name), name, np.float32, ndim=4)
            if 0 in a.shape[2:]:
                raise RefcompressError(name, f"must have kernels of at least 1 x 1, not {a.shape[2]} x {a.shape[3]}")
            self._set(name, arguments.finite(a, name))
        if self.second.shape[1] != len(self.first):
            raise RefcompressError("second", f"must take the {len(self.first)} channels that first gives, not "
                                             f"{self.second.shape[1]}")
        arguments.shape(self.shape, itemsize=4)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        (_, c, h1, w1), (m, _, h2, w2) = self.first.shape, self.second.shape
        return m, c, h1 + h2 - 1, w1 + w2 - 1

    @property
    def rank(self) -> int:
        return len(self.first)

    def dense(self) -> np.ndarray:
        """Return the (m, c, h, w) float32 kernels of the one convolution, summed in float64 and rounded once."""
        total = np.zeros(self.shape)
        (h1, w1), (h2, w2) = self.first.shape[2:], self.second.shape[2:]
        with np.errstate(all="ignore"):
            for y in range(h2):
                for x in range(w2):
                    part = np.tensordot(self.second[:, :, y, x].astype(np.float64), self.first.astype(np.float64), 1)
                    total[:, :, y : y + h1, x : x + w1] += part
            return total.astype(np.float32)

    def describe(self) -> str:
        (h1, w1), (h2, w2) = self.first.shape[2:], self.second.shape[2:]
        return f"two convolutions, {h1}x{w1} and {h2}x{w2}, rank {self.rank}"


@dataclass(frozen=True, eq=False, repr=False)
class Tucker2(Format):
    """A convolution as three in a row: 1 x 1 to fewer channels, the kernels between those, 1 x 1 to the outputs.

    w[o, i, y, x] = sum over p, q of outputs[o, p] core[p, q, y, x] inputs[i, q]

    outputs : (m, p), core : (p, q, h, w), inputs : (c, q), float32 and finite.
    """

    outputs: np.ndarray
    core: np.ndarray
    inputs: np.ndarray

    def __post_init__(self):
        for name, ndim in (("outputs", 2), ("core", 4), ("inputs", 2)):
            self._set(name, arguments.finite(arguments.array(getattr(self, name), name, np.float32, ndim=ndim), name))
        for name, axis in (("outputs", 0), ("inputs", 1)):
            if getattr(self, name).shape[1] != self.core.shape[axis]:
                raise RefcompressError(name, f"must have {self.core.shape[axis]} columns, as core has channels there, "
                                             f"not {getattr(self, name).shape[1]}")
        arguments.shape(self.shape, itemsize=4)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.outputs), len(self.inputs), *self.core.shape[2:]

    @property
    def ranks(self) -> tuple[int, int]:
        return self.core.shape[:2]

    def dense(self) -> np.ndarray:
        """Return the (m, c, h, w) float32 kernels, summed in float64 and rounded once."""
        with np.errstate(all="ignore"):
            narrow = np.tensordot(self.outputs.astype(np.float64), self.core.astype(np.float64), 1)
            return np.moveaxis(np.tensordot(narrow, self.inputs.astype(np.float64), (1, 1)), -1, 1).astype(np.float32)

    def describe(self) -> str:
        return f"Tucker-2, ranks {self.ranks[0]} and {self.ranks[1]}"
