"""What the reference says of a call: its result, and whether it takes the call at all."""

from typing import Any

import numpy as np

from .. import reference
from ..errors import RefcompressError

__all__ = ["accepts", "expected_of"]


def expected_of(op: str, args: tuple, kwargs: dict) -> Any:
    """Return the reference's result, whatever ``np.seterr`` says."""
    with np.errstate(all="ignore"):
        return getattr(reference, op)(*args, **kwargs)


def accepts(op: str, args: tuple, kwargs: dict) -> bool:
    """Return whether the reference takes a call."""
    try:
        expected_of(op, args, kwargs)
    except (RefcompressError, TypeError):  # the latter where an option has no default
        return False
    return True
