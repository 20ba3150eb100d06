"""A command in a session of its own: its seconds, the memory of all its processes, and their end by a signal."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """One run: its exit status, seconds, MiB of memory, what it printed, and whether it was killed."""

    status: int
    wall: float
    cpu: float
    largest: float
    together: float
    said: str
    killed: bool = False


def memory_of(session: int) -> int:
    """Return the bytes of memory of all processes of a session; 0 where the system does not say (it needs /proc)."""
    total, page = 0, os.sysconf("SC_PAGE_SIZE")
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit():
            continue
        try:
            fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == session:
            total += int(fields[21]) * page
    return total


def run(command: list[str], folder: Path, *, kill_after: float | None = None, alone: bool = False) -> Ran:
    """Run a command in a session of its own, and measure it.

    kill_after : seconds until all its processes are killed; alone : until the first of them is, and no other
    """
    with tempfile.TemporaryFile(dir=folder.parent) as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        ended, most = threading.Event(), [0]

        def look() -> None:
            while not ended.wait(0.05):
                most[0] = max(most[0], memory_of(process.pid))

        def kill() -> None:
            if not ended.wait(kill_after):
                os.kill(process.pid, signal.SIGKILL) if alone else os.killpg(process.pid, signal.SIGKILL)

        threads = [threading.Thread(target=look)] + [threading.Thread(target=kill)] * (kill_after is not None)
        for thread in threads:
            thread.start()
        # Not reaped before the threads have ended: its number is its own until then.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall = time.perf_counter() - start
        ended.set()
        for thread in threads:
            thread.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return Ran(process.returncode, wall, usage.ru_utime + usage.ru_stime,
                   usage.ru_maxrss / (1024 if sys.platform != "darwin" else 2**20), most[0] / 2**20,
                   said.read().decode(errors="replace"), process.returncode == -signal.SIGKILL)
