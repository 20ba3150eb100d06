"""The JSON Schema of recipes, for editors and for programs that write them: recipe.schema.json is what it returns.

    python -m refcompress.checkpoints.schema > refcompress/checkpoints/recipe.schema.json
"""

import json
from typing import Any

from .kinds import KINDS
from .options import OPTIONS, Option
from .recipe import PRESETS, SCOPES
from .schemes import SCHEMES

__all__ = ["schema"]


def schema() -> dict[str, Any]:
    """Return the schema of a recipe as JSON has it, which is what a TOML file stands for."""
    strings = {"type": "array", "items": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A recipe of refcompress",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "preset": {"enum": list(PRESETS), "description": "the rules that come before the recipe's own"},
            "axis": {"type": "integer", "default": 0, "description": OPTIONS["axis"].text},
            "scope": {"enum": list(SCOPES), "default": "layer",
                      "description": "whether each layer is pruned by itself, or all by one threshold"},
            "budget": {"type": "integer", "minimum": 1, "description": "the most bytes of the file"},
            "max_error": {"type": "number", "minimum": 0, "description": "the largest relative error of a tensor"},
            "only": {**strings, "description": "patterns; a tensor that none of them matches is kept as it is"},
            "rule": {"type": "array", "items": {"anyOf": [_rule(name) for name in SCHEMES]},
                     "description": "the last rule that takes a tensor decides"},
        },
    }


def _rule(name: str) -> dict[str, Any]:
    scheme = SCHEMES[name]
    return {
        "type": "object",
        "description": scheme.text,
        "required": ["match", "scheme"],
        "additionalProperties": False,
        "properties": {
            "match": {"type": "string", "minLength": 1},
            "scheme": {"const": name},
            "of": {"type": "array", "items": {"enum": list(KINDS)}},
            **{option: _option(OPTIONS[option]) for option in scheme.uses},
        },
    }


def _option(option: Option) -> dict[str, Any]:
    said: dict[str, Any] = {"description": option.text}
    if option.choices is not None:
        return {"enum": list(option.choices), **said}
    if option.type == "boolean":
        return {"type": "boolean", **said}
    return {"type": option.type, "minimum": option.low, "maximum": option.high, **said}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1))
