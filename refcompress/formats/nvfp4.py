"""NVFP4: blocks of 16 numbers of 4 bits, whose scales of 8 bits share one scale of 32."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .base import Format, block_shape, in_segments, matrix_shape
from .floats import FLOATS, codes_below

NVFP4_BLOCK = 16
NVFP4_ELEMENT, NVFP4_SCALE = FLOATS["fp4_e2m1"], FLOATS["fp8_e4m3"]


@dataclass(frozen=True, eq=False, repr=False)
class NVFP4(Format):
    """Elements of fp4_e2m1 in blocks of 16 that share a scale of fp8_e4m3; all blocks share one of float32.

    value = element * (block scale * tensor scale), each product rounded to float32.

    codes : any shape of at least one dimension, uint8 codes of fp4_e2m1. scales : uint8, codes of fp8_e4m3 that are
    neither negative nor NaN, one for each block. tensor_scale : float32 of shape (), positive, finite. Blocks lie in
    rows as the groups of :class:`Quantized` do. Scales have the dimensions of the matrix of these rows; their last size
    is ceil(size of a row / 16).
    """

    codes: np.ndarray
    scales: np.ndarray
    tensor_scale: np.ndarray | np.floating

    product = "gemm_f32nvfp4"

    def __post_init__(self):
        codes = codes_below(arguments.array(self.codes, "codes", np.uint8), 4)
        scales = arguments.array(self.scales, "scales", np.uint8)
        arguments.each(scales, "scales", scales <= NVFP4_SCALE.largest, "must be a code of 0 to 448: 0 to 126")
        if codes.ndim == 0:
            raise RefcompressError("codes", "must have at least one dimension")
        wanted = block_shape(matrix_shape(codes.shape), NVFP4_BLOCK)
        if scales.shape != wanted:
            raise RefcompressError("scales", f"must have the shape {wanted}, not {scales.shape}")
        of_all = arguments.finite(arguments.array(self.tensor_scale, "tensor_scale", np.float32, ndim=0),
                                  "tensor_scale")
        arguments.each(of_all, "tensor_scale", of_all > 0, "must be positive")
        self._set("codes", codes)
        self._set("scales", scales)
        self._set("tensor_scale", of_all)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of codes."""
        return self.codes.shape

    @property
    def block_scales(self) -> np.ndarray:
        """The float32 scale of each block: that of the block times that of the tensor, rounded once."""
        with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
            return NVFP4_SCALE.values(self.scales) * self.tensor_scale

    def dense(self) -> np.ndarray:
        """Return float32 element * (block scale * tensor scale), each product rounded; infinite beyond float32."""
        values = NVFP4_ELEMENT.values(self.codes)
        part, scales = in_segments(values, self.block_scales, NVFP4_BLOCK)
        with np.errstate(all="ignore"):
            part *= scales
        return values

    def describe(self) -> str:
        return f"nvfp4, blocks of {NVFP4_BLOCK}"
