"""Each lab accepts a right solution, and says of wrong ones on what they fail and which clause they break."""

from pathlib import Path

import pytest
import solutions_csr
import solutions_huffman
import solutions_prune
import solutions_quantize
import solutions_share

from refcompress.labs import checking, folder, words
from refcompress.labs.exercises import LABS

HERE = Path(__file__).parent
FILES = (solutions_prune, solutions_share, solutions_quantize, solutions_huffman, solutions_csr)
RIGHT = [row for file in FILES for row in file.RIGHT]
WRONG = [row for file in FILES for row in file.WRONG]


def handed_in(place, op, function):
    """Make a lab's folder with a solution in it."""
    folder.start(op, place)
    (place / folder.SOLUTION).write_text(f"import sys\nsys.path.insert(0, {str(HERE)!r})\n"
                                         f"from {function.__module__} import {function.__name__} as {op}\n")


def test_each_lab_has_a_right_solution_and_three_wrong_ones():
    assert {op for op, _ in RIGHT} == set(LABS) and len(LABS) >= 10
    assert all(sum(op == row[0] for row in WRONG) >= 3 for op in LABS)


@pytest.mark.parametrize("op, function", RIGHT, ids=[op for op, _ in RIGHT])
def test_a_right_solution_passes_every_stage(tmp_path, op, function):
    handed_in(tmp_path, op, function)
    found = checking.check(tmp_path, examples=0)
    assert found.good and found.passed == [stage.name for stage in LABS[op].stages], found
    assert folder.read(tmp_path).done


@pytest.mark.parametrize("op, function, mistake, clause, said", WRONG, ids=[row[1].__name__ for row in WRONG])
def test_a_wrong_solution_is_told_the_kind_of_input_and_the_clause(tmp_path, op, function, mistake, clause, said):
    handed_in(tmp_path, op, function)
    found = checking.check(tmp_path, examples=0)
    text = "\n".join(words.lines(found, folder.read(tmp_path)))
    flat = " ".join(text.split())
    assert (found.good, found.mistake and found.mistake.name) == (False, mistake), text
    assert said in flat and f"The clause {clause} (spec/" in flat and f"The smallest {op}(" in flat
    assert all(len(line) <= 80 or " " not in line.strip()[14:].strip() for line in text.splitlines()), text
