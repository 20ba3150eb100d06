"""How long a call takes to answer Ctrl-C."""

import signal
import subprocess
import sys
import threading
import time

CHILD = """
import signal, time
# A job in the background of a shell starts with the signal ignored, and so would this child.
signal.signal(signal.SIGINT, signal.default_int_handler)
{setup}
for _ in range(8):
    try:
        print("ready", flush=True)
        while True:
            {call}
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
"""


def seconds_to_answer(setup: str, call: str, enough: float) -> float:
    """Return the seconds between SIGINT and the exception out of ``call``, the best of eight: a busy machine may delay one.

    Stops as soon as one is below ``enough``. A call that answers none within a minute is killed, and fails the test.
    """
    child = subprocess.Popen([sys.executable, "-c", CHILD.format(setup=setup, call=call)], stdout=subprocess.PIPE, text=True)
    guard = threading.Timer(60, child.kill)
    guard.start()
    best = float("inf")
    try:
        for _ in range(8):
            assert child.stdout.readline() == "ready\n"
            time.sleep(0.1)
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            best = min(best, float(child.stdout.readline()) - sent)
            if best < enough:
                break
    finally:
        guard.cancel()
        child.kill()
        child.wait()
        child.stdout.close()
    return best
