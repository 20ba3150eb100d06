"""The catalogue of kernels: each operation has a wrong one, and each entry has a class that is listed, and a story."""

import inspect
from collections import Counter

import pytest

from refcompress import ops, reference
from refcompress.testing import catalogue


def test_every_operation_has_a_wrong_kernel():
    assert {kernel.op for kernel in catalogue.KERNELS if kernel.wrong} == set(ops.OPS)


def test_the_class_of_each_kernel_is_a_listed_one():
    assert {kernel.kind for kernel in catalogue.KERNELS} <= catalogue.BUGS.keys() | catalogue.RIGHTS.keys()


def test_no_operation_has_two_kernels_of_one_name():
    counts = Counter((kernel.op, kernel.name) for kernel in catalogue.KERNELS)
    assert [name for name, count in counts.items() if count > 1] == []


def test_every_kernel_has_a_story_of_one_or_two_sentences():
    for kernel in catalogue.KERNELS:
        assert kernel.story.endswith(".") and 20 < len(kernel.story) < 240, kernel


@pytest.mark.parametrize("op", ops.OPS)
def test_a_kernel_takes_every_option_of_its_operation_and_is_wrong_by_its_bug_alone(op):
    options = {name for name, option in inspect.signature(getattr(reference, op)).parameters.items()
               if option.default is not inspect.Parameter.empty}
    for kernel in (kernel for kernel in catalogue.KERNELS if kernel.op == op):
        parameters = inspect.signature(kernel.function, follow_wrapped=False).parameters
        if all(parameter.kind != parameter.VAR_KEYWORD for parameter in parameters.values()):
            assert options <= parameters.keys(), kernel.name
