"""Print the packages of the extra ``bench`` that are peers, one a line: ``python -m benchmarks.peers``."""

from . import packages

print(*packages(), sep="\n")
