"""Wrong kernels that ``check`` must catch, and right ones, of another order of summation, that it must pass.

Both are lists of (name, operation, function), collected from the cases of the operations.
"""

from collections.abc import Callable

from .families import CASES

WRONG: list[tuple[str, str, Callable]] = [
    (name, op, function) for op, cases in CASES.items() for name, function in cases.wrong.items()]
RIGHT: list[tuple[str, str, Callable]] = [
    (name, op, function) for op, cases in CASES.items() for name, function in cases.right.items()]
