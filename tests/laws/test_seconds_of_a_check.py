"""A check ends in time, and leaves out what tells least; a wrong input that comes and goes has a program too."""

import itertools
import subprocess
import sys
import time

import numpy as np
import pytest

from refcompress import reference, testing
from refcompress.agreement import Disagreement
from refcompress.formats import LowRank, LowRankSparse
from refcompress.ops import OPS
from refcompress.testing import budget, catalogue, checking, cutting
from refcompress.testing.here import Here
from refcompress.testing.judge import NOT_TRIED, WRONG, Outcome
from refcompress.testing.sampling import refusals, samples, swept, wide
from refcompress.testing.smaller import smallest
from refcompress.testing.states import CHECKS
from refcompress.testing.task import Task
from refcompress.testing.telling import telling


def made(*shapes):
    return [((np.zeros(shape, np.uint8),), {}) for shape in shapes]


def test_telling_inputs_are_the_shortest_that_are_longer_than_what_kernels_count_by():
    assert telling(made((256, 1), (257, 3), (300, 1), (1, 257), (3, 4), (0, 300), (4097, 1))) == {2, 5, 6}


@pytest.mark.parametrize("op, name, length", [
    ("rangecoder_encode", 0, 4097), ("gemm_f32f32", 0, 4097), ("csr_matmul", 0, 4097), ("gemm_s8s8", 1, 4097)])
def test_tall_inputs_are_telling(op, name, length):
    cases = [*swept(op), *wide(op)]
    tall = [cases[i][0][name].shape for i in telling(cases)]
    assert any(shape[0] >= length and np.prod(shape[1:]) < 100 for shape in tall)


def test_a_slow_function_is_judged_on_the_telling_inputs_that_are_late(monkeypatch):
    cases = made(*[(3, 4)] * 60, (256, 1), (5000, 1), *[(2, 2)] * 9, (1, 700), (3, 3), (1, 600))
    for name, value in (("THIN", 4.5), ("LAST", 5.25), ("END", 6.25)):
        monkeypatch.setattr(budget, name, value)
    seconds = itertools.count(0, 0.1)
    task = Task("rangecoder_encode", reference.rangecoder_encode, OPS["rangecoder_encode"].rule,
                lambda op: iter([(args, {"alphabet": 1}) for args, _ in cases]), refusals)
    tried = [number for number, outcome in Here(task, clock=lambda: next(seconds)).samples()
             if outcome.kind != NOT_TRIED]
    assert tried[:46] == [*range(45), 48] and 61 in tried and 60 not in tried
    assert telling(cases) == {61, 73}


def test_no_smaller_input_is_tried_that_may_end_too_late():
    now = [0.0]

    def judge(case):
        now[0] += 0.4
        return Outcome(WRONG, "result: wrong") if case[0][0].size > 60 else Outcome()

    task = Task("nn_activation", reference.nn_activation, OPS["nn_activation"].rule, samples, refusals)
    case, _ = smallest(task, judge, ((np.full((64, 64), 7, np.float32), "relu"), {}), Outcome(WRONG, "result: wrong"),
                       3.0, lambda: now[0])
    assert 60 < case[0][0].size < 64 * 64 and 2.0 < now[0] <= 3.0
    before = now[0]
    for seconds, took in ((-1.0, 0.0), (1.0, 1.1)):
        smallest(task, judge, case, Outcome(WRONG, "result: wrong"), seconds, lambda: now[0], took)
    assert now[0] == before


def test_a_slow_function_that_is_still_at_work_when_time_is_over_is_not_blamed(monkeypatch):
    for name, value in (("THIN", 0.0), ("ENOUGH", 0.5)):
        monkeypatch.setattr(budget, name, value)
    monkeypatch.setattr(checking, "samples",
                        lambda op: iter([((np.ones(n, np.uint8),), {}) for n in (1, 1, 1, 1, 1, 1, 1, 1, 9, 1, 1)]))

    def slow(symbols):
        time.sleep(60 * (symbols.size == 9))
        return reference.huffman_counts(symbols)

    verdict = testing.check("huffman_counts", slow)
    assert verdict and verdict.inputs == 1 and verdict.seconds < 5
    assert any("10 fixed inputs were not tried" in note for note in verdict.notes)
    assert any("the search did not begin" in note for note in verdict.notes)


