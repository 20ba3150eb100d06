"""The plan: what each tensor of a checkpoint will become, and why, before any of it is compressed."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..container import names
from ..errors import RefcompressError
from ..formats import ELEMENT_TYPES
from ..models.source import Source, Tensor
from .kinds import KINDS, WEIGHTS, kind_of
from .recipe import Recipe, Rule
from .schemes import SCHEMES
from .source_networks import Network
from .sources import raw
from .weights import NotFinite, weights_of

__all__ = ["Plan", "Step", "content", "plan_of"]


@dataclass(frozen=True)
class Step:
    """What one tensor becomes.

    scheme, options : of schemes.SCHEMES. rule : the index in Recipe.all_rules of the rule that decides, None where none
    does. asked : whether a rule of the recipe's own decides, and not the preset. same_as : an earlier tensor of the
    same content, whose entry stands for this one too. reason : why it is so, for a person. choices : where the scheme
    is chosen by measuring, (scheme, options) of each candidate.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    nbytes: int
    kind: str
    scheme: str
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rule: int | None = None
    asked: bool = False
    same_as: str | None = None
    choices: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    @property
    def lossy(self) -> bool:
        return not SCHEMES[self.scheme].exact

    def said(self) -> str:
        """Return what the tensor becomes, in a few words."""
        if self.same_as is not None:
            return f"same as {self.same_as}"
        if self.choices:
            return "one of " + ", ".join(scheme for scheme, _ in self.choices)
        return self.scheme + "".join(f", {name} {value}" for name, value in self.options.items())

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Plan:
    """The steps, in the order of the source.

    sizes : the least and the most bytes of each entry, by name; total : of the file. Both are there for a plan that was
    asked for (checkpoints.plan), which has looked at every tensor. network : what the file holds beside them.
    """

    recipe: Recipe
    steps: tuple[Step, ...]
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    total: tuple[int, int] | None = None
    network: Network = field(default_factory=Network)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    @property
    def own(self) -> list[Step]:
        """The steps whose entries have bytes of their own: all but those that are the same as an earlier one."""
        return [step for step in self.steps if step.same_as is None]

    def table(self) -> list[dict[str, Any]]:
        """Return a row a tensor as a dict, its keys those of a table's columns."""
        return [{"name": step.name, "shape": list(step.shape), "dtype": step.type, "becomes": step.said(),
                 "before": step.nbytes, "bytes": list(self.sizes[step.name]) if self.sizes else None,
                 "reason": step.reason} for step in self.steps]


# What a budget, or a largest error, chooses from: in a group of 64 the scale takes half a bit a weight.
CANDIDATES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lossless", {}), ("int8", {}), ("int6", {"group": 64}), ("int5", {"group": 64}), ("int4", {"group": 64}),
    ("int3", {"group": 64}), ("int2", {"group": 64}),
)


def plan_of(source: Source, recipe: Recipe, *, thorough: bool = False, network: Network | None = None) -> Plan:
    """Return what each tensor becomes; refuse a rule or a pattern that matches nothing, by its text.

    Tensors of one type and shape are read once, to find those of the same content. A thorough plan reads the others
    too, and finds those with an element that no lossy scheme takes, as the run would. network : what the file will hold
    beside the tensors; it says along which axis the outputs of a weight lie, where neither a rule nor the recipe does.
    """
    network = network or Network()
    rules = recipe.all_rules()
    steps = [_step(tensor, recipe, rules, network.axes.get(tensor.name, 0)) for tensor in source.values()]
    _each_matches(source, recipe, steps)
    if thorough:
        steps = [_finite(source[step.name], step) if step.lossy or step.choices else step for step in steps]
    return Plan(recipe, tuple(_tied(source, steps)), network=network)


def _finite(tensor: Tensor, step: Step) -> Step:
    """Return the step, or one that loses nothing where an element is not finite; where a rule asks, refuse it."""
    try:
        weights_of(tensor.read(), step.name)
    except NotFinite as error:
        if step.asked:
            raise
        return replace(step, scheme="lossless", options={}, choices=(), reason=error.reason)
    return step


def _storable(tensor: Tensor) -> None:
    """Refuse a name that no entry may have, and numbers wider than any entry's, before any work is done."""
    if tensor.type.startswith(("float", "complex")) and tensor.type not in ELEMENT_TYPES:
        raise RefcompressError(f"tensor {tensor.name!r}", f"is of {tensor.type}, which no compressed file holds; write "
                                                          "the model with float64 or complex64 in its place")
    try:
        names.encode(tensor.name)
    except RefcompressError as error:
        raise type(error)("tensor name", error.rule) from None


