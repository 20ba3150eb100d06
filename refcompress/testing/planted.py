"""The wrong kernels that samples alone must catch, and the right ones of another order of summation that must pass.

Both are lists of (name, operation, function): the kernels of the :mod:`catalogue` that stand with their family.
"""

from collections.abc import Callable

from .catalogue import OF_FAMILIES

WRONG: list[tuple[str, str, Callable]] = [(k.name, k.op, k.function) for k in OF_FAMILIES if k.wrong]
RIGHT: list[tuple[str, str, Callable]] = [(k.name, k.op, k.function) for k in OF_FAMILIES if not k.wrong]
