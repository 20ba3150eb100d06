"""What all formats share."""

from dataclasses import fields

import numpy as np

from .. import arguments


class Format:
    """What all formats share: the sum of their arrays' bytes."""

    @property
    def nbytes(self) -> int:
        values = (getattr(self, field.name) for field in fields(self))
        return sum(v.nbytes for v in values if hasattr(v, "nbytes"))

    def _set(self, name: str, value) -> None:
        object.__setattr__(self, name, arguments.frozen(value) if isinstance(value, np.ndarray) else value)
