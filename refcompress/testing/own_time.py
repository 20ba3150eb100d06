"""The time of a process: seconds by the clock, without those in which it was ready to run and got no processor.

What a check tries, and what it calls a hang, must not depend on what else the machine does meanwhile. Linux says how
long a process has waited for a processor; elsewhere nothing is taken off. A process that sleeps, or waits for another
one, uses its time.
"""

import contextlib
import os
import time


class OwnTime:
    """Called, it returns the seconds of a process (by default this one) since some moment; it never stands still."""

    def __init__(self, pid: int | None = None) -> None:
        self.file: int | None = None
        self.last = 0.0
        with contextlib.suppress(OSError):  # no Linux, or a kernel that does not count
            self.file = os.open(f"/proc/{pid or os.getpid()}/schedstat", os.O_RDONLY)

    def waited(self) -> float:
        """Return the seconds in which the process has waited for a processor; of one that is gone, as last seen."""
        with contextlib.suppress(OSError, IndexError):
            if self.file is not None:
                self.last = int(os.pread(self.file, 64, 0).split()[1]) * 1e-9
        return self.last

    def __call__(self) -> float:
        return time.monotonic() - self.waited()

    def close(self) -> None:
        file, self.file = self.file, None
        if file is not None:
            os.close(file)

    def __del__(self) -> None:
        self.close()
