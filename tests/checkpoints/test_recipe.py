"""Recipes: the last rule that takes a tensor decides, and what nobody can have meant is refused with a cure."""

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoint_examples import normal
from hypothesis import given
from hypothesis import strategies as st

import refcompress
from refcompress import ArgumentTypeError, RefcompressError, checkpoints
from refcompress.checkpoints import PRESETS, SCHEMES, Recipe, Rule, rule_of_text
from refcompress.checkpoints.kinds import KINDS
from refcompress.checkpoints.options import OPTIONS
from refcompress.checkpoints.recipe import load, loads
from refcompress.checkpoints.schema import schema


def values(name):
    option = OPTIONS[name]
    if option.type == "boolean":
        return st.booleans()
    if option.choices is not None:
        return st.sampled_from(option.choices)
    if option.type == "integer":
        return st.integers(int(option.low), min(int(option.high), 100))
    return st.floats(0.001, option.high)


@st.composite
def rules(draw):
    scheme = draw(st.sampled_from(list(SCHEMES)))
    options = {name: draw(values(name)) for name in SCHEMES[scheme].uses if draw(st.booleans())}
    if options.get("init") != "random":
        options.pop("seed", None)
    if "energy" in options:
        options.pop("rank", None)
    if "n" in options or "m" in options:
        options |= {"n": 1, "m": 3}
    of = draw(st.none() | st.lists(st.sampled_from(list(KINDS)), max_size=3).map(tuple))
    match = draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
    return Rule(match, scheme, options, of)


@given(st.lists(rules(), max_size=4), st.sampled_from([None, *PRESETS]), st.integers(-3, 3),
       st.sampled_from(["layer", "global"]),
       st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), max_size=2))
def test_a_recipe_in_toml_is_the_recipe(own, preset, axis, scope, only):
    recipe = Recipe(tuple(own), preset, axis, scope, only=tuple(only))
    assert loads(recipe.toml()) == recipe and loads(recipe.toml()).toml() == recipe.toml()


@given(rules().filter(lambda rule: "=" not in rule.match and rule.match == rule.match.strip()))
def test_a_rule_as_it_is_typed_is_the_rule(rule):
    if rule.of != ():
        assert rule_of_text(rule.said()) == rule


def test_the_last_rule_that_takes_a_tensor_decides():
    arrays = {"a.weight": normal(8, 8), "b.weight": normal(8, 8), "b.bias": normal(8)}
    recipe = Recipe((Rule("*", "int8"), Rule("b*", "int4"), Rule("b.weight", "keep"), Rule("a*", "share", {"bits": 2})))
    found = {step.name: step.scheme for step in checkpoints.plan(arrays, recipe)}
    assert found == {"a.weight": "share", "b.weight": "keep", "b.bias": "keep"}
    found = {step.name: step.scheme for step in checkpoints.plan(arrays, Recipe(recipe.rules, preset="int8"))}
    assert found == {"a.weight": "share", "b.weight": "keep", "b.bias": "keep"}


def test_a_pattern_takes_weights_and_a_name_in_full_what_it_names():
    arrays = {"a.weight": normal(8, 8), "a.bias": normal(300)}
    assert [step.scheme for step in checkpoints.plan(arrays, Recipe((Rule("*", "int8"),)))] == ["int8", "keep"]
    assert [step.scheme for step in checkpoints.plan(arrays, Recipe((Rule("a.bias", "int8"),)))] == ["keep", "int8"]
    of = Recipe((Rule("*", "int8", of=("vectors",)),))
    assert [step.scheme for step in checkpoints.plan(arrays, of)] == ["keep", "int8"]


def test_only_leaves_all_others_as_they_are():
    arrays = {"a.weight": normal(8, 8), "b.weight": normal(8, 8)}
    plan = checkpoints.plan(arrays, Recipe(preset="int4", only=("b*",)))
    assert [step.scheme for step in plan] == ["keep", "int4"] and "only" in plan.steps[0].reason


@pytest.mark.parametrize("recipe, said", [
    (Recipe((Rule("x.*", "int8"),)), "rule 1, 'x.*': matches no tensor"),
    (Recipe((Rule("*", "int8"), Rule("a.b*", "int8"))), "rule 2, 'a.b*': matches 1 tensors, all of the kinds vectors"),
    (Recipe(only=("z*",)), "only, 'z*': matches no tensor"),
    (Recipe((Rule("ids", "int8"),)), "tensor 'ids': is of int64, and int8 takes floats"),
    (Recipe((Rule("a.bias", "csr"),)), "tensor 'a.bias': has 1 axes, and csr takes 2"),
    (Recipe((Rule("a.weight", "int8", {"axis": 2}),)), "tensor 'a.weight': has 2 axes"),
])
def test_a_rule_that_does_nothing_or_cannot_be_done_is_refused(recipe, said):
    arrays = {"a.weight": normal(8, 8), "a.bias": normal(8), "ids": np.arange(4)}
    with pytest.raises(RefcompressError, match=said.replace("*", r"\*").replace("[", r"\[")):
        checkpoints.plan(arrays, recipe)


