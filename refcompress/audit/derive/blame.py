"""A refusal says which of the two files is at fault."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import RefcompressError

__all__ = ["of_file"]


@contextmanager
def of_file(argument: str) -> Iterator[None]:
    """Let a refusal of a file inside be one of the argument by which the file came."""
    try:
        yield
    except RefcompressError as error:
        if error.argument not in ("path", "data"):
            raise
        raise type(error)(argument, error.rule) from error