def _step(tensor: Tensor, recipe: Recipe, rules: tuple[Rule, ...], outputs: int) -> Step:
    """Return what a tensor becomes. outputs : the axis of its outputs, as the network says"""
    _storable(tensor)
    kind = kind_of(tensor)
    facts: dict[str, Any] = {"name": tensor.name, "shape": tuple(tensor.shape), "type": tensor.type,
                             "nbytes": tensor.nbytes, "kind": kind}
    if recipe.only and not any(Rule(pattern, "keep").matches(tensor.name) for pattern in recipe.only):
        return Step(**facts, scheme="keep", reason="matches no pattern of only")
    first = len(rules) - len(recipe.rules)
    for index in reversed(range(len(rules))):
        rule = rules[index]
        if not rule.takes(tensor.name, kind):
            continue
        asked, scheme = index >= first, SCHEMES[rule.scheme]
        if not asked and recipe.chooses and kind in WEIGHTS:
            what = f"a budget of {recipe.budget:,} bytes" if recipe.budget else f"an error of {recipe.max_error:g}"
            return Step(**facts, scheme="lossless", reason=f"chosen for {what}", rule=index,
                        choices=tuple((name, _filled(SCHEMES[name].uses, options, recipe, tensor, outputs))
                                      for name, options in CANDIDATES))
        said = f"rule {index - first + 1}, {rule.said()}" if asked else f"preset {recipe.preset}"
        if scheme.exact and kind not in WEIGHTS and not asked:
            said = f"{tensor.type}, {KINDS[kind]}" if kind in ("integers", "coded", "complex") else KINDS[kind]
        if not scheme.exact:
            _fits(tensor, kind, rule)
        options = _filled(scheme.uses, rule.options, recipe, tensor, outputs)
        if outputs and options.get("axis") == outputs and "axis" not in rule.options and not recipe.axis:
            said += f"; axis {outputs}, for the network multiplies by it turned"
        return Step(**facts, scheme=rule.scheme, reason=said, options=options, rule=index, asked=asked)
    return Step(**facts, scheme="keep", reason="no rule takes it" if kind in WEIGHTS else KINDS[kind])


def _filled(uses: tuple[str, ...], options: Mapping[str, Any], recipe: Recipe, tensor: Tensor, outputs: int
            ) -> dict[str, Any]:
    """Return the options of a rule, with an axis where the scheme has one and the rule does not say it.

    It is the recipe's, or else the one along which the outputs lie, as the network says.
    """
    filled = dict(options)
    if "axis" in uses:
        axis = filled.get("axis", recipe.axis or outputs)
        if len(tensor.shape) < 2 and "axis" not in options:
            axis = 0
        if not -len(tensor.shape) <= axis < len(tensor.shape):
            raise RefcompressError(f"tensor {tensor.name!r}", f"has {len(tensor.shape)} axes, and the axis of its "
                                                              f"outputs is to be {axis}; give it a rule of its own")
        if axis:
            filled["axis"] = axis
        else:
            filled.pop("axis", None)
    return filled


def _fits(tensor: Tensor, kind: str, rule: Rule) -> None:
    """Refuse a tensor that the scheme of a rule cannot take, although the rule names it or its kind."""
    scheme, where = SCHEMES[rule.scheme], f"tensor {tensor.name!r}"
    if kind in ("integers", "complex"):
        raise RefcompressError(where, f"is of {tensor.type}, and {rule.scheme} takes floats; the rule {rule.said()!r} "
                                      "must not take it")
    if len(tensor.shape) < scheme.ndim:
        raise RefcompressError(where, f"has {len(tensor.shape)} axes, and {rule.scheme} takes {scheme.ndim} or more; "
                                      f"the rule {rule.said()!r} must not take it")


def _each_matches(source: Source, recipe: Recipe, steps: list[Step]) -> None:
    """Refuse a rule of the recipe's own, or a pattern, that matches nothing."""
    for number, rule in enumerate(recipe.rules, 1):
        named = [step for step in steps if rule.matches(step.name)]
        if not named:
            raise RefcompressError(f"rule {number}, {rule.match!r}", "matches no tensor of the source; names are "
                                                                     f"such as {_some(source)}")
        if not any(rule.takes(step.name, step.kind) for step in named):
            kinds = sorted({step.kind for step in named})
            raise RefcompressError(
                f"rule {number}, {rule.match!r}",
                f"matches {len(named)} tensors, all of the kinds {', '.join(kinds)}, which it does not take; name them "
                "in a list of = [...], or give the name of a tensor in full")
    for pattern in recipe.only:
        if not any(Rule(pattern, "keep").matches(name) for name in source):
            raise RefcompressError(f"only, {pattern!r}", f"matches no tensor of the source; names are such as "
                                                         f"{_some(source)}")


def _some(source: Source) -> str:
    return ", ".join(map(repr, list(source)[:3])) or "none: it has no tensor"


def _tied(source: Source, steps: list[Step]) -> Iterator[Step]:
    """Yield the steps, those of tensors with the content of an earlier one, of the same scheme, as the same."""
    perhaps = _alike(source, steps)
    first: dict[tuple, str] = {}
    for step in steps:
        if step.name in perhaps:
            place = source[step.name].place
            what = (step.shape, step.type, step.scheme, tuple(sorted(step.options.items())), step.choices == ())
            known = None if place is None else first.get((what, "place", place))
            if known is None:
                known = first.setdefault((what, "content", content(source[step.name])), step.name)
            if place is not None:
                first.setdefault((what, "place", place), known)
            if known != step.name:
                step = replace(step, same_as=known)
        yield step


def _alike(source: Source, steps: list[Step]) -> set[str]:
    """Return the tensors that may have the content of another: those of its shape and type, and of its first bytes."""
    groups: dict[tuple, list[Tensor]] = {}
    for step in steps:
        groups.setdefault((step.shape, step.type), []).append(source[step.name])
    found: set[str] = set()
    for tensors in groups.values():
        if len(tensors) == 1:
            continue
        heads: dict[bytes, list[str]] = {}
        told = all(tensor.head is not None for tensor in tensors)  # where one cannot tell, it may be any of them
        for tensor in tensors:
            heads.setdefault(tensor.head() if told and tensor.head else b"", []).append(tensor.name)
        found.update(name for names in heads.values() if len(names) > 1 for name in names)
    return found


def content(tensor: Tensor) -> bytes:
    """Return the SHA-256 of a tensor's elements."""
    digest = hashlib.sha256()
    for part in raw(tensor.read()):
        digest.update(part.data)
    return digest.digest()
