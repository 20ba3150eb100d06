"""A matrix of low rank with single weights beside it."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from .base import Format
from .csr import CSR
from .kept import Kept
from .lowrank import LowRank


@dataclass(frozen=True, eq=False, repr=False)
class LowRankSparse(Format):
    """The sum of a matrix of low rank and a sparse one: u * s @ vt + sparse.

    low : LowRank (m, k). sparse : Bitmask, NM, Relative, BSR, or a canonical CSR of float32 with int32 indices, of the
    same shape.
    """

    low: LowRank
    sparse: CSR | Kept

    product = "lowrank_sparse_matmul"

    def __post_init__(self):
        if not isinstance(self.low, LowRank):
            raise ArgumentTypeError("low", f"must be a LowRank, not {type(self.low).__name__}")
        if not isinstance(self.sparse, CSR | Kept):
            rule = f"must be a CSR, a Bitmask, an NM, a Relative or a BSR, not {type(self.sparse).__name__}"
            raise ArgumentTypeError("sparse", rule)
        if isinstance(self.sparse, CSR):
            if not self.sparse.canonical:
                raise RefcompressError("sparse", "must be canonical: its columns must increase within each row")
            if not isinstance(self.sparse.data, np.ndarray) or self.sparse.indices.dtype != np.int32:
                raise ArgumentTypeError("sparse", "must be a CSR of float32 with int32 indices")
        if self.sparse.shape != self.low.shape:
            raise RefcompressError("sparse", f"must have the shape of low, {self.low.shape}, not {self.sparse.shape}")
        arguments.shape(self.shape, itemsize=4)

    @property
    def shape(self) -> tuple[int, int]:
        return self.low.shape

    def dense(self) -> np.ndarray:
        """Return the (m, k) float32 sum, in float64 and rounded once, to infinity beyond float32."""
        low = self.low
        with np.errstate(all="ignore"):
            w = (low.u.astype(np.float64) * low.s) @ low.vt.astype(np.float64)
            return (w + self.sparse.dense()).astype(np.float32)

    def describe(self) -> str:
        return f"{self.low.describe()}, and {self.sparse.describe()}"
