"""Wrong kernels that ``check`` must catch, and right ones, of another order of summation, that it must pass.

Both are lists of (name, operation, function), collected from the :mod:`catalogue`, which has their stories too.
"""

from collections.abc import Callable

from .catalogue import KERNELS

WRONG: list[tuple[str, str, Callable]] = [(k.name, k.op, k.function) for k in KERNELS if k.wrong]
RIGHT: list[tuple[str, str, Callable]] = [(k.name, k.op, k.function) for k in KERNELS if not k.wrong]
