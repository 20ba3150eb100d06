"""Runs that were stopped: what they leave, what goes on from it, and what a full disk is answered with."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from checkpoint_examples import normal, saved

from refcompress import checkpoints
from refcompress.__main__ import main
from refcompress.checkpoints import parts, work

ARRAYS = {f"{i}.weight": normal(64, 64) for i in range(6)}
KILLED = """
import os, sys
from refcompress import checkpoints, container
if __name__ == "__main__":
    class Here:  # an executor: then each tensor has a part of its own
        def submit(self, function, items):
            self.result, self.cancel = lambda made=function(items): made, lambda: None
            return self
    container.writer.Frame.finish = lambda self: os.kill(os.getpid(), 9)
    checkpoints.compress(sys.argv[1], "int8", target=sys.argv[2], executor=Here() if sys.argv[3] == "parts" else None)
"""
WITH_WORKERS = """
import sys, time
from refcompress import checkpoints
if __name__ == "__main__":
    checkpoints.compress(sys.argv[1], "int8", target=sys.argv[2], jobs=2, progress=lambda *_: time.sleep(60))
"""


@pytest.fixture
def source(tmp_path):
    return saved(tmp_path, ARRAYS)


@pytest.mark.parametrize("how", ["parts", "a file that grows"])
def test_a_run_that_was_killed_at_its_end_leaves_its_parts_alone_and_the_old_file(source, tmp_path, how):
    target = tmp_path / "a.rcz"
    target.write_bytes(b"old")
    assert subprocess.run([sys.executable, "-c", KILLED, source, target, how]).returncode == -signal.SIGKILL
    assert sorted(os.listdir(tmp_path)) == ["a.rcz", "a.rcz.parts", source.name] and target.read_bytes() == b"old"
    assert [name for name in os.listdir(f"{target}.parts") if name.startswith("whole.")]
    checkpoints.compress(source, "int8", target=target)
    checkpoints.compress(source, "int8", target=tmp_path / "b.rcz")
    assert sorted(os.listdir(tmp_path)) == ["a.rcz", "b.rcz", source.name]
    assert target.read_bytes() == (tmp_path / "b.rcz").read_bytes()


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="the system lists no processes in /proc")
def test_workers_end_when_the_run_that_made_them_is_killed(source, tmp_path):
    """A worker writes a part; its parent is killed, and nothing else is."""
    script = tmp_path / "run.py"
    script.write_text(WITH_WORKERS)
    process = subprocess.Popen([sys.executable, script, source, tmp_path / "a.rcz"], start_new_session=True)
    folder = tmp_path / "a.rcz.parts"
    while not (folder.is_dir() and any(name.endswith(".part") for name in os.listdir(folder))):
        time.sleep(0.02)
        assert process.poll() is None
    assert len(living(process.pid)) > 1
    process.kill()
    process.wait()
    end = time.monotonic() + 10
    while living(process.pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert living(process.pid) == []


def living(session: int) -> list[str]:
    """Return the processes of a session that have not ended."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat") as file:
                state, _, _, of, *_ = file.read().rpartition(")")[2].split()
        except (OSError, ValueError):  # no process, or one that has ended
            continue
        if int(of) == session and state not in "ZX":
            found.append(name)
    return found


@pytest.mark.parametrize("where", ["an entry", "the file"])
def test_a_full_disk_is_one_line_that_says_how_much_is_missing_and_the_run_goes_on_later(
        source, tmp_path, monkeypatch, capsys, where):
    target, replace, write, done = tmp_path / "a.rcz", os.replace, os.pwrite, []
    target.write_bytes(b"old")
    encoded = work.encoded

    def full(path, other):
        if os.fspath(other) == os.fspath(target):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, other)

    def half(file, data, place):  # the head of the file, three entries, and half of the fourth
        done.append(place)
        if len(done) == 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[: len(data) // 2] if len(done) == 5 else data, place)

    command = ["compress", str(source), "-o", str(target), "--preset", "int8", "--force", "--quiet"]
    with monkeypatch.context() as patched:
        patched.setattr(os, *(("pwrite", half) if where == "an entry" else ("replace", full)))
        assert main_of(command, monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{target}.parts: No space left on device: " in said
    assert "bytes are free, and the rest of the run takes up to " in said and target.read_bytes() == b"old"
    assert sorted(os.listdir(f"{target}.parts")) == ["whole.log", "whole.tmp"]
    assert sorted(os.listdir(tmp_path))[2:] == [source.name]
    made = []
    monkeypatch.setattr(work, "encoded", lambda *a: made.append(a) or encoded(*a))
    assert main_of(command, monkeypatch) == 0 and len(made) == (3 if where == "an entry" else 0)
    checkpoints.compress(source, "int8", target=tmp_path / "b.rcz")
    assert target.read_bytes() == (tmp_path / "b.rcz").read_bytes()


def main_of(command: list[str], monkeypatch) -> int:
    monkeypatch.setattr(sys, "argv", ["refcompress", *command])
    return main()


def test_the_unfinished_file_lies_beside_the_target_where_its_parts_may_be_on_another_disk(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.symlink("elsewhere", tmp_path / "a.rcz.parts")
    os.symlink("b.rcz", tmp_path / "link.rcz")
    for target in ("a.rcz", "link.rcz"):
        assert parts.whole_path(f"{tmp_path / target}.parts", str(tmp_path / target)) is None
    assert parts.whole_path(f"{tmp_path / 'c.rcz'}.parts", str(tmp_path / "c.rcz"))
