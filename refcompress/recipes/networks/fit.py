"""Round the matrices of one layer: by a method, and where that is worse than rounding to nearest, by the next."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ... import arguments
from ...constants import LARGEST64
from ...formats import Packed, Quantized
from ...graph.use import Use
from ...reference.quantize import quantize_nearest  # of one form
from ...reference.quantize.layer import exact_weight, nearest
from .moments import Moments

__all__ = ["METHODS", "Fit", "Settings", "fit_matrices", "rounded", "stored"]

METHODS = ("nearest", "gptq", "adaround", "awq", "smooth")
TARGETS = ("network", "layer")
DEAD = "calibration never reached it: all its inputs were 0; rounded to nearest"


@dataclass(frozen=True)
class Settings:
    """How a layer is quantized; quantize_network says what each means."""

    method: str = "gptq"
    bits: int = 8
    group: int | None = None
    scheme: str = "symmetric"
    clip: bool = False
    correct_bias: bool = False
    target: str = "network"
    damping: float = 0.01
    iterations: int = 1000
    alpha: float = 0.5
    steps: int = 20

    def __post_init__(self):
        group = self.group if self.group is None else arguments.integer(self.group, "group", 1)
        arguments.settle(
            self, method=arguments.choice(self.method, "method", METHODS),
            bits=arguments.integer(self.bits, "bits", 2, 8), group=group,
            scheme=arguments.choice(self.scheme, "scheme", ("symmetric", "affine")),
            clip=arguments.boolean(self.clip, "clip"),
            correct_bias=arguments.boolean(self.correct_bias, "correct_bias"),
            target=arguments.choice(self.target, "target", TARGETS),
            damping=arguments.real(self.damping, "damping", 0, LARGEST64),
            iterations=arguments.integer(self.iterations, "iterations", 0),
            alpha=arguments.real(self.alpha, "alpha", 0, 1), steps=arguments.integer(self.steps, "steps", 1))


@dataclass(frozen=True, eq=False)
class Fit:
    """The matrices of a layer as one Quantized (outputs, k), their errors by output, and what was done.

    change : (g, m, k) float64, the exact difference of the weights. before : the error of rounding to nearest.
    """

    weight: Quantized
    change: np.ndarray
    before: float
    after: float
    method: str
    note: str = ""


def fit_matrices(matrices: np.ndarray, moments: Moments, settings: Settings, use: Use) -> Fit:
    """Return the fit of a layer's matrices (g, m, k): the first trial that is no worse than rounding to nearest."""
    simple = rounded(matrices, settings)
    change = change_of(simple, matrices)
    before = float(moments.error(change).sum())
    plain = Fit(simple, change, before, before, "nearest")
    if moments.dead:
        return replace(plain, note=DEAD)
    worse: list[str] = []
    for said, trial in trials(matrices, moments, settings, use):
        weight = trial()
        change = change_of(weight, matrices)
        after = float(moments.error(change).sum())
        if after <= before:
            return Fit(weight, change, before, after, said, fell_back(worse, "nearest", said))
        worse.append(f"{said} left {after:.4g}")
    return replace(plain, note=fell_back(worse, "nearest", "nearest"))


def fell_back(worse: list[str], simple: str, said: str) -> str:
    """Return what to say of trials that left more than the simple method, for what was taken in the end."""
    return f"{' and '.join(worse)}, more than {simple}; so {said}" if worse else ""


def trials(matrices: np.ndarray, moments: Moments, settings: Settings, use: Use) -> Iterator[tuple[str, Callable]]:
    """Yield what to try, best first, each with its name: aimed at the network's output, at the layer's, unclipped."""
    method = settings.method if settings.method in ("gptq", "adaround") else "nearest"
    aimed = []
    if settings.target == "network" and method != "nearest" and moments.ridge < math.inf:
        aimed.append((f"{method} towards the network's output", moments.target(matrices, moments.ridge)))
    aimed.append((method, matrices))
    for said, wanted in aimed:
        for clip in ((True, False) if settings.clip else (False,)):
            if clip or method != "nearest":
                name = f"{said}, clipped" if clip else said
                yield name, lambda wanted=wanted, clip=clip: _fitted(method, wanted, moments, settings, clip, use)


def _fitted(method: str, wanted: np.ndarray, moments: Moments, settings: Settings, clip: bool, use: Use) -> Quantized:
    """Return the matrices rounded by a method, group by group."""
    grid: dict = {"bits": settings.bits, "scheme": settings.scheme, "group": settings.group}
    found = []
    for w, h in zip(wanted, moments.hessian):
        options: dict = dict(grid)
        if clip:
            narrow = use("quantize_clip")(w, h, **grid).weight
            options |= {"scale": narrow.scale, "zero_point": narrow.zero_point}
        if method == "gptq":
            found.append(use("quantize_gptq")(w, h, damping=settings.damping, **options).weight)
        elif method == "adaround":
            found.append(use("quantize_adaround")(w, h, iterations=settings.iterations, **options).weight)
        else:
            found.append(quantize_nearest(w, h, **options).weight)
    return joined(found)


def rounded(matrices: np.ndarray, settings: Settings) -> Quantized:
    """Return matrices (g, m, k) rounded to nearest, as one Quantized (g m, k)."""
    return nearest(matrices.reshape(-1, matrices.shape[-1]), settings.bits, settings.scheme, 0, settings.group)


def joined(parts: list[Quantized]) -> Quantized:
    """Return the rows of several Quantized, one below the other."""
    return Quantized(np.concatenate([q.values for q in parts]), np.concatenate([q.scale for q in parts]),
                     np.concatenate([q.zero_point for q in parts]), parts[0].group)


def change_of(weight: Quantized, matrices: np.ndarray) -> np.ndarray:
    """Return the exact difference (g, m, k) between what a Quantized stands for and the matrices."""
    return exact_weight(weight).reshape(matrices.shape) - matrices


def stored(weight: Quantized, shape: tuple[int, ...], bits: int, use: Use) -> Quantized | Packed:
    """Return the rows of a weight in its own shape, in the narrowest format: bytes for 8 bits, packed bits below."""
    ones = (1,) * (len(shape) - 2) if weight.group is None else ()  # a scale an output has as many axes as the weight
    scale, zero_point = (a.reshape(*a.shape, *ones) for a in (weight.scale, weight.zero_point))
    whole = Quantized(weight.values.reshape(shape), scale, zero_point, weight.group)
    return whole if bits == 8 else use("quantize_pack")(whole, bits=bits)
