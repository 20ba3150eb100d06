"""The options that schemes take: their types and limits, checked once, wherever they were written.

A recipe in TOML, ``--set`` and the arguments of Python all come through here, so that an option means the same in each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from ..reference.share.kmeans import INITS

__all__ = ["OPTIONS", "Option", "checked_options"]


@dataclass(frozen=True)
class Option:
    """One option: its type in JSON Schema's words, its limits or its choices, and what it means."""

    type: str  # "integer", "number", "boolean" or "string"
    text: str
    low: float = 0
    high: float = 2**31
    choices: tuple[str, ...] | None = None

    def checked(self, value: Any, where: str) -> Any:
        """Return the value as Python's own number, bool or string; refuse another type, or one beyond the limits."""
        if self.type == "boolean":
            return arguments.boolean(value, where)
        if self.choices is not None:
            return arguments.choice(value, where, self.choices)
        if self.type == "integer":
            return arguments.integer(value, where, int(self.low), int(self.high))
        return arguments.real(value, where, self.low, self.high)


OPTIONS: dict[str, Option] = {
    "group": Option("integer", "weights of an output that share a scale", 1),
    "block": Option("integer", "weights of an output that share a scale", 1),
    "grid": Option("string", "the range of the integers: of the largest magnitude, or of the weights",
                   choices=("symmetric", "affine")),
    "axis": Option("integer", "the axis of the outputs; negative ones count from the end", -64, 63),
    "bits": Option("integer", "2**bits values are shared", 1, 16),
    "sparsity": Option("number", "the share of the weights to prune", 0.0, 1.0),
    "init": Option("string", "where Lloyd's k-means starts, in place of the exact one", choices=INITS),
    "seed": Option("integer", "of the start 'random'", 0),
    "contexts": Option("boolean", "whether the range coder may code the values, where that is smaller"),
    "n": Option("integer", "of each m consecutive weights of an output, n are kept", 0),
    "m": Option("integer", "of each m consecutive weights of an output, n are kept", 1),
    "wide": Option("number", "the share of the outputs that get 16 bits", 0.0, 1.0),
    "energy": Option("number", "the share of the squared weights that is kept", 0.0, 1.0),
    "rank": Option("integer", "the rank", 0),
}


def checked_options(scheme: str, uses: tuple[str, ...], options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the options of a scheme, checked, in the order of OPTIONS; refuse one that the scheme does not use."""
    if not isinstance(options, Mapping):
        raise ArgumentTypeError(where, f"options must be a table, not {type(options).__name__}")
    for name in options:
        if name not in uses:
            has = f"{scheme} takes {', '.join(uses)}" if uses else f"{scheme} takes none"
            raise RefcompressError(f"{where}, option {name!r}", f"is not used by {scheme}: {has}; leave it out")
    checked = {name: option.checked(options[name], f"{where}, option {name!r}")
               for name, option in OPTIONS.items() if name in options}
    if "seed" in checked and checked.get("init") != "random":
        raise RefcompressError(f"{where}, option 'seed'", "changes something with init = 'random' alone")
    if "rank" in checked and "energy" in checked:
        raise RefcompressError(f"{where}, option 'rank'", "must not stand beside energy; leave one of them out")
    if checked.get("energy") == 0:
        raise RefcompressError(f"{where}, option 'energy'", "must be above 0")
    if checked.get("n", 2) > checked.get("m", 4):
        raise RefcompressError(f"{where}, option 'n'", f"must be at most m = {checked.get('m', 4)}, not {checked['n']}")
    return checked
