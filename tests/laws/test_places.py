"""The places that adding an operation touches: each that is forgotten is found here, by its name.

What stands outside of the package is found elsewhere: the README's row by tests/documents/test_readme.py, the case of
the benchmarks by tests/benchmarks/test_benchmarks.py.
"""

import itertools

import pytest
from implementations import need_native

import refcompress
from refcompress import reference
from refcompress.ops import OPS
from refcompress.reference.one_form import ONE_FORM
from refcompress.testing import families
from refcompress.testing.families import CASES


@pytest.mark.parametrize("op", OPS)
def test_every_operation_is_public_in_one_family_and_in_the_package(op):
    owners = [family for family in reference.FAMILIES if op in getattr(reference, family).__all__]
    assert len(owners) == 1, f"{op} must stand in the __all__ of one folder of reference/, not in {owners}"
    assert getattr(refcompress, op) is getattr(reference, op)


def test_every_operation_has_its_cases_and_no_case_lacks_its_operation():
    assert set(CASES) == set(OPS), "an operation needs a row in ops.py, and its CASES in testing/"


def test_no_operation_has_its_cases_in_two_families():
    for one, other in itertools.combinations(families.FAMILIES, 2):
        assert not set(one.CASES) & set(other.CASES), f"{one.__name__} and {other.__name__}"


@pytest.mark.parametrize("op", OPS)
def test_every_operation_has_a_sweep_refusals_and_a_strategy(op):
    assert len(list(itertools.islice(CASES[op].sweep(), 60))) == 60
    assert next(CASES[op].refusals(), None) is not None
    assert CASES[op].strategy().example is not None


def test_every_public_name_has_a_native_form_and_a_rule_or_says_why_one_form_is_enough():
    native = need_native()
    two_forms = {name for name in OPS if hasattr(native, name)}
    assert two_forms | set(ONE_FORM) == set(reference.__all__)
    assert not two_forms & set(ONE_FORM)
    assert all(len(reason.split()) >= 3 for reason in ONE_FORM.values())
