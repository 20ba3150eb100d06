"""Quantization-aware training: the network computes with weights and activations on a grid, float32 masters learn.

The hooks stand between the network and its optimizer, as those of tuning.py do: the network's weights are always what
``quantized()`` returns, bit for bit, and its gradients go to the masters.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike

from .. import arguments, reference
from ..constants import SMALLEST_NORMAL
from ..errors import RefcompressError
from ..formats import Quantized
from .network import Trainable


class StraightThrough:
    """Weights rounded to symmetric grids that follow their range; the gradient passes as if nothing had been rounded.

    weight = scale * clip(rint(master / scale), -limit, limit),  scale = max|master| / limit,  limit = 2**(bits - 1) -
    1; d loss / d master = d loss / d weight.

    bits : name → 2 to 8, of parameters; those not named train as they are. axis : the channel axis, a scale each; None:
        one
    scale for all; or name → one of these, 0 for names that it lacks (a linear node's transposed weight has its outputs
    along axis 1). The master begins as the weight that is there; the weights are quantized at once. Rounding, scales
    and errors are those of quantize_s8.

    **Source** Bengio, Léonard, Courville 2013 (arXiv 1308.3432) for the straight-through estimator; Jacob et al. 2018
    (arXiv 1712.05877), section 3.1, for the range of the weights at each step. **Departs** the range is symmetric, and
    the weights of a channel may have a scale of their own.
    """

    def __init__(self, network: Trainable, bits: Mapping[str, int], *, axis: int | None | Mapping[str, int | None] = 0):
        self._network, self._weights, self._bits = network, network.parameters, {}
        self._axis = {name: axis.get(name, 0) if isinstance(axis, Mapping) else axis for name in bits}
        if isinstance(axis, Mapping) and (strange := [name for name in axis if name not in bits]):
            raise RefcompressError(f"axis[{strange[0]!r}]", "must be of a parameter that bits names")
        for name, b in bits.items():
            if name not in self._weights:
                raise RefcompressError(f"bits[{name!r}]", f"must be one of {', '.join(self._weights)}")
            self._bits[name] = arguments.integer(b, f"bits[{name!r}]", 2, 8)
            arguments.array(self._weights[name], f"network.parameters[{name!r}]", np.float32)
        self.parameters = {name: w.copy() if name in self._bits else w for name, w in self._weights.items()}
        self._start()
        self.apply()

    def _start(self) -> None:
        """Prepare what has to be before the weights are first quantized."""

    def gradients(self) -> dict[str, np.ndarray]:
        return self._network.gradients

    def apply(self) -> None:
        for name, q in self.quantized().items():
            self._weights[name][...] = q.dense()

    def quantized(self) -> dict[str, Quantized]:
        """Return what the network computes with, by name."""
        return {name: self._quantize(name, bits) for name, bits in self._bits.items()}

    def _quantize(self, name: str, bits: int) -> Quantized:
        w, axis = arguments.finite(self.parameters[name], name), self._axis[name]
        shared = tuple(i for i in range(w.ndim) if axis is None or i != axis % w.ndim)
        wide = np.abs(w).max(axis=shared, keepdims=True).astype(np.float64) / (2 ** (bits - 1) - 1)
        scale = np.where(wide == 0, 1, np.maximum(wide.astype(np.float32), SMALLEST_NORMAL)).astype(np.float32)
        return reference.quantize_s8(w, scale=scale, axis=axis)


class LearnedSteps(StraightThrough):
    """Weights on a grid whose step is learnt with them: LSQ.

    weight = step * rint(clip(master / step, -n, p)),  n = 2**(bits - 1),  p = n - 1;
    d weight / d step = rint(master / step) - master / step inside the grid, -n or p where clipped, and
    d weight / d master = 1 inside, 0 where clipped. The gradient of the step is multiplied by 1 / sqrt(size * p).

    Parameters besides the masters: "<name>.step", (1,) float32, which begins at 2 mean|w| / sqrt(p). bits : as above.
    master / step is a division in float32, halves go to even; the sum over the weights is taken in float64 and rounded
    once.

    **Source** Esser et al. 2020, Learned Step Size Quantization (arXiv 1902.08153); section 2.2 for the factor of the
    step's gradient. **Departs** a step that the optimizer drives below 2**-126 is set to that; one that begins at 0
    (all weights are zero) begins at 1.
    """

    def __init__(self, network: Trainable, bits: Mapping[str, int]):
        super().__init__(network, bits, axis=None)

    def _start(self):
        for name, bits in self._bits.items():
            self.parameters[f"{name}.step"] = first_step(self.parameters[name], 2 ** (bits - 1) - 1)

    def gradients(self) -> dict[str, np.ndarray]:
        gradients = dict(super().gradients())
        for name, bits in self._bits.items():
            high = 2 ** (bits - 1) - 1
            gradients[name], gradients[f"{name}.step"] = through_grid(
                gradients[name], self.parameters[name], self.parameters[f"{name}.step"], -high - 1, high,
                self.parameters[name].size)
        return gradients

    def apply(self) -> None:
        for name in self._bits:
            step = self.parameters[f"{name}.step"]
            np.maximum(step, SMALLEST_NORMAL, out=step)
        super().apply()

    def _quantize(self, name, bits):
        w, step = arguments.finite(self.parameters[name], name), self.parameters[f"{name}.step"]
        high, shape = 2 ** (bits - 1) - 1, (1,) * w.ndim
        with np.errstate(over="ignore"):
            values = np.rint(np.clip(w / step, -high - 1, high)).astype(np.int8)
        return Quantized(values, step.reshape(shape), np.zeros(shape, np.int8))


class QuantizedInputs:
    """A layer that rounds what passes to a grid whose step is learnt: the activations' side of LSQ.

    y = step * rint(clip(x / step, -n, p)); n = 0, p = 2**bits - 1 for what is never negative (behind a ReLU), and
    n = 2**(bits - 1), p = n - 1 if ``signed``. Gradients as in LearnedSteps, with the number of features for the size.
    bits : 2 to 8. The parameter "step", (1,), is 0 until the first batch in training sets it; until then x passes as it
        is.

    **Source** Esser et al. 2020 (arXiv 1902.08153); section 2.2 for the factor. **Departs** as LearnedSteps.
    """

    def __init__(self, bits: int, *, signed: bool = False, dtype: DTypeLike = np.float32):
        bits = arguments.integer(bits, "bits", 2, 8)
        self.low: int = -(2 ** (bits - 1)) if signed else 0
        self.high: int = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
        self.parameters = {"step": np.zeros(1, dtype)}
        self.gradients = {"step": np.zeros(1, dtype)}
        self._x: np.ndarray

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        step, self._x = self.parameters["step"], x
        if step == 0 and rng is not None:
            step[...] = first_step(x, self.high)
        if step == 0:
            return x
        np.maximum(step, SMALLEST_NORMAL, out=step)
        with np.errstate(over="ignore"):
            return np.rint(np.clip(x / step, self.low, self.high)) * step

    def backward(self, dy: np.ndarray, *, input_gradient: bool = True) -> np.ndarray | None:
        step = self.parameters["step"]
        if step == 0:
            self.gradients["step"][...] = 0
            return dy if input_gradient else None
        features = self._x[0].size
        dx, self.gradients["step"][...] = through_grid(dy, self._x, step, self.low, self.high, features)
        return dx if input_gradient else None


def first_step(x: np.ndarray, high: int) -> np.ndarray:
    """Return the step that LSQ begins with, 2 mean|x| / sqrt(high), as (1,) of x's dtype; 1 where all x are zero."""
    step = 2 * np.abs(x).mean(dtype=np.float64) / high**0.5 if x.size else 0.0
    return np.array([max(step, float(SMALLEST_NORMAL)) if step > 0 else 1.0], x.dtype)


def through_grid(dy, x, step, low: int, high: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of x and of step, (1,), from that of step * rint(clip(x / step, low, high)).

    **Source** Esser et al. 2020 (arXiv 1902.08153). The one of the step is divided by sqrt(size * high): its section
    2.2.
    """
    with np.errstate(over="ignore"):
        v = x / step
    inside = (v > low) & (v < high)
    of_step = np.where(inside, np.rint(v) - v, np.clip(v, low, high))
    total = np.sum(dy * of_step, dtype=np.float64) / (size * high) ** 0.5
    return dy * inside, np.array([total], x.dtype)
