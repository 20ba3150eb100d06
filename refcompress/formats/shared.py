"""Weights that share values."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import LimitError, RefcompressError
from .base import Format


@dataclass(frozen=True, eq=False, repr=False)
class Shared(Format):
    """Weights that share values: weight = codebook[code].

    codes : any shape, uint8 (for a codebook of at most 256 values) or uint16
    codebook : (c,) float32, finite, c at most 65536, and at least 1 where there are codes

    Where the input was pruned, code 0 is the value +0.0 and stands for the pruned weights.
    """

    codes: np.ndarray
    codebook: np.ndarray

    def __post_init__(self):
        codes = arguments.array(self.codes, "codes", np.uint8, np.uint16)
        codebook = arguments.finite(arguments.array(self.codebook, "codebook", np.float32, ndim=1), "codebook")
        c = len(codebook)
        if c > 65536:
            raise LimitError("codebook", f"must have at most 65536 entries, not {c}")
        if c == 0 and codes.size:
            raise RefcompressError("codebook", "must have an entry for the codes to point at")
        narrowest = np.dtype(np.uint8 if c <= 256 else np.uint16)
        if codes.dtype != narrowest:
            raise RefcompressError("codes", f"must be {narrowest.name} for a codebook of {c}, not {codes.dtype.name}")
        if codes.size and codes.max() >= c:  # the maximum first: it needs no array of booleans as large as the codes
            arguments.each(codes, "codes", codes < c, f"must be below the codebook's length {c}")
        self._set("codes", codes)
        self._set("codebook", codebook)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    @property
    def pruned(self) -> bool:
        """Whether code 0 is the value +0.0, bit for bit."""
        return len(self.codebook) > 0 and self.codebook[:1].view(np.uint32)[0] == 0

    @property
    def product(self) -> str | None:
        return "csr_matmul" if self.pruned else None

    def operand(self, operation: Callable[[str], Callable]) -> Format:
        """Return the CSR of the weights whose code is not 0; an unpruned matrix as it is."""
        return operation("csr_from_dense")(self.dense(), mask=self.codes != 0) if self.pruned else self

    def dense(self) -> np.ndarray:
        """Return the float32 array codebook[codes]."""
        return self.codebook[self.codes] if self.codes.size else np.zeros(self.shape, dtype=np.float32)

    def describe(self) -> str:
        if not self.pruned:
            return f"shared, {len(self.codebook)} values"
        kept = np.count_nonzero(self.codes) / max(self.codes.size, 1)
        return f"shared, {len(self.codebook) - 1} values and zero, {kept:.1%} kept"
