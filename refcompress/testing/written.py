"""Encoders for the inputs of decoders: our kernels in C where they are built, for they write the reference's bytes."""

from collections.abc import Callable

from .. import reference
from ..errors import NotBuilt


def written(op: str) -> Callable:
    """Return the encoder of that name: the one in C if there is one here, for the reference takes long."""
    try:
        from .. import native
    except (ImportError, NotBuilt):
        return getattr(reference, op)
    return getattr(native, op, None) or getattr(reference, op)
