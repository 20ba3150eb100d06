"""The plugin for pytest: each check of a function that ``testing.conforms`` marked is a test, with a line of its own.

    test_mine.py::mine::sizes PASSED
    test_mine.py::mine::tails FAILED

pytest finds it where refcompress is installed. It looks at names of test modules, whatever they are, and loads
:mod:`refcompress.testing` when the first marked function comes.
"""

from collections.abc import Iterator
from typing import Any

import pytest

__all__ = ["Check", "Function"]


def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> Any:
    """Take what is marked; leave all else to pytest."""
    made = getattr(obj, "__dict__", None)  # not getattr: a mock, or a class of a user's, has every attribute
    if isinstance(made, dict) and "__conforms__" in made and not isinstance(obj, type):
        return Function.from_parent(collector, name=name, obj=obj)
    return None


class Function(pytest.Collector):
    """A marked function: what pytest lists between the module and the checks."""

    def __init__(self, *, obj: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.obj = obj

    def collect(self) -> Iterator["Check"]:
        from .testing.conforming import CHECKS

        for name in CHECKS:
            check = Check.from_parent(self, name=name, function=self.obj)
            reason = self.obj.__conforms__.failures.get(name)
            if reason is not None:
                check.add_marker(pytest.mark.xfail(reason=reason, strict=True))
            yield check


class Check(pytest.Item):
    """One check of one function."""

    def __init__(self, *, function: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function

    def runtest(self) -> None:
        from .testing.conforming import conformance

        op = self.function.__conforms__.op
        try:
            tried = conformance(self.name, op, self.function)
        except NotImplementedError as error:
            pytest.skip(f"not offered: {error}")
        if not tried:
            pytest.skip(f"{op} has no such inputs")

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        from .agreement import Disagreement

        if isinstance(excinfo.value, Disagreement):  # which says it all; the way there is ours
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple:
        return self.path, None, f"{self.parent.name}: {self.name}"  # type: ignore[union-attr]
