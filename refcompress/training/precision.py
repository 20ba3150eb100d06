"""Automatic mixed precision: what a policy names is computed in a narrow format, around float32 master weights.

The arithmetic is honest and the storage is not: a value of float16 or bfloat16 is kept in a float32 array, but every
operation that the policy names takes its inputs rounded to the format, sums in float32 and rounds its result, as the
matrix units of processors with these formats do. So training here loses what training there loses.

    low = Autocast(network, scaler=LossScaler())                  # forward, backward and parameters of a Network
    fit(low, inputs, labels, optimizer=Scaled(Adam(), low.scaler), ...)   # network has the master weights, trained
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .layers import Layer
from .network import Network
from .quantized import QuantizedInputs
from .scaling import LossScaler

SMALLEST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126}
LAYERS = {"Dense", "Convolution", "ReLU", "Tanh", "Dropout", "MaxPool", "Reshape"}
LARGEST_FLOAT16 = np.float32(65504)


def rounded(x: np.ndarray, format: str) -> np.ndarray:
    """Return float32 ``x`` rounded to "float16", "bfloat16" or "float32" (as it is), in a float32 array.

    Halves go to even; what is too large becomes infinite, what is too small zero, by IEEE 754 (bfloat16 is the upper
    half of a float32). NaN stays NaN.

    >>> rounded(np.float32([1 + 2**-8, 1 + 3 * 2**-8, 65520, 2**-25]), "bfloat16").tolist()
    [1.0, 1.015625, 65536.0, 2.9802322387695312e-08]
    >>> rounded(np.float32([1 + 2**-8, 1 + 3 * 2**-8, 65520, 2**-25]), "float16").tolist()
    [1.00390625, 1.01171875, inf, 0.0]
    """
    if format == "float32":
        return x
    if format == "float16":
        return _float16(x)
    bits = x.view(np.uint32)
    half = bits + np.uint32(0x7FFF) + (bits >> 16 & np.uint32(1))  # a carry out of the fraction is the next exponent
    return np.where(np.isnan(x), bits | np.uint32(0x400000), half & np.uint32(0xFFFF0000)).view(np.float32)


def _float16(x: np.ndarray) -> np.ndarray:
    """Round to float16 by one sum: NumPy's own conversion takes 20 times as long where the results are subnormal."""
    # c is 3/2 of a power of two, and its last place the last place that x has in float16 (2**-24 below 2**-14), so that
    # x + c is rounded there, ties to even, and minus c is exact.
    exponent = np.clip(x.view(np.uint32) & np.uint32(0x7F800000), np.uint32(113 << 23), np.uint32(143 << 23))
    c = (exponent + np.uint32(13 << 23 | 1 << 22)).view(np.float32)
    with np.errstate(invalid="ignore"):  # a signalling NaN
        y = x + c
    y -= c
    np.copysign(y, x, out=y)
    over = np.abs(y) > LARGEST_FLOAT16
    if over.any():
        y[over] = np.copysign(np.float32(np.inf), y[over])
    return y


@dataclass(frozen=True)
class Policy:
    """Which layers compute in the narrow format and which in float32, by the names of their classes or of a base of
    these.

    format : "float16", "bfloat16" or "float32". low : layers whose inputs and parameters are rounded to the format, and
    whose outputs and gradients are. full : layers that compute in float32. Every other layer follows: it computes in
    the format that its input comes in. The loss is always computed in float32 (its exponentials and sums leave
    float16).

    **Source** Micikevicius et al. 2018 (arXiv 1710.03740), sections 3.1 and 3.3: products in half precision, sums of
    products in float32; the three kinds of operations are those of torch.autocast. **Departs** nothing.
    """

    format: str = "float16"
    low: Iterable[str] = frozenset({"Dense", "Convolution"})
    full: Iterable[str] = frozenset()

    def __post_init__(self):
        arguments.choice(self.format, "format", SMALLEST_NORMAL)
        for name in ("low", "full"):
            object.__setattr__(self, name, frozenset(getattr(self, name)))
        if self.low & self.full:
            raise RefcompressError(
                "full", f"must not name what low names too: {', '.join(sorted(self.low & self.full))}"
            )

    def of(self, layer: Layer, incoming: str) -> str:
        """Return the format that ``layer`` computes in, given that of its input."""
        for kind in type(layer).__mro__:  # the class itself before its bases
            if kind.__name__ in self.low or kind.__name__ in self.full:
                return self.format if kind.__name__ in self.low else "float32"
        return incoming


@dataclass
class Underflow:
    """What became of the values of one tensor of gradients, over all backward passes, when they were rounded.

    values : not zero before. zeroed, subnormal, overflowed : rounded to zero, to a subnormal number (fewer bits), to
    infinity. zeroed_unscaled, subnormal_unscaled : the same values divided by the loss scale first, as if it were 1.
    """

    values: int = 0
    zeroed: int = 0
    subnormal: int = 0
    overflowed: int = 0
    zeroed_unscaled: int = 0
    subnormal_unscaled: int = 0

    def add(self, x: np.ndarray, low: np.ndarray, format: str, scale: float) -> None:
        there = x != 0
        self.values += int(np.count_nonzero(there))
        self.overflowed += int(np.count_nonzero(np.isinf(low) & np.isfinite(x)))
        for suffix, y in (("", low), ("_unscaled", rounded(x / np.float32(scale), format))):
            size = np.abs(y)
            for name, few in (("zeroed", size == 0), ("subnormal", (size > 0) & (size < SMALLEST_NORMAL[format]))):
                setattr(self, name + suffix, getattr(self, name + suffix) + int(np.count_nonzero(few & there)))


