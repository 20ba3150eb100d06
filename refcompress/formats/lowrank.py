"""Matrices as products."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .base import Format


@dataclass(frozen=True, eq=False)
class LowRank(Format):
    """A matrix as a product: u * s @ vt, with u : (m, r), s : (r,), vt : (r, k), float32 and finite.

    With a rank of 0 the factors have no elements, whatever m and k; m * k float32 must still be a size that an int64 counts.
    """

    u: np.ndarray
    s: np.ndarray
    vt: np.ndarray

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
        """Return the (m, k) float32 product, summed in float64 and rounded once: to infinity where it is beyond float32."""
        with np.errstate(all="ignore"):
            return ((self.u.astype(np.float64) * self.s) @ self.vt.astype(np.float64)).astype(np.float32)
