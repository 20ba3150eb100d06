"""Saving leaves the old file or the new one; loading opens regular files only."""

import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from refcompress import CorruptError, LimitError, RefcompressError, container

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


@pytest.mark.parametrize("step", ["write", "fsync", "replace", "chmod", "dumps"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_an_exception_at_any_step_leaves_the_old_file_and_no_other(path, monkeypatch, step, error):
    def fail(*args, **kwargs):
        raise error

    before = path.read_bytes()
    if step == "write":
        monkeypatch.setattr(os, "fdopen", lambda descriptor, mode: Failing(descriptor, mode, error))
    elif step == "dumps":
        monkeypatch.setattr(container, "dumps", fail)
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        container.save(path, NEW)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.rcz"]


class Failing:
    """A file that takes half of what it is given, and then fails."""

    def __init__(self, descriptor, mode, error):
        self.file = open(descriptor, mode)
        self.error = error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        raise self.error


def test_the_file_is_on_the_disk_before_it_has_the_name_and_the_name_is_after(path, monkeypatch):
    steps = []
    for name in ("fsync", "replace"):
        true = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, true=true: (steps.append(name), true(*args))[1])
    container.save(path, NEW)
    assert steps == ["fsync", "replace", "fsync"]


def test_a_replaced_file_keeps_its_mode_and_a_new_one_follows_the_umask(path, tmp_path):
    for mode in (0o600, 0o640, 0o664):
        path.chmod(mode)
        container.save(path, NEW)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    old = os.umask(0o027)
    try:
        container.save(tmp_path / "fresh.rcz", NEW)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "fresh.rcz").stat().st_mode) == 0o640


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
    for act in (lambda: container.load(tmp_path), lambda: container.save(tmp_path, NEW)):
        with pytest.raises((RefcompressError, IsADirectoryError)):
            act()
    assert os.listdir(tmp_path) == ["pipe"]


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
