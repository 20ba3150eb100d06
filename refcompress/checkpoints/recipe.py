"""Recipes: which tensors of a checkpoint become what, as rules of which the last that matches wins.

A recipe is written in TOML, and travels in the file that it made:

    preset = "int8"

    [[rule]]
    match = "*.attn.*"
    scheme = "int4"
    group = 64
"""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from os import PathLike
from typing import Any

from .. import arguments
from ..container import files
from ..errors import ArgumentTypeError, RefcompressError
from .kinds import KINDS, WEIGHTS
from .schemes import SCHEMES, scheme_named

__all__ = ["PRESETS", "Recipe", "Rule", "load", "loads", "rule_of_text"]

SCOPES = ("layer", "global")
MOST_BYTES = 2**24  # of a recipe: a rule for each of a hundred thousand tensors has fewer
TEXT = re.compile(r"(.+?)=([A-Za-z0-9_]+)(?::(.+))?", re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """What the tensors become whose names match.

    match : a name in full, or a pattern as in a shell (*, ?, [...]). scheme : a name in schemes.SCHEMES. options : of
    the scheme. of : the kinds of tensors that the rule takes (kinds.KINDS); None for the default. A pattern takes
    weights and embeddings then, or all kinds where the scheme loses nothing; a name in full takes what it names.
    """

    match: str
    scheme: str
    options: Mapping[str, Any] = field(default_factory=dict)
    of: tuple[str, ...] | None = None

    def __post_init__(self):
        where = f"rule {self.match!r}"
        if not isinstance(self.match, str):
            raise ArgumentTypeError("rule, match", f"must be a string, not {type(self.match).__name__}")
        if not self.match:
            raise RefcompressError("rule, match", "must not be empty; * matches every name")
        scheme = scheme_named(self.scheme, f"{where}, scheme")
        of = self.of
        if of is not None:
            if isinstance(of, str) or not isinstance(of, Iterable):
                raise ArgumentTypeError(f"{where}, of", "must be a list of kinds")
            of = tuple(arguments.choice(kind, f"{where}, of", KINDS) for kind in of)
        arguments.settle(self, scheme=scheme.name, of=of, options=scheme.checked(self.options, where))

    def matches(self, name: str) -> bool:
        return name == self.match or fnmatchcase(name, self.match)

    def takes(self, name: str, kind: str) -> bool:
        """Return whether the rule is one for the tensor of that name and kind."""
        if not self.matches(name):
            return False
        if self.of is not None:
            return kind in self.of
        return name == self.match or kind in WEIGHTS or SCHEMES[self.scheme].exact

    def said(self) -> str:
        """Return the rule as one would type it after --set."""
        options = [f"{name}={_value(value).strip(chr(34))}" for name, value in self.options.items()]
        if self.of is not None:
            options.append(f"of={'+'.join(self.of)}")
        return f"{self.match}={self.scheme}" + (":" + ",".join(options) if options else "")


PRESETS: dict[str, tuple[Rule, ...]] = {
    "lossless": (Rule("*", "lossless"),),
    "int8": (Rule("*", "keep"), Rule("*", "int8", {"group": 128}, of=("weights",)),
             Rule("*", "int8", {"group": 64}, of=("embeddings",))),
    "int4": (Rule("*", "keep"), Rule("*", "int4", {"group": 64}, of=("weights",)),
             Rule("*", "int8", {"group": 64}, of=("embeddings",))),
    "deep": (Rule("*", "lossless"), Rule("*", "share", {"bits": 5}, of=("weights",)),
             Rule("*", "share", {"bits": 6}, of=("embeddings",))),
}


@dataclass(frozen=True)
class Recipe:
    """A preset, the rules that come after it, and what is asked of the file as a whole.

    rules : the last one that takes a tensor decides. preset : a name in PRESETS, whose rules come first, or None; a
    tensor that no rule takes is kept as it is. axis : the axis of the outputs, where a rule does not say it (0).
    scope : whether each layer is pruned by itself, or all by one threshold. budget : the most bytes that the file may
    have. max_error : the largest relative error that a tensor may have. With either of the two, tensors that no rule
    takes get the scheme that does it best (budget.py). only : patterns; what none of them matches is kept as it is.
    """

    rules: tuple[Rule, ...] = ()
    preset: str | None = None
    axis: int = 0
    scope: str = "layer"
    budget: int | None = None
    max_error: float | None = None
    only: tuple[str, ...] = ()

    def __post_init__(self):
        for each in self.rules:
            if not isinstance(each, Rule):
                raise ArgumentTypeError("recipe, rules", f"must be of Rule, not {type(each).__name__}")
        if self.preset is not None:
            arguments.choice(self.preset, "recipe, preset", PRESETS)
        chosen = [name for name in ("preset", "budget", "max_error") if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise RefcompressError(f"recipe, {chosen[1]}", f"must not stand beside {chosen[0]}; leave one of them out")
        if isinstance(self.only, str) or not all(isinstance(pattern, str) for pattern in self.only):
            raise ArgumentTypeError("recipe, only", "must be a list of strings")
        if "" in self.only:
            raise RefcompressError("recipe, only", "must have no empty pattern; * matches every name")
        budget, error = self.budget, self.max_error
        arguments.settle(
            self, rules=tuple(self.rules), only=tuple(self.only),
            axis=arguments.integer(self.axis, "recipe, axis", -64, 63),
            scope=arguments.choice(self.scope, "recipe, scope", SCOPES),
            budget=None if budget is None else arguments.integer(budget, "recipe, budget", 1),
            max_error=None if error is None else arguments.real(error, "recipe, max_error", 0, 1e30))

    @classmethod
    def of(cls, recipe: "Recipe | str | bytes | PathLike") -> "Recipe":
        """Return a recipe given as one, by the name of a preset, or by the path of a file."""
        if isinstance(recipe, Recipe):
            return recipe
        if isinstance(recipe, str) and recipe in PRESETS:
            return cls(preset=recipe)
        if not isinstance(recipe, (str, bytes, PathLike)):
            raise ArgumentTypeError("recipe", "must be a Recipe, the name of a preset or the path of a .toml file, not "
                                              f"a {type(recipe).__name__}")
        if isinstance(recipe, str) and not recipe.endswith(".toml"):
            raise RefcompressError("recipe", f"must be one of {', '.join(PRESETS)} or the path of a .toml file, not "
                                             f"{recipe!r}")
        return load(recipe)

    @property
    def chooses(self) -> bool:
        """Whether schemes are chosen by measuring: within a budget, or up to an error."""
        return self.budget is not None or self.max_error is not None

    def all_rules(self) -> tuple[Rule, ...]:
        """Return the rules of the preset, then the recipe's own."""
        first = PRESETS["lossless"] if self.chooses else () if self.preset is None else PRESETS[self.preset]
        return (*first, *self.rules)

    def toml(self) -> str:
        """Return the recipe in TOML: the same text for the same recipe."""
        lines = [f"{name} = {_value(getattr(self, name))}"
                 for name in ("preset", "axis", "scope", "budget", "max_error", "only")
                 if getattr(self, name) not in (None, DEFAULTS.get(name))]
        for each in self.rules:
            lines += ["", "[[rule]]", f"match = {_value(each.match)}", f"scheme = {_value(each.scheme)}"]
            lines += [] if each.of is None else [f"of = {_value(each.of)}"]
            lines += [f"{name} = {_value(value)}" for name, value in each.options.items()]
        return "\n".join(lines).lstrip("\n") + "\n"


DEFAULTS: dict[str, Any] = {"axis": 0, "scope": "layer", "only": ()}
KEYS_OF_RECIPE = ("preset", "axis", "scope", "budget", "max_error", "only", "rule")


def load(path: str | bytes | PathLike) -> Recipe:
    """Return the recipe in a file of TOML; a refusal names the file."""
    try:
        return loads(files.read(path, MOST_BYTES).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RefcompressError(os.fsdecode(path), f"is not UTF-8: {error}") from None
    except RefcompressError as error:
        raise type(error)(f"{os.fsdecode(path)}: {error.argument}", error.rule) from None


def loads(text: str) -> Recipe:
    """Return the recipe that a text in TOML says.

    >>> loads('preset = "int8"').preset
    'int8'
    """
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise RefcompressError("recipe", "nests arrays or tables deeper than any recipe does") from None
    except ValueError as error:  # TOMLDecodeError is one; so is a number of more digits than Python reads
        raise RefcompressError("recipe", f"is not TOML: {error}") from None
    _known(data, KEYS_OF_RECIPE, "recipe")
    tables = data.pop("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ArgumentTypeError("recipe, rule", "must be tables, each under a line [[rule]]")
    if not isinstance(data.get("only", []), list):
        raise ArgumentTypeError("recipe, only", "must be a list of strings")
    return Recipe(tuple(_rule(table, f"rule {number}") for number, table in enumerate(tables, 1)), **data)


def _rule(table: dict[str, Any], where: str) -> Rule:
    table = dict(table)
    for key in ("match", "scheme"):
        if key not in table:
            raise RefcompressError(f"{where}, {key}", "is missing")
    match, scheme, of = table.pop("match"), table.pop("scheme"), table.pop("of", None)
    if of is not None and not isinstance(of, list):
        raise ArgumentTypeError(f"{where}, of", "must be a list of kinds")
    return Rule(match, scheme, table, None if of is None else tuple(of))


def _known(data: dict, keys: tuple[str, ...], where: str) -> None:
    for key in data:
        if key not in keys:
            raise RefcompressError(f"{where}, {key}", f"is no key of a recipe; those are {', '.join(keys)}")


def rule_of_text(text: str) -> Rule:
    """Return the rule of a text such as GLOB=int4:group=64,grid=affine.

    >>> rule_of_text("*.attn.*=int4:group=64")
    Rule(match='*.attn.*', scheme='int4', options={'group': 64}, of=None)
    """
    found = TEXT.fullmatch(text)
    if not found:
        raise RefcompressError(f"rule {text!r}", "must be written GLOB=SCHEME or GLOB=SCHEME:OPTION=VALUE,..., such as "
                                                 "'*.attn.*=int4:group=64'")
    match, scheme, rest = found.groups()
    table: dict[str, Any] = {"match": match, "scheme": scheme}
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if not equals or not key or key in table:
            raise RefcompressError(f"rule {text!r}", f"has {part!r} where OPTION=VALUE must stand, each once")
        table[key] = value.split("+") if key == "of" else _parsed(value)
    return _rule(table, f"rule {text!r}")


def _value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _parsed(text: str) -> Any:
    """Return a number or a bool as TOML would read it; any other text as it is."""
    if text in ("true", "false"):
        return text == "true"
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text
