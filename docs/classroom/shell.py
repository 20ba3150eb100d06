"""The cell magic ``%%bash`` of the guides: a command that fails stops the build, and its output is shown in one piece.

IPython's own shows the output in pieces, as they arrive, and the page would break lines between them.
"""

import subprocess

from IPython.core.magic import register_cell_magic


@register_cell_magic
def bash(line: str, cell: str) -> None:
    """Run a cell by bash, and print what it wrote."""
    done = subprocess.run(["bash", "-e", "-c", cell], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout, end="")
    done.check_returncode()