class Mixed:
    """What both kinds of autocast share: master weights, a scaler, and what rounding does to gradients."""

    def __init__(self, network, policy: Policy, scaler: LossScaler | None, watch: bool):
        for name, p in network.parameters.items():
            if p.dtype != np.float32:
                raise RefcompressError(f"network.parameters[{name!r}]", f"must be of dtype float32, not {p.dtype.name}")
        self.network, self.policy, self.watch = network, policy, watch
        self.scaler = scaler or LossScaler(1, dynamic=False)
        self.gradient_scale = self.scaler.scale
        self.underflow: dict[str, Underflow] = {}

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The float32 master weights themselves, by name."""
        return self.network.parameters

    def assign(self, values: Mapping[str, np.ndarray]) -> None:
        """Copy ``values`` into the master weights."""
        self.network.assign(values)

    def _gradient(self, name: str, x: np.ndarray, format: str) -> np.ndarray:
        low = rounded(x, format)
        if self.watch and format != "float32":
            self.underflow.setdefault(name, Underflow()).add(x, low, format, self.scaler.scale)
        return low


class Autocast(Mixed):
    """A network that computes as a policy says; ``network`` keeps the float32 master weights, and optimizers change
    those.

    Forward, each layer of the policy's ``low`` gets its input and its parameters rounded, and its output (the product,
    in float32, with the bias) rounded once. Backward, the gradient that comes in, multiplied by the scaler's scale, and
    each layer's gradients are rounded the same way. ``gradients`` are still scaled: ``Scaled`` takes the factor out in
    float32.

    network : float32, without QuantizedInputs: what such a layer sets while it computes would be set in the copy alone.
        A name in
    the policy that is that of no layer of this library, and of none of the network's, is refused. scaler : by default
    no scaling. watch : whether to count, in ``underflow`` (name → Underflow), what rounding does to gradients: "loss"
    is the gradient of the last output, "fc1.input" what layer fc1 hands back.

    Without underflow or overflow a scale that is a power of two changes no bit of training.

    **Source** Micikevicius et al. 2018 (arXiv 1710.03740), section 3. **Departs** the bias joins the sum before it is
    rounded, as fused kernels do; of a convolution, so do the gradients that the patches send to one pixel. Cost: that
    of the network, and of rounding every weight, activation and gradient.
    """

    def __init__(self, network: Network, *, policy: Policy = Policy(), scaler: LossScaler | None = None,
                 watch: bool = False):
        super().__init__(network, policy, scaler, watch)
        for name, layer in network.layers.items():
            if isinstance(layer, QuantizedInputs):
                raise RefcompressError(
                    f"network.layers[{name!r}]", "must not be QuantizedInputs: its step would not be trained"
                )
        known = {kind.__name__ for layer in network.layers.values() for kind in type(layer).__mro__} | LAYERS
        for name in ("low", "full"):
            strange = sorted(getattr(policy, name) - known)
            if strange:
                raise RefcompressError(f"policy.{name}", f"names {strange[0]!r}, of which the network has no layer")
        self._low = network.copy()
        self._formats: dict[str, str] = {}

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """The gradients of the last ``backward``, times the scale, by the name of their parameter."""
        return self._low.gradients

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the output for the (n, k) float32 inputs, in the policy's arithmetic; with ``rng`` as in training."""
        format = "float32"
        for name, layer in self._low.layers.items():
            masters = self.network.layers[name].parameters
            format = self._formats[name] = self.policy.of(layer, format)
            for p, low in layer.parameters.items():
                low[...] = rounded(masters[p], format)
            x = rounded(layer.forward(rounded(x, format), rng), format)
        return x

    def backward(self, dy: np.ndarray) -> None:
        """Fill ``gradients`` from the gradient ``dy`` of the loss, before scaling, with respect to the last output."""
        layers = list(self._low.layers.items())
        self.gradient_scale = self.scaler.scale  # of these gradients; after the step the scaler may have another
        dy = self._gradient("loss", dy * np.float32(self.gradient_scale), self._formats[layers[-1][0]])
        first = next((i for i, (_, layer) in enumerate(layers) if layer.parameters), len(layers))
        for i in range(len(layers) - 1, first - 1, -1):
            name, layer = layers[i]
            dx = layer.backward(rounded(dy, self._formats[name]), input_gradient=i > first)
            for p, g in layer.gradients.items():
                g[...] = self._gradient(f"{name}.{p}", g, self._formats[name])
            if dx is not None:
                dy = self._gradient(f"{name}.input", dx, self._formats[name])
