"""The catalogue of kernels: each operation has a wrong one, and each entry has a class that is listed, and a story."""

from collections import Counter

from refcompress import ops
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
