"""A learner's folder: nothing of the learner's is overwritten, and whatever is wrong in it is one clear line."""

import doctest
import inspect
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_examples import run

from refcompress import formats, reference
from refcompress.labs import checking, folder, hints, mistakes, stub, words
from refcompress.labs.exercises import LABS
from refcompress.labs.lab import LESSONS, Failure
from refcompress.testing import apart
from refcompress.testing.features import Features

GOOD = """
import numpy as np

def huffman_counts(symbols):
    return None

def gemm_s8s8(x, w, *, x_zero_point=0):
    return (x.astype(np.int32) - np.int32(x_zero_point)) @ w.T.astype(np.int32)
"""

BAD = """
import numpy as np

def gemm_s8s8(x, w, *, x_zero_point=0):
    return (x @ w.T).astype(np.int32)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    folder.start("gemm_s8s8", "lab-gemm_s8s8")
    return tmp_path / "lab-gemm_s8s8"


@pytest.mark.parametrize("op", LABS)
def test_a_stub_has_the_references_signature_and_docstring_and_no_body(op):
    text = stub.stub(LABS[op])
    made: dict = {}
    exec(compile(text, "solution.py", "exec"), made)
    assert made[op].__doc__.split() == stub.needed(inspect.getdoc(getattr(reference, op))).split()
    assert list(stub.signature(made[op]).parameters) == list(stub.signature(getattr(reference, op)).parameters)
    with pytest.raises(NotImplementedError, match="write it here"):
        made[op](**{p.name: None for p in stub.signature(made[op]).parameters.values() if p.default is p.empty})


@pytest.mark.parametrize("op", LABS)
def test_a_stub_has_what_the_function_needs_and_last_how_it_departs_from_papers(op):
    doc, whole = stub.needed(inspect.getdoc(getattr(reference, op))), inspect.getdoc(getattr(reference, op))
    paragraphs = doc.split("\n\n")
    departs = [part for part in paragraphs if "**Departs**" in part]
    assert paragraphs[len(paragraphs) - len(departs):] == departs and ">>> " in paragraphs[-len(departs) - 1]
    assert len(departs) == ("**Departs**" in whole.replace("**Departs** nothing.", ""))
    assert not [part for part in paragraphs if part.startswith(("Cost ", "Raises"))]
    assert set(paragraphs) <= set(whole.split("\n\n"))


def test_the_text_beside_a_stub_names_the_page_of_its_lesson():
    pages = sorted((Path(__file__).resolve().parents[2] / "docs" / "lessons").glob("[01]*.md"))
    assert tuple(path.stem for path in pages) == LESSONS
    assert "The lesson: number 1, `01_magnitude`" in stub.guide(LABS["prune_magnitude"])


def test_the_first_lab_asks_what_its_exercise_asks_and_its_stub_has_no_word_that_lesson_1_does_not_explain():
    text, guide = stub.stub(LABS["prune_magnitude"]), stub.guide(LABS["prune_magnitude"])
    assert "without a sort, by `np.partition`" in " ".join(guide.split())
    parameters = text[:text.index(">>>")]
    assert "threshold" not in parameters and "np.rint rounds to the nearest integer" in " ".join(parameters.split())


@pytest.mark.parametrize("op", LABS)
def test_the_example_of_a_stub_runs_where_the_function_is_right(op):
    """What the example calls is imported, and each format says in which order it takes its parts."""
    head = stub.stub(LABS[op]).partition("\n\n\n")[0]
    names: dict = {}
    exec(compile(head, "solution.py", "exec"), names)
    names[op] = getattr(reference, op)
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(names[op]), names, op, None, None)
    assert example.examples and doctest.DocTestRunner(verbose=False).run(example).failed == 0
    for name in set(re.findall(r"\w+", head)) & set(formats.__all__):
        assert f"# {name}({', '.join(inspect.signature(getattr(formats, name)).parameters)})" in head


@pytest.mark.parametrize("op", LABS)
def test_the_text_beside_a_stub_names_the_answers_file_from_the_checkout(op):
    path, = re.findall(r"`(refcompress/[\w/]+\.py)`", stub.guide(LABS[op]))
    assert f"def {op}(" in (Path(__file__).resolve().parents[2] / path).read_text()


def test_the_text_beside_a_stub_names_its_folder_and_the_commands_work_as_they_are_typed(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for place in ("lab-prune_magnitude", "my lab"):
        folder.start("prune_magnitude", place)
        typed = [shlex.split(line) for line in (tmp_path / place / "LAB.md").read_text().splitlines()
                 if line.startswith("    refcompress ")]
        assert [command[1:] for command in typed] == [["lab", word, place] for word in ("check", "hint", "status")]
        assert run(capfd, *typed[2][1:])[0] == 0 and "prune_magnitude" in run(capfd, *typed[2][1:])[1]


def test_the_text_beside_a_stub_says_that_numbers_of_numpy_come_last():
    assert "options that are numbers of NumPy" in " ".join(stub.guide(LABS["quantize_s8"]).split())


def test_the_stub_of_quantize_s8_says_what_its_parts_are_and_what_a_negative_axis_means():
    text = stub.stub(LABS["quantize_s8"])
    assert "scale and its zero_point are arrays with as many dimensions as x" in text and "-1 is the last axis" in text


def test_every_clause_that_a_lab_names_stands_in_the_specification():
    numbers = {mistake.clause for lab in LABS.values() for mistake in lab.mistakes} | {
        lab.clause for lab in LABS.values()} | {m.clause for m in (*mistakes.FIRST, *mistakes.LAST) if m.clause}
    assert len(numbers) > 30 and [number for number in numbers if not words.clause_text(number)] == []


def test_every_mistake_has_hints_and_a_name_of_its_own():
    for lab in LABS.values():
        names = [mistake.name for mistake in lab.mistakes]
        assert len(set(names)) == len(names) and all(mistake.hints for mistake in lab.mistakes), lab.op


def test_starting_again_overwrites_nothing_and_writes_what_is_missing(place, capfd):
    (place / "solution.py").write_text("mine")
    (place / "LAB.md").write_text((place / "LAB.md").read_text() + "my notes")
    (place / "progress.json").unlink()
    code, out, _ = run(capfd, "lab", "start", "gemm_s8s8")
    assert code == 0 and "solution.py: is there already, and stays" in out and "progress.json: written" in out
    assert (place / "solution.py").read_text() == "mine" and (place / "LAB.md").read_text().endswith("my notes")


def test_a_folder_that_is_something_else_is_refused(place, capfd):
    (place.parent / "theses").mkdir()
    (place.parent / "theses" / "solution.py").write_text("mine")
    for words_, said in ((["csr_matmul", "lab-gemm_s8s8"], "is the folder of another lab (gemm_s8s8)"),
                         (["gemm_s8s8", "theses"], "is no folder of a lab"),
                         (["gemm"], "must be one of prune_magnitude, ")):
        code, out, err = run(capfd, "lab", "start", *words_)
        assert (code, out) == (2, "") and said in err and err.count("\n") == 1
    assert [path.name for path in (place.parent / "theses").iterdir()] == ["solution.py"]


def test_a_check_keeps_what_it_found_and_hints_come_one_by_one(place, capfd):
    (place / "solution.py").write_text(BAD)
    code, out, _ = run(capfd, "lab", "hint", str(place))
    assert code == 0 and "type refcompress lab check first" in " ".join(out.split())
    code, out, _ = run(capfd, "lab", "check", str(place))
    assert code == 1 and "What          The sums wrap" in out
    assert f"Next refcompress lab hint {place} (" in " ".join(out.split())  # it can be typed where check was typed
    kept = json.loads((place / "progress.json").read_text())
    assert kept["attempts"] == 1 and kept["failed"] and len(kept["log"]) == 1
    first = run(capfd, "lab", "hint", str(place))[1]
    second = run(capfd, "lab", "hint", str(place))[1]
    assert "Hint 1 of" in first and "Hint 2 of" not in first
    assert "Hint 2 of" in second and "Hint 1 of" not in second
    assert run(capfd, "lab", "hint", str(place), "--all")[1].count("Hint ") == 2
    mistake = hints.mistake_named(LABS["gemm_s8s8"], kept["failed"])
    for _ in range(len(mistake.hints)):
        again = run(capfd, "lab", "hint", str(place))[1]
    assert again.count("Hint ") == len(mistake.hints) and "There are no more hints for this." in again
    assert folder.read(place).hints == {mistake.name: len(mistake.hints)}  # who reads a hint twice has had it once
    code, out, _ = run(capfd, "lab", "status")
    assert code == 0 and "gemm_s8s8" in out and kept["failed"] in out


def test_a_check_says_its_stages_on_standard_error_and_nothing_with_quiet(place, capfd):
    (place / "solution.py").write_text(BAD)
    loud, quiet = run(capfd, "lab", "check", str(place)), run(capfd, "lab", "check", str(place), "--quiet")
    assert loud[2] == "refcompress: stage 1 of 3, plain ...\n" and quiet == (1, loud[1], "")


@pytest.mark.parametrize("given", [{"bits": np.uint16(3)}, {"group": np.uint64(16)}], ids=["bits", "group"])
def test_a_number_of_numpy_is_named_before_what_else_is_special_about_the_input(given):
    failure = Failure("wrong", "result.values[0, 0]: got 3, expected 0", {"x": np.zeros((1, 1), np.float32), **given},
                      share=0.005)
    assert checking.diagnosed(LABS["quantize_s8"], failure).name == "NumPy's numbers"
    python = {name: int(value) for name, value in given.items()}
    other = replace(failure, given={**failure.given, **python})
    assert checking.diagnosed(LABS["quantize_s8"], other).name == "zeros alone"


def test_an_array_without_elements_is_not_called_one_of_zeros():
    empty = Failure("wrong", "raised ValueError on a valid input: cannot reshape", {"x": np.empty((0, 1), np.float32)},
                    like=Features({}, frozenset(), frozenset(), frozenset({"no elements"}), frozenset()), share=0.005)
    assert checking.diagnosed(LABS["quantize_s8"], empty).name == "empty"


NO_FLOOR = """
import numpy as np
from refcompress import Quantized

