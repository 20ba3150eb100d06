"""The range of each value of a network, from what it computes of calibration inputs."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Node
from ...reference import quantize_range_kl, quantize_range_mse, quantize_range_percentile
from ..model import Model
from ..run import checked_inputs, run
from ..use import Use

__all__ = ["RANGES", "Batch", "Observed", "batches", "observe"]

RANGES = ("minmax", "percentile", "mse", "kl")
SAMPLE = 2**18  # elements of a value that are kept, at least, where a range needs more than the ends
Batch = np.ndarray | Mapping[str, np.ndarray]


class Observed:
    """What was seen of one value: its ends, exact, and, where it is wanted, a sample spread evenly over all of it."""

    def __init__(self, sampled: bool):
        self.low, self.high = 0.0, 0.0
        self.count = 0
        self.finite = True
        self._sampled, self._step = sampled, 1
        self._parts: list[np.ndarray] = []
        self._kept = 0

    def see(self, x: np.ndarray) -> None:
        """Take a batch's value into account."""
        self.count += x.size
        if not x.size or not self.finite:
            return
        low, high = float(x.min()), float(x.max())
        self.finite = bool(np.isfinite(low) and np.isfinite(high))
        self.low, self.high = min(self.low, low), max(self.high, high)
        if self._sampled and self.finite:
            part = x.reshape(-1)[:: self._step].copy()
            self._parts.append(part)
            self._kept += part.size
            while self._kept >= 2 * SAMPLE:  # every second element of all that was kept, and of what is to come
                self._step *= 2
                self._parts = [np.concatenate(self._parts)[::2].copy()]
                self._kept = self._parts[0].size

    def range(self, rule: str, percentile: float, scheme: str) -> tuple[float, float]:
        """Return the range by one of RANGES; zero is inside."""
        if rule == "minmax" or self.low == self.high:
            return self.low, self.high
        x = np.concatenate(self._parts)
        if rule == "percentile":
            ends = quantize_range_percentile(x, percentile=percentile)
        elif rule == "mse":
            ends = quantize_range_mse(x, scheme=scheme)
        else:
            ends = quantize_range_kl(x)
        return ends[0].item(), ends[1].item()


def observe(model: Model, calibration: Batch | Iterable[Batch], names: Collection[str], *, sampled: bool,
            implementation: Any) -> dict[str, Observed]:
    """Run a network over calibration inputs, batch by batch, and return what was seen of the values of these names.

    calibration : what the network is run on: an array (where it has one input) or arrays by name, or an iterable of
    them, of which one at a time is in memory. sampled : whether more than the ends is wanted.

    Refused, by the number of the batch: inputs of another dtype or shape, empty or with NaN or infinity, a value that
    becomes NaN; no batch at all.
    """
    found = {name: Observed(sampled) for name in names}
    count = 0
    for i, batch in enumerate(batches(calibration)):
        where = f"calibration[{i}]"
        try:
            inputs, _ = checked_inputs(model.graph, batch)
        except RefcompressError as error:
            raise type(error)(where, str(error)) from None
        for name, x in inputs.items():
            if not x.size:
                raise RefcompressError(f"{where}[{name!r}]", f"must not be empty, and has the shape {x.shape}")
            if x.dtype.kind == "f":
                arguments.finite(x, f"{where}[{name!r}]")
        _run(model, inputs, found, Use(implementation), where)
        count += 1
    if not count:
        raise RefcompressError("calibration", "must have at least one batch")
    return found


def _run(model: Model, inputs: dict[str, np.ndarray], found: dict[str, Observed], use: Use, where: str) -> None:
    def watch(node: Node, values: tuple[np.ndarray, ...]) -> None:
        for name, value in zip(node.outputs, values):
            if name in found:
                if np.isnan(value).any():
                    at = ", ".join(map(str, np.argwhere(np.isnan(value))[0].tolist()))
                    raise RefcompressError(where, f"makes {name}[{at}] NaN, which node {node.name!r} gives")
                found[name].see(value)

    for name, value in inputs.items():
        if name in found:
            found[name].see(value)
    run(model, inputs, use, watch=watch)


def batches(calibration: Batch | Iterable[Batch]) -> Iterable[Batch]:
    """Return the batches that a caller gave, one or many; refuse what is neither."""
    if isinstance(calibration, np.ndarray | Mapping):
        return [calibration]
    if isinstance(calibration, str | bytes) or not isinstance(calibration, Iterable):
        raise ArgumentTypeError("calibration", "must be an array, a mapping of arrays, or an iterable of these, not "
                                               f"{type(calibration).__name__}")
    return calibration
