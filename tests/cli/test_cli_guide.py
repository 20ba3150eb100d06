"""--version, help and include: what a newcomer types first."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from cli_examples import run

import refcompress
from refcompress.cli import COMMANDS
from refcompress.cli.progress import Progress


def test_version_is_that_of_the_package(capsys):
    assert run(capsys, "--version") == (0, f"refcompress {refcompress.__version__}\n", "")


def test_help_lists_the_commands_and_help_of_a_command_is_its_own(capsys):
    code, out, _ = run(capsys, "help")
    assert code == 0 and all(word in out for word in ("compress", "decompress", "inspect", "help", "--version"))
    for command in re.findall(r"^    (\w+) ", out, re.M):
        assert run(capsys, "help", command) == run(capsys, command, "--help") and command in out


def test_help_of_no_command_says_which_there_are(capsys):
    code, out, err = run(capsys, "help", "squeeze")
    assert (code, out, err.count("\n")) == (2, "", 1) and "squeeze" in err and "decompress" in err


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler here")
def test_a_kernel_compiles_against_the_header_in_the_folder_that_include_prints(capsys, tmp_path):
    code, out, _ = run(capsys, "include")
    assert code == 0 and (Path(out.strip()) / "refcompress.h").is_file()
    (tmp_path / "mine.c").write_text('#include "refcompress.h"\nint fine(void) { return RC_OK; }\n')
    command = ["cc", "-std=c11", "-shared", "-fPIC", f"-I{out.strip()}", "mine.c", "-o", "mine.so"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr == ""


def clock(monkeypatch, seconds):
    """Let each look at the clock be ``seconds`` after the one before."""
    ticks = iter(range(1000))
    monkeypatch.setattr("refcompress.cli.progress.time.monotonic", lambda: next(ticks) * seconds)


def test_progress_says_nothing_within_a_second(monkeypatch, capsys):
    clock(monkeypatch, 0.05)
    with Progress() as progress:
        for done in range(1, 11):
            progress.step("compress", done, 10)
    assert capsys.readouterr() == ("", "")


def test_progress_says_how_long_it_will_take_and_quiet_says_nothing(monkeypatch, capsys):
    for quiet in (False, True):
        clock(monkeypatch, 3)
        with Progress(quiet) as progress:
            for done in range(1, 5):
                progress.step("compress", done, 4)
        out, err = capsys.readouterr()
        assert out == "" and bool(err) == (not quiet)
        if err:
            assert err.splitlines() == ["   6.0 s  compress: 2 of 4 done, 3 s left at this pace",
                                        "  12.0 s  compress: 4 of 4 done"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_quiet_beside_json(capsys, name):
    out = run(capsys, "help", name)[1]
    assert "  --json" in out and "  --quiet" in out


def test_a_quiet_audit_says_nothing_of_its_progress_and_prints_the_same_report(capsys):
    synthetic = ("audit", "--network", "LeNet-300-100", "--synthetic")
    loud, quiet = run(capsys, *synthetic), run(capsys, *synthetic, "--quiet")
    assert loud[:2] == quiet[:2] and loud[2].startswith("refcompress: LeNet-300-100") and quiet[2] == ""


def test_a_quiet_decompress_prints_its_summary_alone(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refcompress.save("m.rcz", {"w": np.ones((3, 4), np.float32)})
    code, out, err = run(capsys, "decompress", "m.rcz", "m.npz", "--quiet")
    assert (code, err) == (0, "") and out.startswith("m.npz: 1 tensors, ")
