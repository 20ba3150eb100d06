"""Programs that tests run in a process of their own."""

import subprocess
import sys


def run(code, *flags, **options):
    """Run Python code, and return what came of it."""
    return subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, timeout=60, **options)
