"""Weights that share values."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import LimitError, RefcompressError
from .base import Format, block_shape, matrix_shape


@dataclass(frozen=True, eq=False, repr=False)
class Shared(Format):
    """Weights that share values: weight = codebook[code].

    codes : any shape, uint8 (for codebooks of at most 256 values) or uint16. codebook : float32, finite; its last size
    c is at most 65536, and at least 1 where there are codes. group : int or None.

    A codebook (c,) serves all codes. One of the shape (rows, groups, c) has a row of values for each segment of
    ``group`` codes of a row of codes, of which the last may be shorter: groups is ceil(size of a row / group), and 1
    without a group. Codes then have at least two dimensions; rows lie as those of :class:`Quantized` do.

    Where the input was pruned, code 0 is the value +0.0, in every codebook, and stands for the pruned weights.
    """

    codes: np.ndarray
    codebook: np.ndarray
    group: int | None = None

    def __post_init__(self):
        codes = arguments.array(self.codes, "codes", np.uint8, np.uint16)
        codebook = arguments.finite(arguments.array(self.codebook, "codebook", np.float32), "codebook")
        if self.group is not None:
            self._set("group", arguments.integer(self.group, "group", 1))
        self._check_codebooks(codes, codebook)
        c = codebook.shape[-1]
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

    def _check_codebooks(self, codes: np.ndarray, codebook: np.ndarray) -> None:
        if codebook.ndim == 1:
            if self.group is not None:
                raise RefcompressError("group", f"must be None where one codebook serves all, not {self.group}")
            return
        if codebook.ndim != 3:
            raise RefcompressError("codebook", f"must have 1 or 3 dimensions, not {codebook.ndim}")
        if codes.ndim < 2:
            raise RefcompressError("codes", f"must have 2 dimensions or more for codebooks of rows, not {codes.ndim}")
        rows, size = matrix_shape(codes.shape)
        wanted = (rows, 1) if self.group is None else block_shape((rows, size), self.group)
        if codebook.shape[:2] != wanted:
            raise RefcompressError("codebook", f"must have the shape {(*wanted, 'c')}, not {codebook.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    @property
    def pruned(self) -> bool:
        """Whether code 0 is the value +0.0, bit for bit, in every codebook."""
        return self.codebook.size > 0 and not self.codebook[..., 0].view(np.uint32).any()

    @property
    def product(self) -> str | None:
        if self.pruned:
            return "csr_matmul"
        if self.codes.dtype != np.uint8:
            return None
        return "gemm_f32lut4" if self.codebook.shape[-1] <= 16 else "gemm_f32lut8"

    def operand(self, operation: Callable[[str], Callable]) -> Format:
        """Return the CSR of the weights whose code is not 0; an unpruned matrix as it is."""
        return operation("csr_from_dense")(self.dense(), mask=self.codes != 0) if self.pruned else self

    def dense(self) -> np.ndarray:
        """Return the float32 array codebook[codes]: of each segment the values of its own codebook."""
        if self.codes.size == 0:
            return np.zeros(arguments.shape(self.shape, "codes", itemsize=4), dtype=np.float32)
        if self.codebook.ndim == 1:
            return self.codebook[self.codes]
        rows, size = matrix_shape(self.shape)
        row, segment = np.arange(rows)[:, None], np.arange(size) // (self.group or size)
        return self.codebook[row, segment, self.codes.reshape(rows, size)].reshape(self.shape)

    def describe(self) -> str:
        *books, c = self.codebook.shape
        of = f" in each of {math.prod(books):,} codebooks" if books else ""
        if not self.pruned:
            return f"shared, {c} values{of}"
        kept = np.count_nonzero(self.codes) / max(self.codes.size, 1)
        return f"shared, {c - 1} values and zero{of}, {kept:.1%} kept"