def quantize_s8(x, *, bits=8, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None):
    top = np.abs(x).max(keepdims=True, initial=0).astype(np.float64)
    scale = np.where(top == 0, 1, top / 127).astype(np.float32)
    return Quantized(np.clip(np.rint(x / scale), -127, 127).astype(np.int8), scale, np.zeros(scale.shape, np.int8))
"""


def test_a_scale_that_the_format_refuses_is_told_the_clause_of_the_least_scale(tmp_path):
    folder.start("quantize_s8", tmp_path)
    (tmp_path / "solution.py").write_text(NO_FLOOR)
    found = checking.check(tmp_path, examples=0)
    text = " ".join("\n".join(words.lines(found, folder.read(tmp_path))).split())
    assert found.failure.reason.startswith("raised ") and found.mistake.name == "extreme numbers", text
    assert "The clause QUANT-2.4 (spec/quantize.md)" in text
    hint = " ".join(found.mistake.hints[0].split())
    assert "`spec/quantize.md` has an example that names QUANT-2.4" in hint
    assert re.search(r"(?m)^>>> .*# QUANT-2.4$", words.SPEC.joinpath("quantize.md").read_text())


def test_an_exception_breaks_no_clause_that_is_not_known(place):
    three = "    if len(x) == 3:\n        raise KeyError('three')\n"
    (place / "solution.py").write_text(GOOD.replace("    return (x", f"{three}    return (x"))
    found = checking.check(place, examples=0)
    text = "\n".join(words.lines(found, folder.read(place)))
    assert found.mistake.name == "raises" and "raised KeyError" in text
    assert "The clause" not in text and "Next          refcompress lab hint" in text


def test_an_input_left_out_without_words_is_said_once(place):
    (place / "solution.py").write_text(GOOD.replace("    return (x", "    if x.size > 50:\n        raise "
                                                    "NotImplementedError\n    return (x"))
    found = checking.check(place, examples=0)
    text = " ".join("\n".join(words.lines(found, folder.read(place))).split())
    assert text.count("NotImplementedError") == 1 and "inputs, by NotImplementedError The stage" in text


def test_what_a_solution_does_not_take_is_said_and_is_no_mistake(place):
    (place / "solution.py").write_text(GOOD.replace("    return (x", "    if x.size > 50:\n        raise "
                                                    "NotImplementedError('small ones first')\n    return (x"))
    found = checking.check(place, examples=0)
    text = " ".join("\n".join(words.lines(found, folder.read(place))).split())
    assert not found.good and found.mistake is None and found.failure is None
    assert "Right on all inputs that it takes" in text and "(small ones first)" in text


@pytest.mark.parametrize("text, said", [
    ("def gemm_s8s8(x, w:\n", "solution.py, line 1: "),
    ("import no_such_module\ndef gemm_s8s8(x, w): pass\n", "ModuleNotFoundError: No module named 'no_such_module'"),
    ("def gemm(x, w): pass\n", "solution.py has no function gemm_s8s8"),
    ("gemm_s8s8 = 3\n", "is a int, which cannot be called"),
    ("raise SystemExit(3)\ngemm_s8s8 = None\n", "solution.py"),
    ("\0", "solution.py: source code string cannot contain null bytes"),
    ("import os\nos._exit(3)\ndef gemm_s8s8(x, w): pass\n", "while it was loaded"),
    ("while True: pass\ndef gemm_s8s8(x, w): pass\n", "no result after 1 s while it was loaded")])
def test_a_solution_that_cannot_be_loaded_is_one_line(place, capfd, monkeypatch, text, said):
    if "while True" in text:
        monkeypatch.setattr(apart, "LOADING", 1)
    (place / "solution.py").write_text(text)
    code, out, err = run(capfd, "lab", "check", str(place))
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1


@pytest.mark.parametrize("body, mistake", [
    ("import os; os.kill(os.getpid(), 11)", "crash"), ("while True: pass", "never ends"),
    ("raise SystemExit", "raises"), ("x[...] = 0; return x", "input changed"), ("return 'text'", "type")])
def test_a_solution_that_misbehaves_is_told_so(place, monkeypatch, body, mistake):
    if mistake == "never ends":
        monkeypatch.setattr(checking, "LIMIT", 0.3)
    (place / "solution.py").write_text(f"def gemm_s8s8(x, w, *, x_zero_point=0):\n    {body}\n")
    found = checking.check(place, examples=0)
    assert found.mistake.name == mistake, found


PRINTING = GOOD.replace("    return (x", """    print('begins', x.shape)
    for i in range(12):
        print('step', i, '=' * 100 * (i == 1))
    return 1 + (x""")


def test_what_a_solution_prints_is_shown_once_and_for_the_input_that_is_shown(place, capfd):
    (place / "solution.py").write_text(PRINTING)
    code, out, err = run(capfd, "lab", "check", str(place))
    assert code == 1 and "begins" not in err and out.count("begins") == 1
    shown = out[out.index("It printed"):out.index("The clause")].splitlines()
    shape = eval(re.search(r"The smallest  gemm_s8s8\(x=(.*?), w=", " ".join(out.split("\n")))[1], {"np": np}).shape
    assert shown[0] == f"It printed    begins {shape}" and shown[1] == "              step 0 "[:-1]
    assert shown[2].endswith("= ...") and len(shown[2]) == 80
    assert "step 4" in shown[-2] and shown[-1].strip() == "(only these lines are shown)" and "step 5" not in out


def test_what_one_call_prints_is_shown_though_the_check_calls_twice(place):
    (place / "solution.py").write_text(GOOD.replace("    return (x", "    print('noise')\n    return 1 + (x"))
    assert checking.check(place, examples=0).printed == "noise\n"


@pytest.mark.parametrize("body", ["while True: print('round')", "print('round'); import os; os._exit(3)"])
def test_what_was_printed_before_a_crash_or_in_an_endless_loop_is_shown(place, monkeypatch, body):
    monkeypatch.setattr(checking, "LIMIT", 0.3)
    (place / "solution.py").write_text(f"def gemm_s8s8(x, w, *, x_zero_point=0):\n    {body}\n")
    found = checking.check(place, examples=0)
    assert found.printed.startswith("round\n") and len(found.printed) <= 2000
    assert "It printed    round" in words.lines(found, folder.read(place))


def test_a_right_solution_that_prints_is_right_and_its_noise_is_not_shown(place, capfd):
    (place / "solution.py").write_text(GOOD.replace("    return (x", "    print('noise')\n    return (x"))
    code, out, err = run(capfd, "lab", "check", str(place))
    assert code == 0 and "noise" not in out + err


def test_the_text_beside_a_stub_says_what_becomes_of_print():
    assert "You can use `print`." in stub.guide(LABS["prune_magnitude"])


@pytest.mark.parametrize("text, said", [
    ("{", "is damaged (no JSON)"), ("[]", "schema must be refcompress.lab/1"), ("\xff", "is damaged"),
    ("[" * 100000, "is damaged"),
    ('{"schema": "refcompress.lab/1", "op": "rm"}', "op must be the name of a lab")])
def test_damaged_progress_is_one_line_that_says_what_to_do(place, capfd, text, said):
    (place / "progress.json").write_text(text, encoding="latin-1")
    for word in ("check", "hint", "status"):
        code, out, err = run(capfd, "lab", word, str(place))
        assert (code, out) == (2, "") and said in err and "your solution stays" in err and err.count("\n") == 1


def test_missing_files_are_one_line(place, capfd):
    (place / "solution.py").unlink()
    assert "cannot be read" in run(capfd, "lab", "check", str(place))[2]
    (place / "progress.json").unlink()
    for word in ("check", "hint", "status"):
        code, out, err = run(capfd, "lab", word, str(place))
        assert (code, out) == (2, "") and "no folder of a lab" in err and err.count("\n") == 1
    assert "is no folder" in run(capfd, "lab", "check", "nowhere")[2]


def test_every_line_of_the_labs_fits_80_columns(place, capfd):
    for text in (run(capfd, "lab", "list")[1], (place / "LAB.md").read_text()):
        assert all(len(line) <= 80 for line in text.splitlines()), text
