"""Saving leaves the old file or the new one; loading opens regular files only."""

import io
import os
import random
import signal
import stat
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from interrupt import at_every_bytecode

from refcompress import CorruptError, LimitError, NotOnDisk, RefcompressError, container
from refcompress.container import files
from refcompress.models import npz

# Of a file that is closed by the end of its object, where Ctrl-C comes between its opening and the block that closes
# it.
unclosed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

OLD, NEW = {"old": np.zeros(2)}, {"new": np.ones(50)}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.rcz"
    container.save(path, OLD)
    return path


def test_what_is_saved_is_loaded(tmp_path):
    for path in (tmp_path / "a.rcz", str(tmp_path / "b.rcz"), os.fsencode(tmp_path / "c.rcz")):
        container.save(path, NEW)
        assert container.load(path)["new"].tolist() == [1] * 50
        assert Path(os.fsdecode(path)).read_bytes() == container.dumps(NEW)


def failing(error):
    def fail(*args, **kwargs):
        raise error

    return fail


class FullDisk(io.FileIO):
    """A file that takes half of what it is given, and then fails."""

    error: BaseException

    def write(self, data):
        super().write(data[: len(data) // 2])
        raise self.error


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace", "chmod", "encode"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_an_exception_at_any_step_leaves_the_old_file_and_no_other(path, monkeypatch, step, error):
    before = path.read_bytes()
    if step == "write":
        monkeypatch.setattr(FullDisk, "error", error, raising=False)
        monkeypatch.setattr(files, "open", FullDisk, raising=False)
    else:
        monkeypatch.setattr(*((container.entries, "write") if step == "encode" else (os, step)), failing(error))
    with pytest.raises(type(error)) as raised:
        container.save(path, NEW)
    monkeypatch.undo()
    assert raised.value is error
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.rcz"]


@unclosed
@pytest.mark.parametrize("full", [None, "fsync", "replace"])
def test_ctrl_c_at_any_bytecode_leaves_one_whole_file_and_nothing_else(path, monkeypatch, full):
    def no_space(*args):
        raise OSError(28, "No space left on device")

    old, new = path.read_bytes(), container.dumps(NEW)
    monkeypatch.setattr(os, "fsync", os.fstat)  # what is tried some hundred times need not wait for the disk
    if full:
        monkeypatch.setattr(os, full, no_space)
    kinds = set()
    for raised in at_every_bytecode(lambda: files.write(path, new)):
        kinds.add((type(raised), path.read_bytes() == new))
        assert os.listdir(path.parent) == ["model.rcz"]
        path.write_bytes(old)
    whole = {(None.__class__, True), (KeyboardInterrupt, False), (KeyboardInterrupt, True)}
    assert kinds == (whole if full is None else {(OSError, False), (KeyboardInterrupt, False)})  # and no other error


@unclosed
def test_ctrl_c_at_any_time_leaves_one_whole_file_and_nothing_else(path):
    old, new, before = path.read_bytes(), container.dumps(NEW), signal.getsignal(signal.SIGALRM)
    rng = random.Random(0)
    begun = time.perf_counter()
    files.write(path, new)
    seconds = time.perf_counter() - begun
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for _ in range(300):
            path.write_bytes(old)
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, seconds))
                files.write(path, new)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                pass
            assert os.listdir(path.parent) == ["model.rcz"] and path.read_bytes() in (old, new)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_folder_that_cannot_be_brought_to_the_disk_is_said_with_the_new_file_in_place(path, monkeypatch):
    true, error = os.fsync, OSError(5, "Input/output error")
    monkeypatch.setattr(os, "fsync", lambda d: failing(error)() if stat.S_ISDIR(os.fstat(d).st_mode) else true(d))
    with pytest.raises(NotOnDisk, match="new file is in place.*Input/output error.*model.rcz"):
        container.save(path, NEW)
    assert path.read_bytes() == container.dumps(NEW) and os.listdir(path.parent) == ["model.rcz"]


def test_the_file_is_on_the_disk_before_it_has_the_name_and_the_name_is_after(path, monkeypatch):
    steps = []
    for name in ("fsync", "replace"):
        true = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, true=true: (steps.append(name), true(*args))[1])
    container.save(path, NEW)
    assert steps == ["fsync", "replace", "fsync"]


