"""A layer of few bits: its weights, and what else its output needs."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..constants import LARGEST, SMALLEST_NORMAL
from ..errors import ArgumentTypeError, RefcompressError
from .base import Format
from .packed import Packed
from .quantized import Quantized


@dataclass(frozen=True, eq=False, repr=False)
class QuantizedLayer(Format):
    """A quantized layer y = round(x / input_scale) @ weight.T + bias: all that a LayerFit computes with.

    weight : Quantized or Packed, (m, k). input_scale : None or float32 (k,), finite and above 0; the inputs are divided
    by it. input_bits : None (the inputs stay float32) or 2 to 8; the inputs are rounded symmetrically to so many bits.
    input_step : their scale, a number of float32, at least 2**-126; None for one scale a row of inputs, from the row's
    largest magnitude. Without input_bits it is None. bias : None or float32 (m,), finite.
    """

    weight: Quantized | Packed
    input_scale: np.ndarray | None = None
    input_bits: int | None = None
    input_step: float | None = None
    bias: np.ndarray | None = None

    def __post_init__(self):
        if not isinstance(self.weight, Quantized | Packed):
            raise ArgumentTypeError("weight", f"must be a Quantized or a Packed, not {type(self.weight).__name__}")
        if len(self.weight.shape) != 2:
            raise RefcompressError("weight", f"must have 2 dimensions, not {len(self.weight.shape)}")
        for name, axis, what in (("input_scale", 1, "inputs"), ("bias", 0, "outputs")):
            if getattr(self, name) is not None:
                a = arguments.array(getattr(self, name), name, np.float32, ndim=1)
                size = self.weight.shape[axis]
                if len(a) != size:
                    raise RefcompressError(name, f"must have one entry for each of the {size} {what} of the weight, "
                                                 f"not {len(a)}")
                self._set(name, arguments.finite(a, name))
        if self.input_scale is not None:
            arguments.each(self.input_scale, "input_scale", self.input_scale > 0, "must be above 0")
        if self.input_bits is not None:
            self._set("input_bits", arguments.integer(self.input_bits, "input_bits", 2, 8))
        if self.input_step is not None:
            if self.input_bits is None:
                raise RefcompressError("input_step", "must be None for inputs that are not rounded")
            step = arguments.real(self.input_step, "input_step", float(SMALLEST_NORMAL), float(LARGEST))
            if float(np.float32(step)) != step:
                raise RefcompressError("input_step", f"must be a number of float32, not {step!r}")
            self._set("input_step", step)

    @classmethod
    def of(cls, fit, weight: Quantized | Packed | None = None) -> "QuantizedLayer":
        """Return what a LayerFit computes with; ``weight`` in place of its own, such as the same in packed bits."""
        return cls(fit.weight if weight is None else weight, fit.input_scale, fit.input_bits, fit.input_step, fit.bias)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.weight.shape

    def dense(self) -> np.ndarray:
        """Return the (m, k) float32 matrix by which inputs of float32 are multiplied: the weight over the input scale.

        The bias is not in it, nor the rounding of the inputs.
        """
        with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
            return self.weight.dense() if self.input_scale is None else self.weight.dense() / self.input_scale

    def describe(self) -> str:
        inputs = [] if self.input_scale is None else ["inputs scaled"]
        inputs += [] if self.input_bits is None else [f"inputs of {self.input_bits} bits"]
        return ", ".join(["layer", self.weight.describe(), *inputs, *(["bias"] if self.bias is not None else [])])
