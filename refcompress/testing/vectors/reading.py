"""What ``write`` wrote, as Python sees it: for tests, and for kernels that can be called from Python after all."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UnsupportedVersionError
from .values import decoded
from .writing import SCHEMA

__all__ = ["Case", "read"]


@dataclass(frozen=True)
class Case:
    """A call with its right result.

    lower, upper : arrays where the rule is a bound, else None. wrong : results of wrong kernels on this case, by the
    name of the bug.
    """

    name: str
    args: tuple
    kwargs: dict
    expected: Any
    lower: Any
    upper: Any
    wrong: dict


def read(folder: Any) -> Iterator[Case]:
    """Yield the cases of a folder that ``write`` made (that of the operation); every array's digest is compared."""
    folder = Path(folder)
    index = json.loads((folder / "index.json").read_text())
    if index.get("schema") != SCHEMA:
        raise UnsupportedVersionError(str(folder / "index.json"), f"must have the schema {SCHEMA}")
    wrong: dict[str, dict] = {}
    for negative in index["negatives"]:
        wrong.setdefault(negative["case"], {})[negative["bug"]] = decoded(negative["got"], folder)
    for case in index["cases"]:
        yield Case(case["case"], tuple(decoded(a, folder) for a in case["args"]),
                   {key: decoded(value, folder) for key, value in case["kwargs"].items()},
                   decoded(case["expected"], folder), decoded(case.get("lower"), folder),
                   decoded(case.get("upper"), folder), wrong.get(case["case"], {}))
