"""Every public function is annotated, so that a type checker sees what users call (make lint runs mypy on the
annotations)."""

import importlib
import inspect

import pytest

import refcompress

ROOMS = ["", "agreement", "container", "formats", "ledger", "models", "native", "ops", "recipes", "testing", "training"]


def functions(room: str):
    """Yield (name, function) of all public functions and methods of a room."""
    module = importlib.import_module(f"refcompress.{room}".rstrip("."))
    names = getattr(module, "__all__", None) or [name for name in vars(module) if name[0] != "_"]
    for name in names:
        value = getattr(module, name)
        if not getattr(value, "__module__", "").startswith("refcompress"):
            continue
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            for key, method in vars(value).items():
                if (
                    inspect.isfunction(method)
                    and (key[0] != "_" or key == "__init__")
                    and "typing" not in method.__module__
                ):
                    yield f"{name}.{key}", method


def missing(name: str, function) -> list[str]:
    signature = inspect.signature(function)
    found = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name != "self"]
    if signature.return_annotation is signature.empty and not name.endswith("__init__"):
        found.append("return")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_is_annotated(room):
    if room == "native":
        pytest.importorskip("refcompress.native", reason="the C kernels are not built", exc_type=refcompress.NotBuilt)
    assert {name: missing(name, function) for name, function in functions(room) if missing(name, function)} == {}


def test_a_function_without_annotations_would_be_noticed():
    assert missing("f", lambda x: x) == ["x", "return"]
