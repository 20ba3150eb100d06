"""The cases of the nn family."""

from ..cases import Cases

CASES: dict[str, Cases] = {}
