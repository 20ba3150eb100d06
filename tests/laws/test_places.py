"""The places that adding an operation touches: each that is forgotten is found here, by its name.

CONTRIBUTING.md lists them. The benchmark's case is missed by tests/benchmarks, a kernel that nobody binds by tests/machine.
"""

import itertools
import re
from pathlib import Path

import pytest

import refcompress
from refcompress import reference
from refcompress.ops import OPS
from refcompress.testing import families
from refcompress.testing.families import CASES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("op", OPS)
def test_every_operation_is_public_in_one_family_and_in_the_package(op):
    families_of_the_reference = [module for module in vars(reference).values() if hasattr(module, "__all__")]
    assert sum(op in family.__all__ for family in families_of_the_reference) == 1
    assert getattr(refcompress, op) is getattr(reference, op)


def test_every_operation_has_its_cases_and_no_case_lacks_its_operation():
    assert set(CASES) == set(OPS)


def test_no_operation_has_its_cases_in_two_families():
    for one, other in itertools.combinations(families.FAMILIES, 2):
        assert not set(one.CASES) & set(other.CASES), f"{one.__name__} and {other.__name__}"


@pytest.mark.parametrize("op", OPS)
def test_every_operation_has_a_sweep_refusals_and_a_strategy(op):
    assert len(list(itertools.islice(CASES[op].sweep(), 60))) == 60
    assert next(CASES[op].refusals(), None) is not None
    assert CASES[op].strategy().example is not None


@pytest.mark.parametrize("op", OPS)
def test_every_operation_has_a_planted_bug(op):
    assert CASES[op].wrong, f"{op} needs a wrong kernel that its sweep catches: a check that never failed has shown nothing"


@pytest.mark.parametrize("op", OPS)
def test_every_operation_has_a_row_in_the_readme_that_names_its_file(op):
    rows = [line.split("|") for line in README.split("\n") if re.match(rf"\| .*`{op}`", line)]
    assert rows, f"README.md has no row for {op}"
    family = Path(reference.__file__).parent
    files = re.findall(r"`([a-z_/]+\.py)`", rows[0][2])
    assert any(re.search(rf"^def {op}\(", (family / file).read_text(), re.M) for file in files), f"{op} is in none of {files}"
