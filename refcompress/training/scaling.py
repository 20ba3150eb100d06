"""Loss scaling: gradients multiplied on their way through a narrow format, so that small ones are not rounded to
zero."""

from collections.abc import Mapping

import numpy as np

from .. import arguments
from ..constants import LARGEST, SMALLEST_NORMAL
from ..errors import RefcompressError
from .optimizers import Optimizer


class LossScaler:
    """The factor of the loss, static or dynamic: larger after many good steps in a row, smaller after a bad one.

    After each step, if a gradient was infinite or NaN once the scale was taken out:  scale = scale * backoff,  streak =
    0 (and the step is skipped);
    else streak = streak + 1, and when it reaches ``interval``:  scale = scale * growth (unless that overflows), streak
    = 0.

    scale : its first value, float32, at least 2**-126. dynamic : False leaves it as it is (a step that overflows is
        skipped
    all the same); LossScaler(1, dynamic=False) is no scaling. growth : above 1; backoff : between 0 and 1; interval :
    at least 1. Products are computed in float64 and rounded to float32 once. ``skipped`` counts the steps left out.

    Raises RefcompressError from ``update`` where the scale would fall below 2**-126: then no scale helps.

    **Source** Micikevicius et al. 2018 (arXiv 1710.03740), section 3.2; the recurrence and its constants as documented
    for torch.amp.GradScaler. **Departs** GradScaler lets the scale fall to 0, and then multiplies gradients by
    infinity; it looks at gradients before it takes the scale out, so that one which overflows then is stepped along.
    """

    def __init__(self, scale: float = 65536.0, *, dynamic: bool = True, growth: float = 2.0, backoff: float = 0.5,
                 interval: int = 2000):
        self.scale = float(np.float32(arguments.real(scale, "scale", SMALLEST_NORMAL, LARGEST)))
        self.growth = arguments.real(growth, "growth", float(np.nextafter(1, 2)), LARGEST)
        self.backoff = arguments.real(backoff, "backoff", SMALLEST_NORMAL, float(np.nextafter(1, 0)))
        self.interval = arguments.integer(interval, "interval", 1)
        self.dynamic = arguments.boolean(dynamic, "dynamic")
        self.streak = self.skipped = 0

    def unscale(self, gradients: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
        """Return the gradients (float32) times the float32 nearest to 1 / scale, and whether all of these are finite.

        A product is not finite where the gradient was not, and where it leaves float32, which only a scale below 1 can
        do.
        """
        inverse = np.float32(1 / self.scale)
        with np.errstate(over="ignore", invalid="ignore"):
            unscaled = {name: g * inverse for name, g in gradients.items()}
        return unscaled, all(bool(np.isfinite(g).all()) for g in unscaled.values())

    def update(self, finite: bool) -> None:
        """Move on by one step, whose gradients were all finite, or not."""
        self.skipped += not finite
        if not self.dynamic:
            return
        if not finite:
            smaller = float(np.float32(self.scale * self.backoff))
            if smaller < SMALLEST_NORMAL:
                raise RefcompressError("gradients", f"are not finite even at a loss scale of {self.scale:g}")
            self.scale, self.streak = smaller, 0
            return
        self.streak += 1
        if self.streak == self.interval:
            with np.errstate(over="ignore"):
                larger = float(np.float32(self.scale * self.growth))
            self.scale, self.streak = larger if larger <= LARGEST else self.scale, 0


class Scaled:
    """An optimizer behind a scaler: it is given unscaled gradients, or, where one of them is not finite, skipped."""

    def __init__(self, optimizer: Optimizer, scaler: LossScaler):
        self.optimizer, self.scaler = optimizer, scaler

    @property
    def learning_rate(self) -> float:
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.optimizer.learning_rate = value

    def step(self, parameters: Mapping[str, np.ndarray], gradients: Mapping[str, np.ndarray]) -> bool:
        """Unscale, step unless a gradient is infinite or NaN then, let the scaler move on; return whether there was
        a step."""
        unscaled, finite = self.scaler.unscale(gradients)
        if finite:
            self.optimizer.step(parameters, unscaled)
        self.scaler.update(finite)
        return finite
