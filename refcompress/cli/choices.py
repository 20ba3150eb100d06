"""The recipe that the options of compress make, checked before any file but the recipe's own is read."""

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..checkpoints import PRESETS, SCHEMES, Recipe, Rule, rule_of_text
from ..checkpoints.plans import CANDIDATES
from ..checkpoints.recipe import load
from ..errors import RefcompressError
from . import methods
from .options import size
from .refusals import Refused
from .show import printable

__all__ = ["Choice", "add_options", "choice"]

DEFAULT = "int8"
NAMES = {"grid": "scheme", "wide": "outliers"}  # an option of a scheme -> its short option, where the names differ
CURE = re.compile(r"the rule ('.*=lossless') keeps", re.DOTALL)  # where a rule would help
NUMBERED = re.compile(r"rule (\d+), ")


@dataclass(frozen=True)
class Choice:
    """A recipe, and how the typist put each of its rules: --set, --exclude, a recipe's file, or short options.

    only : the patterns of --only, as refusals show them. file : the recipe's file, where there is one.
    """

    recipe: Recipe
    said: tuple[str, ...]
    only: tuple[str, ...] = ()
    file: str = ""

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Let a refusal inside name a rule as it was typed."""
        try:
            yield
        except RefcompressError as error:
            found = NUMBERED.match(error.argument)
            if found and int(found[1]) <= len(self.said):
                raise Refused(self.said[int(found[1]) - 1], error.rule) from error
            if error.argument.startswith("only, "):
                where = "--only " if error.argument.removeprefix("only, ") in self.only else self.file + ", only, "
                raise Refused(where + error.argument.removeprefix("only, "), error.rule) from error
            cure = CURE.sub(r"--set \1 keeps", error.rule)
            if cure != error.rule:
                raise type(error)(error.argument, cure) from error
            raise

    def reason(self, why: str) -> str:
        """Return why a tensor is stored as it is, a rule as it was typed."""
        found = NUMBERED.match(why)
        return self.said[int(found[1]) - 1] if found and int(found[1]) <= len(self.said) else why


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--preset", choices=PRESETS, help=f"what weights become; all else stays as it is "
                                                           f"(default {DEFAULT})")
    command.add_argument("--recipe", metavar="R.toml", help="a file of rules, of which the last that matches wins")
    command.add_argument("--set", action="append", metavar="GLOB=SCHEME", dest="rules",
                         help="one more rule, such as 'GLOB=int4:group=64'; schemes: " + ", ".join(SCHEMES))
    command.add_argument("--only", action="append", metavar="GLOB", help="keep what matches no such pattern as it is")
    command.add_argument("--exclude", action="append", metavar="GLOB", help="keep what matches as it is")
    command.add_argument("--axis", type=int, metavar="N",
                         help="the axis of the outputs, where it is not the first: -1 for Keras, 1 for GPT-2's Conv1D")
    command.add_argument("--scope", choices=("layer", "global"),
                         help="with a sparsity: prune each layer by itself (default), or all by one threshold")
    command.add_argument("--budget", type=size, metavar="SIZE",
                         help="choose for each tensor by measuring, so that the file has at most so many bytes (5MB)")
    command.add_argument("--max-error", type=float, metavar="X", help="choose the fewest bytes for each tensor whose "
                                                                      "relative error is at most X (0.01)")
    methods.add_options(command)


def choice(options: argparse.Namespace) -> Choice:
    """Return what the options choose; refuse options that exclude each other, and one that nothing chosen looks at."""
    short = methods.given(options)
    bases = [f"--{name}" for name in ("preset", "recipe", "budget", "max-error") if _get(options, name) is not None]
    bases += [f"--{short[0]}"] if short else []
    if len(bases) > 1:
        raise Refused(bases[1], f"cannot stand beside {bases[0]}: each says what all weights become")
    said: list[str] = []
    recipe = Recipe()
    if options.recipe is not None:
        recipe = load(options.recipe)
        said += [f"{printable(options.recipe)}, rule {number}" for number in range(1, len(recipe.rules) + 1)]
    elif short:
        recipe, said = Recipe((_short(options),)), ["--" + short[0]]
    elif options.budget is not None or options.max_error is not None:
        recipe = _checked(budget=options.budget, max_error=options.max_error)
    else:
        recipe = Recipe(preset=options.preset or DEFAULT)
    rules = list(recipe.rules)
    for text in options.rules or ():
        rules.append(_set(text))
        said.append(f"--set {printable(text)!r}")
    for pattern in options.exclude or ():
        if not pattern:
            raise Refused("--exclude", "must not be empty")
        rules.append(Rule(pattern, "keep"))
        said.append(f"--exclude {printable(pattern)!r}")
    for pattern in options.only or ():
        if not pattern:
            raise Refused("--only", "must not be empty")
    more = {name: getattr(options, name) for name in ("axis", "scope") if getattr(options, name) is not None}
    recipe = replace(recipe, rules=tuple(rules), only=(*recipe.only, *(options.only or ())), **more)
    _all_used(recipe, options)
    only = tuple(map(repr, options.only or ()))
    return Choice(recipe, tuple(said), only, printable(options.recipe or ""))


def _get(options: argparse.Namespace, name: str):
    return getattr(options, name.replace("-", "_"))


def _checked(**named) -> Recipe:
    """Return a recipe; a refusal names the option."""
    try:
        return Recipe(**named)
    except RefcompressError as error:
        raise Refused("--" + error.argument.removeprefix("recipe, ").replace("_", "-"), error.rule) from None


def _short(options: argparse.Namespace) -> Rule:
    try:
        return methods.rule(options)
    except RefcompressError as error:
        found = re.search(r"option '(\w+)'", error.argument)
        name = NAMES.get(found[1], found[1]) if found else error.argument
        raise Refused(f"--{name}", error.rule) from None


def _set(text: str) -> Rule:
    try:
        return rule_of_text(text)
    except RefcompressError as error:
        _, _, where = error.argument.partition(", ")
        raise Refused(f"--set {printable(text)!r}" + (f", {where}" if where else ""), error.rule) from None


def _all_used(recipe: Recipe, options: argparse.Namespace) -> None:
    """Refuse --axis and --scope where no scheme that may be chosen looks at them."""
    schemes = {rule.scheme for rule in recipe.all_rules()} | {name for name, _ in CANDIDATES if recipe.chooses}
    if options.axis is not None and not any("axis" in SCHEMES[name].uses for name in schemes):
        raise Refused("--axis", f"changes nothing here: {_listed(schemes)} does not look at the axis of the outputs")
    if options.scope is not None and not any(rule.options.get("sparsity") for rule in recipe.all_rules()):
        raise Refused("--scope", "changes something with a sparsity above 0 only")
    if options.bfloat16 and os.path.splitext(options.source)[1].lower() != ".npz":
        raise Refused("--bfloat16", "is for .npz: all other files say which of their tensors are bfloat16")


def _listed(names: set[str]) -> str:
    return " or ".join(name for name in SCHEMES if name in names)