def test_a_replaced_file_keeps_its_mode_and_a_new_one_follows_the_umask(path, tmp_path):
    for mode in (0o600, 0o640, 0o664, 0o444, 0o4755):
        path.chmod(mode)
        container.save(path, NEW)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    old = os.umask(0o027)
    try:
        container.save(tmp_path / "fresh.rcz", NEW)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "fresh.rcz").stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o666])
def test_nobody_reads_more_of_a_temporary_file_than_of_the_file_that_it_replaces(path, monkeypatch, mode):
    """Looked at after each call of the system, from the creation on."""
    path.chmod(mode)
    seen = []
    for name in ("open", "chmod", "chown", "fsync", "replace"):
        def look(*args, _true=getattr(os, name), **named):
            try:
                return _true(*args, **named)
            finally:
                seen.extend(stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob(".refcompress-*.tmp"))

        monkeypatch.setattr(os, name, look)
    old = os.umask(0)
    try:
        container.save(path, NEW)
    finally:
        os.umask(old)
    assert len(seen) >= 3 and all(found in (0o600, mode) for found in seen) and seen[-1] == mode


def test_a_replaced_file_keeps_its_group_or_shuts_others_out(path, monkeypatch):
    path.chmod(0o664)
    status, true, asked = path.stat(), os.stat, []
    monkeypatch.setattr(os, "chown", lambda *args: asked.append(args[1:]))
    other = os.stat_result([*status[:5], status.st_gid + 1, *status[6:]])
    monkeypatch.setattr(os, "stat", lambda p, **named: other if Path(p) == path else true(p, **named))
    container.save(path, NEW)
    assert asked == [(status.st_uid, status.st_gid + 1)]
    assert stat.S_IMODE(true(path).st_mode) == 0o664
    monkeypatch.setattr(os, "chown", failing(PermissionError(1, "Operation not permitted")))
    container.save(path, NEW)
    assert stat.S_IMODE(true(path).st_mode) == 0o604


@pytest.mark.parametrize("name", ["models/", "models/.", "models//", "link", "models/..", ""])
def test_the_name_of_a_folder_that_is_not_there_does_not_become_a_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    os.symlink("models/", "link")
    for save in (lambda: container.save(name, NEW), lambda: npz.save(name, {"a": np.ones(2)})):
        with pytest.raises((RefcompressError, OSError)):
            save()
    assert os.listdir() == ["link"]


def test_a_symbolic_link_stays_and_its_file_is_replaced(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.rcz"
    link.symlink_to(path)
    container.save(link, NEW)
    assert link.is_symlink() and path.read_bytes() == container.dumps(NEW)
    assert os.listdir(link.parent) == ["link.rcz"]
    dangling = tmp_path / "dangling.rcz"
    dangling.symlink_to(tmp_path / "not yet.rcz")
    container.save(dangling, NEW)
    assert dangling.is_symlink() and "new" in container.load(tmp_path / "not yet.rcz")


def test_readers_during_writes_see_one_file_or_the_other_whole(path):
    done = threading.Event()

    def write():
        for i in range(40):
            container.save(path, OLD if i % 2 else NEW)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen |= container.load(path).keys()
    writer.join()
    assert seen <= {"old", "new"} and seen


def test_directories_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", "/dev/null"):
        for act in (lambda: container.load(path), lambda: container.save(path, NEW)):
            with pytest.raises(RefcompressError, match="regular file"):
                act()
    (tmp_path / "file").touch()
    for act in (
        lambda: container.load(tmp_path),
        lambda: container.save(tmp_path, NEW),
        lambda: container.save(f"{tmp_path}/", NEW),
        lambda: container.save(f"{tmp_path}/file/", NEW),
    ):
        with pytest.raises((RefcompressError, IsADirectoryError, NotADirectoryError)):
            act()
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"] and (tmp_path / "file").read_bytes() == b""


def test_what_is_not_there_is_what_the_system_says(tmp_path):
    with pytest.raises(FileNotFoundError):
        container.load(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        container.save(tmp_path / "missing" / "a.rcz", NEW)


def test_an_empty_file_is_corrupt_and_a_large_one_is_not_read(tmp_path):
    empty, large = tmp_path / "empty", tmp_path / "large"
    empty.touch()
    with pytest.raises(CorruptError):
        container.load(empty)
    with open(large, "wb") as file:
        file.truncate(2**40)  # a terabyte of nothing
    with pytest.raises(LimitError):
        container.load(large)
