"""The campaign on a sharded checkpoint: it ends well on a small one, and it finds what breaks a law."""

import os
import signal
import sys
from pathlib import Path

import pytest

from refcompress import models

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # behind everything: the library that is tested stays the one that is installed

from benchmarks import checkpoint_runs as runs  # noqa: E402

pytestmark = pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system does not say what a process took")


def test_a_small_checkpoint_holds_all_laws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["", "--matrices", "3", "--size", "64", "--presets", "lossless", "--ways", "jobs1",
                                      "--kills", "1", "--folder", str(tmp_path)])
    assert runs.main() == 0
    said = capsys.readouterr().out
    assert "same tensors, byte for byte" in said and "1 kills" in said and said.endswith("all laws hold\n")
    assert os.listdir(tmp_path) == []


def test_threads_and_the_command_line_make_the_same_file(tmp_path):
    source = runs.make(tmp_path / "model", 3, 8)
    runs.compress("threads", str(source), str(tmp_path / "a.rcz"), "int4")
    assert runs.run(runs.command_of("jobs1", source, tmp_path / "b.rcz", "int4"), tmp_path / "out").status == 0
    assert runs.digest_of(tmp_path / "a.rcz") == runs.digest_of(tmp_path / "b.rcz")


def test_the_shards_are_a_model_of_bfloat16_and_a_changed_byte_is_found(tmp_path):
    source = runs.make(tmp_path / "model", 3, 8)
    with models.open(source) as tensors:
        assert {(each.type, each.shape) for each in tensors.values()} == {("bfloat16", (8, 8)), ("bfloat16", (8,))}
        models.save(tmp_path / "copy.safetensors", tensors)
    assert runs.difference(source, tmp_path / "copy.safetensors") == ""
    data = bytearray((tmp_path / "copy.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "copy.safetensors").write_bytes(data)
    assert "has other bytes" in runs.difference(source, tmp_path / "copy.safetensors")


def test_a_killed_run_is_told_from_one_that_ended_and_its_memory_is_counted(tmp_path):
    code = "import os, time; held = b'1' * 2**28; time.sleep(0.5); os.kill(0, 9)"
    ran = runs.run([sys.executable, "-c", code], tmp_path / "out")
    assert ran.killed and ran.status == -signal.SIGKILL and ran.largest > 256
    assert ran.together > 256 or not os.path.isdir("/proc")
    ran = runs.run([sys.executable, "-c", "print('said'); raise SystemExit(3)"], tmp_path / "out")
    assert (ran.killed, ran.status, ran.said) == (False, 3, "said\n")