def test_checks_of_state_end_in_time_and_what_a_refusal_leaves_is_looked_at_all_the_same(monkeypatch):
    cases = list(itertools.islice(samples("huffman_decode"), 60))
    monkeypatch.setattr(checking, "samples", lambda op: iter(cases))
    right = reference.huffman_decode
    task = Task("huffman_decode", right, OPS["huffman_decode"].rule, lambda op: iter(cases), refusals)
    assert [name for name, _ in Here(task).states(0)] == [CHECKS[0].__name__]
    monkeypatch.setattr(Here, "states", lambda self, seconds: iter([(CHECKS[0].__name__, "")]))
    wrong = catalogue.kernel("huffman_decode", "what a refusal leaves").function
    with pytest.raises(Disagreement, match="after a call that was refused"):
        testing.check("huffman_decode", wrong, examples=0, isolate=False)
    verdict = testing.check("huffman_decode", right, examples=0, isolate=False)
    assert verdict.notes == [f"the checks of state ended by the clock, after that of {CHECKS[0].__name__}"]


def test_of_long_inputs_one_of_four_is_given_twice_and_every_short_one():
    cases, calls = made((2**14, 1), *[(2**14, 2)] * 5), []

    def counts(symbols):
        calls.append(symbols.size)
        return reference.huffman_counts(symbols)

    task = Task("huffman_counts", counts, OPS["huffman_counts"].rule,
                lambda op: iter([((args[0].reshape(-1),), {}) for args, _ in cases]), refusals)
    assert all(not outcome.failed for _, outcome in Here(task).samples())
    assert calls == [2**14] * 2 + [2**15] * 6


def test_the_seconds_of_a_check_are_in_order_and_leave_room_for_a_call():
    assert budget.THIN < budget.LAST < budget.END < budget.ENOUGH < budget.SECONDS - budget.TO_SAY < budget.SECONDS


def test_ranks_are_made_smaller_too():
    low = LowRank(np.ones((3, 300), np.float32), np.ones(300, np.float32), np.ones((300, 4), np.float32))
    both = LowRankSparse(low, reference.csr_from_dense(np.eye(3, 4, dtype=np.float32)))
    for matrix in (low, both):
        assert 300 in cutting.sizes_of(matrix)
        shorter = [getattr(a, "low", a) for a in cutting.cut(matrix, 300, 257, True)]
        assert shorter and all(a.rank == 257 and a.shape == (3, 4) for a in shorter)
    square = LowRank(np.ones((9, 9), np.float32), np.ones(9, np.float32), np.ones((9, 9), np.float32))
    both = LowRankSparse(square, reference.csr_from_dense(np.eye(9, dtype=np.float32)))
    found = {(a.low.rank, *a.shape) for a in cutting.cut(both, 9, 2, False)}
    assert found == {(2, 2, 2), (9, 2, 2), (9, 2, 9), (9, 9, 2), (2, 9, 9)}


@pytest.mark.parametrize("op, name, calls", [
    ("gemm_s8s8", "depends on the number of calls", "testing.in_order"),
    ("huffman_lengths", "limit ignored", "limit=limit"),
    ("nn_softmax", "works on its operand, and puts it back", "threads_at_once")])
def test_programs_show_what_depends_on_other_calls_on_threads_and_on_an_option_called_limit(op, name, calls):
    with pytest.raises(Disagreement) as caught:
        testing.check(op, testing.catalogue.kernel(op, name).function, examples=0)
    assert calls in caught.value.code
    done = subprocess.run([sys.executable, "-c", caught.value.code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("wrong: "), done.stderr + done.stdout + caught.value.code
