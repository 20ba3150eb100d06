"""Every example in a docstring of the package prints what it says."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import refcompress

MODULES = sorted(module.name for module in pkgutil.walk_packages(refcompress.__path__, "refcompress.")
                 if not module.name.endswith(("__main__", "._kernels", "._build")))


def examples(name: str) -> list[doctest.DocTest]:
    """Return the examples of a module; they see NumPy and the public names beside what the module has."""
    module = importlib.import_module(name)
    names = {"np": np, **{each: getattr(refcompress, each) for each in refcompress.__all__}, **vars(module)}
    return [test for test in doctest.DocTestFinder().find(module, globs=names) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_print_what_they_say(name):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in examples(name):
        runner.run(test)
    assert runner.summarize().failed == 0


def test_there_are_examples_in_most_modules_of_the_reference():
    assert sum(bool(examples(name)) for name in MODULES if name.startswith("refcompress.reference.")) > 30