@pytest.mark.parametrize("text, said", [
    ("x = 1", "recipe, x: is no key of a recipe"),
    ("preset = 'int9'", "recipe, preset: must be one of 'lossless'"),
    ("preset = 3", "recipe, preset: must be a string"),
    ("axis = true", "recipe, axis: must be an integer, not a bool"),
    ("rule = 3", "recipe, rule: must be tables"),
    ("only = 'a'", "recipe, only: must be a list"),
    ("budget = 0", "recipe, budget: must be between 1"),
    ("budget = 10\nmax_error = 0.1", "recipe, max_error: must not stand beside budget"),
    ("[[rule]]\nmatch = '*'", "rule 1, scheme: is missing"),
    ("[[rule]]\nscheme = 'int8'", "rule 1, match: is missing"),
    ("[[rule]]\nmatch = ''\nscheme = 'int8'", "must not be empty"),
    ("[[rule]]\nmatch = '*'\nscheme = 'int9'", "'int9' is no scheme; those are keep, lossless"),
    ("[[rule]]\nmatch = '*'\nscheme = 'int8'\nbits = 4", "option 'bits': is not used by int8: int8 takes group"),
    ("[[rule]]\nmatch = '*'\nscheme = 'keep'\nbits = 4", "option 'bits': is not used by keep: keep takes none"),
    ("[[rule]]\nmatch = '*'\nscheme = 'int8'\ngroup = '64'", "option 'group': must be an integer, not str"),
    ("[[rule]]\nmatch = '*'\nscheme = 'share'\nseed = 1", "option 'seed': changes something with"),
    ("[[rule]]\nmatch = '*'\nscheme = 'lowrank'\nrank = 1\nenergy = 0.5", "option 'rank': must not stand beside"),
    ("[[rule]]\nmatch = '*'\nscheme = 'nm'\nn = 5", "option 'n': must be at most m = 4"),
    ("[[rule]]\nmatch = '*'\nscheme = 'int8'\nof = 'weights'", "of: must be a list"),
    ("[[rule]]\nmatch = '*'\nscheme = 'int8'\nof = ['biases']", "of: must be one of 'weights'"),
    ("[[rule]", "recipe: is not TOML"),
    ("only = ['']", "recipe, only: must have no empty pattern"),
    ("axis = 1" + "0" * 5000, "recipe: is not TOML"),
    ("x = " + "[" * 5000, "recipe: nests arrays or tables deeper"),
    ("x = " + "{x = " * 5000, "recipe: nests arrays or tables deeper"),
])
def test_what_no_recipe_has_is_refused_with_the_cure(text, said):
    with pytest.raises(RefcompressError) as caught:
        loads(text)
    assert said in str(caught.value)


def test_a_file_that_is_refused_is_named(tmp_path):
    (tmp_path / "r.toml").write_text("preset = 'int9'")
    with pytest.raises(RefcompressError, match="r.toml: recipe, preset"):
        load(tmp_path / "r.toml")
    (tmp_path / "r.toml").write_bytes(b"\xff")
    with pytest.raises(RefcompressError, match="r.toml.*UTF-8"):
        Recipe.of(tmp_path / "r.toml")
    with pytest.raises(RefcompressError, match="must be one of lossless"):
        Recipe.of("int5")


@pytest.mark.parametrize("text", ["a", "a=", "=int8", "a=int8:group", "a=int8:group=", "a=int8:group=4,group=8",
                                  "a=int9"])
def test_a_rule_that_is_typed_wrongly_is_refused(text):
    with pytest.raises(RefcompressError):
        rule_of_text(text)


def test_names_with_colons_equal_signs_and_brackets_can_be_typed():
    assert rule_of_text("conv/kernel:0=int4:axis=-1").match == "conv/kernel:0"
    assert rule_of_text("a=b=int4").match == "a=b"
    assert Rule("b[0].table", "keep").matches("b[0].table") and not Rule("b[0].table", "keep").matches("b1.table")


def test_the_schema_that_is_published_is_that_of_the_schemes():
    path = Path(refcompress.__file__).parent / "checkpoints" / "recipe.schema.json"
    assert json.loads(path.read_text()) == schema()
    of_rule = schema()["properties"]["rule"]["items"]["anyOf"]
    assert [each["properties"]["scheme"]["const"] for each in of_rule] == list(SCHEMES)


def test_types_that_are_wrong_in_python_are_refused():
    for make in (lambda: Rule(3, "int8"), lambda: Rule("*", 3), lambda: Rule("*", "int8", [1]), lambda: Recipe((3,)),
                 lambda: Rule("*", "int8", of="weights"), lambda: Recipe(only="abc"), lambda: Recipe(scope=1),
                 lambda: Recipe.of(None), lambda: Recipe.of([]), lambda: checkpoints.save("o.rcz", [1]),
                 lambda: checkpoints.save(3, {}), lambda: checkpoints.save("o.rcz", None),
                 lambda: checkpoints.compress({}, target=3), lambda: checkpoints.compress({}, executor=3),
                 lambda: checkpoints.compress({}, progress=3)):
        with pytest.raises(ArgumentTypeError):
            make()
