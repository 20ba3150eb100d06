"""Each lab accepts a right solution, and says of wrong ones on what they fail and which clause they break."""

from dataclasses import replace
from pathlib import Path

import pytest
import solutions_awq
import solutions_csr
import solutions_huffman
import solutions_lowrank
import solutions_prune
import solutions_quantize
import solutions_rangecoder
import solutions_share

from refcompress.labs import checking, folder, words
from refcompress.labs.exercises import LABS
from refcompress.testing import budget, sampling

HERE = Path(__file__).parent
FILES = (solutions_prune, solutions_share, solutions_quantize, solutions_awq, solutions_lowrank, solutions_huffman,
         solutions_rangecoder, solutions_csr)
RIGHT = [row for file in FILES for row in file.RIGHT]
WRONG = [row for file in FILES for row in file.WRONG]
AT_EDGES = ("s8_times_the_reciprocal", "gemm_zero_point_in_int8", "svd_of_rounded_weights",  # wrong nowhere else
            "magnitude_counts_in_the_type_of_keep")


def handed_in(place, op, function):
    """Make a lab's folder with a solution in it."""
    folder.start(op, place)
    (place / folder.SOLUTION).write_text(f"import sys\nsys.path.insert(0, {str(HERE)!r})\n"
                                         f"from {function.__module__} import {function.__name__} as {op}\n")


def test_each_lab_has_a_right_solution_and_three_wrong_ones():
    assert {op for op, _ in RIGHT} == set(LABS) and len(LABS) >= 10
    assert all(sum(op == row[0] for row in WRONG) >= 3 for op in LABS)


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch):
    """A check ends by the clock; here it may not, however loaded the machine is."""
    for name in ("THIN", "LAST", "END", "MAP", "ENOUGH", "SECONDS"):
        monkeypatch.setattr(budget, name, 600.0)
    monkeypatch.setattr(budget, "SMALLER", 60.0)


@pytest.fixture
def every_input(monkeypatch):
    """The edges too, which the other tests leave out."""
    monkeypatch.setattr(sampling, "PARTS", [sampling.swept, sampling.wide])


@pytest.mark.parametrize("op, function", RIGHT, ids=[op for op, _ in RIGHT])
def test_a_right_solution_passes_the_last_stage_which_has_the_inputs_of_all(tmp_path, op, function):
    handed_in(tmp_path, op, function)
    lab = replace(LABS[op], stages=LABS[op].stages[-1:])
    found = checking.checked(lab, tmp_path / folder.SOLUTION, examples=0)
    assert found.good, found


def test_a_lab_is_done_when_every_stage_is_passed(tmp_path):
    handed_in(tmp_path, "gemm_s8s8", solutions_csr.gemm_right)
    found = checking.check(tmp_path, examples=5)
    assert found.good and found.passed == ["plain", "all options", "full"] and folder.read(tmp_path).done


@pytest.mark.parametrize("op, function, mistake, clause, said", WRONG, ids=[row[1].__name__ for row in WRONG])
def test_a_wrong_solution_is_told_the_kind_of_input_and_the_clause(tmp_path, op, function, mistake, clause, said,
                                                                   request):
    if function.__name__ in AT_EDGES:
        request.getfixturevalue("every_input")
    handed_in(tmp_path, op, function)
    found = checking.check(tmp_path, examples=0)
    text = "\n".join(words.lines(found, folder.read(tmp_path)))
    flat = " ".join(text.split())
    assert (found.good, found.mistake and found.mistake.name) == (False, mistake), text
    assert said in flat and f"The clause {clause} (spec/" in flat and f"The smallest {op}(" in flat
    assert all(len(line) <= 80 or " " not in line.strip()[14:].strip() for line in text.splitlines()), text
