"""The command check."""

import json
import xml.etree.ElementTree as ET

import pytest
from cli_examples import run

KERNELS = """
import os
import numpy as np

def right(x, w, *, x_zero_point=0):
    print("what a kernel prints is no part of the report")
    return (x.astype(np.int32) - x_zero_point) @ w.astype(np.int32).T

def wrong(x, w, *, x_zero_point=0):
    return right(x, w, x_zero_point=x_zero_point) + np.int32(x.shape[1] == 9)

def ends(x, w, *, x_zero_point=0):
    os._exit(0)
"""


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kernels_of_mine.py").write_text(KERNELS)
    return "kernels_of_mine.py"


def test_a_right_function_has_exit_code_0_and_says_what_was_tried(kernels, capfd):
    code, out, err = run(capfd, "check", "gemm_s8s8", f"{kernels}:right", "--examples", "0", "--layouts", "contiguous")
    assert (code, err) == (0, "") and "gemm_s8s8: right (" in out and "k: 0 to " in out and "prints" not in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_wrong_function_has_exit_code_1_a_map_and_a_program(kernels, capfd):
    code, out, _ = run(capfd, "check", "gemm_s8s8", f"{kernels}:wrong", "--examples", "0", "--junit", "j.xml")
    assert code == 1 and "wrong only where k is 9: " in out and "print(testing.outcome('gemm_s8s8', f, x, w))" in out
    suite = ET.parse("j.xml").getroot()
    assert suite.get("failures") == "1" and "wrong only where k is 9" in suite.find("testcase/failure").text


def test_a_function_that_ends_its_process_ends_not_the_command(kernels, capfd):
    code, out, _ = run(capfd, "check", "gemm_s8s8", f"{kernels}:ends", "--examples", "0", "--json")
    data = json.loads(out)
    assert code == 1 and data["kind"] == "crashed" and data["schema"] == "refcompress.verdict/1" and not data["good"]


@pytest.mark.parametrize("words, said", [
    (["gemm", "kernels_of_mine.py:right"], "op: must be one of "),
    (["gemm_s8s8", "kernels_of_mine.py:nothing"], "function: kernels_of_mine.py has no nothing"),
    (["gemm_s8s8", "kernels_of_mine.py"], "function: must be module:name"),
    (["gemm_s8s8", "kernels_of_mine.py:right", "--layouts", "odd"], "--layouts: must be of contiguous"),
    (["gemm_s8s8", "kernels_of_mine.py:right", "--junit", "j.txt"], "j.txt")])
def test_what_cannot_be_checked_is_one_line_and_exit_code_2(kernels, capfd, words, said):
    code, out, err = run(capfd, "check", *words)
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1
