"""A network made ready for inputs of one size: it runs again and again with little to do but its kernels.

run       Prepared: what a run does
tracing   the one run that finds out which kernels are called on which memory
arenas    the memory that values of one run take from each other
"""

from .run import Prepared

__all__ = ["Prepared"]
