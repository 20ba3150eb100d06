"""A set for a class: different bugs, no answers in what is handed out, and a table of verdicts."""

import csv
import json

import numpy as np
import pytest
from cli_examples import run

from refcompress.labs import classes
from refcompress.labs.hunts import deal
from refcompress.testing import catalogue

BUGS = [catalogue.kernel("huffman_lengths", "ties reversed"), catalogue.kernel("csr_from_dense", "NaN not stored"),
        catalogue.kernel("huffman_lengths", "limit ignored")]
RIGHT = "import numpy as np\ndef gemm_s8s8(x, w, *, x_zero_point=0):\n" \
        "    return (x.astype(np.int32) - np.int32(x_zero_point)) @ w.T.astype(np.int32)\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A class of three, with bugs that are dealt without the seconds that a deal takes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(classes, "dealt", lambda seed: iter([deal.Hunt(kernel, 4) for kernel in BUGS]))
    (tmp_path / "names.txt").write_text("Ada\n=Bob()\n\nChloé\n", encoding="utf-8")
    return tmp_path


def test_a_class_gets_different_bugs_and_no_answers(place, capfd):
    code, out, _ = run(capfd, "lab", "class", "--students", "names.txt", "--labs", "gemm_s8s8", "-o", "set")
    assert code == 0 and "3 students and 3 bugs" in out
    homes = sorted(path.name for path in (place / "set" / "students").iterdir())
    assert homes == ["=Bob()", "Ada", "Chloé"]
    handed_out = [path.read_text() for path in (place / "set" / "students").rglob("*") if path.is_file()]
    assert len(handed_out) == 3 * 6
    for kernel in BUGS:
        assert all(kernel.name not in text and kernel.story not in text for text in handed_out)
    assert {row["bug"] for row in json.loads((place / "set" / "class.json").read_text())["hunts"]} == {
        kernel.name for kernel in BUGS}


def test_the_grades_are_those_of_what_was_handed_in(place, capfd):
    run(capfd, "lab", "class", "--students", "names.txt", "--labs", "gemm_s8s8", "-o", "set")
    ada, bob = (place / "set" / "students" / name for name in ("Ada", "=Bob()"))
    np.savez(ada / "hunt" / "input.npz", counts=np.int64([1, 1, 1]))
    (ada / "hunt" / "hunt.json").write_text("{}")  # a student's copy decides nothing
    (ada / "lab-gemm_s8s8" / "solution.py").write_text(RIGHT)
    np.savez(bob / "hunt" / "input.npz", w=np.float32([1]))
    (bob / "lab-gemm_s8s8" / "solution.py").write_text("from refcompress.reference.gemm import gemm_s8s8")
    code, out, _ = run(capfd, "lab", "grade", "set")
    with open(place / "set" / "grades.csv", newline="", encoding="utf-8") as file:
        rows = {(row["student"], row["exercise"]): row for row in csv.DictReader(file)}
    assert code == 0 and len(rows) == 6 and "grades.csv: written" in out
    assert (rows["Ada", "hunt"]["points"], rows["Ada", "lab"]["points"], rows["Ada", "lab"]["verdict"]) == (
        "104", "3", "right")
    assert "No valid input" in rows["'=Bob()", "hunt"]["verdict"]  # the quote keeps spreadsheets from computing it
    assert rows["'=Bob()", "lab"]["note"] == "imports refcompress.reference.gemm.gemm_s8s8"
    assert rows["Chloé", "hunt"]["verdict"] == "no input.npz"
    assert "NotImplementedError" in rows["Chloé", "lab"]["verdict"]


def test_a_class_is_made_and_graded_without_a_word_on_standard_error_with_quiet(place, capfd):
    assert run(capfd, "lab", "class", "--students", "2", "-o", "loud")[2].splitlines() == [
        "refcompress: student-01 ...", "refcompress: student-02 ..."]
    assert run(capfd, "lab", "class", "--students", "2", "-o", "set", "--quiet")[2] == ""
    assert run(capfd, "lab", "grade", "set")[2].count("student-") == 2
    assert run(capfd, "lab", "grade", "set", "--quiet")[2] == ""


def test_a_table_of_grades_is_replaced_and_any_other_file_is_not(place, capfd):
    run(capfd, "lab", "class", "--students", "2", "-o", "set")
    assert [run(capfd, "lab", "grade", "set")[0] for _ in range(2)] == [0, 0]
    (place / "set" / "grades.csv").write_text("mine")
    code, _, err = run(capfd, "lab", "grade", "set")
    assert code == 2 and "is no table of grades" in err and (place / "set" / "grades.csv").read_text() == "mine"


def test_a_number_of_students_gets_names():
    assert classes.names_of("3") == ["student-01", "student-02", "student-03"]


@pytest.mark.parametrize("text, said", [
    ("../up\n", "cannot be the name of a folder"), ("a\nA\n", "comes twice"), ("", "must be 1 to 500 names"),
    (".git\n", "cannot be the name of a folder"), ("a\x1b[31m\n", "cannot be the name of a folder")])
def test_a_list_of_students_that_makes_no_folders_is_refused(place, capfd, text, said):
    (place / "names.txt").write_text(text)
    code, _, err = run(capfd, "lab", "class", "--students", "names.txt", "-o", "set")
    assert code == 2 and said in err and err.count("\n") == 1 and not (place / "set").exists()


def test_a_damaged_class_is_one_line(place, capfd):
    run(capfd, "lab", "class", "--students", "1", "-o", "set")
    assert "is there already" in run(capfd, "lab", "class", "--students", "1", "-o", "set")[2]
    for text in ("{", "[]", '{"schema": "refcompress.class/1", "hunts": [1], "labs": []}'):
        (place / "set" / "class.json").write_text(text)
        code, _, err = run(capfd, "lab", "grade", "set")
        assert code == 2 and "is damaged" in err and err.count("\n") == 1
    assert "no folder of a class" in run(capfd, "lab", "grade", ".")[2]
