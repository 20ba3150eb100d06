"""Calls at the edges of each operation: long lengths, each option at its ends, values beside ties."""

from collections.abc import Callable, Mapping

from ..cases import Calls

EDGES: Mapping[str, tuple[Callable[[], Calls], ...]] = {}
