"""Which elements of a network's tensors belong together: what must stay or go as one."""

from collections.abc import Iterable

import numpy as np

__all__ = ["Axis", "Ties"]

Axis = np.ndarray | None  # an atom for each index along an axis; None for an axis whose size is open


class Ties:
    """Atoms, one for each index along an axis of a tensor or value, in classes that stay or go together.

    A class is fixed where something needs all of it: ``why`` says what.
    """

    def __init__(self):
        self._parent: list[int] = []
        self._why: dict[int, str] = {}

    def new(self, size: int | str, why: str = "") -> Axis:
        """Return new atoms for an axis; fixed ones where there is a reason."""
        if isinstance(size, str):
            return None
        first = len(self._parent)
        self._parent += range(first, first + size)
        if why:
            self._why |= dict.fromkeys(range(first, first + size), why)
        return np.arange(first, first + size)

    def root(self, atom: int) -> int:
        """Return the atom that stands for a class."""
        parent = self._parent
        while parent[atom] != atom:
            parent[atom] = parent[parent[atom]]
            atom = parent[atom]
        return atom

    def roots(self, axis: np.ndarray) -> np.ndarray:
        return np.array([self.root(int(atom)) for atom in axis], np.int64)

    def tie(self, a: Iterable[int], b: Iterable[int]) -> None:
        """Put the atoms of a and b into one class each, pair by pair."""
        for i, j in zip(a, b):
            i, j = sorted((self.root(int(i)), self.root(int(j))))
            if i != j:
                self._parent[j] = i
                if j in self._why:
                    self._why.setdefault(i, self._why.pop(j))

    def tie_axes(self, a: Axis, b: Axis, why: str) -> Axis:
        """Tie two axes that are the same, and return one; with one whose size is open the other is fixed."""
        if a is None or b is None:
            self.fix(a, why)
            self.fix(b, why)
            return a if b is None else b
        self.tie(a, b)
        return a

    def fix(self, axis: Axis, why: str) -> None:
        """Say that all of an axis is needed."""
        for atom in () if axis is None else axis:
            self._why.setdefault(self.root(int(atom)), why)

    def why(self, atom: int) -> str:
        """Return why the class of an atom is fixed, or ""."""
        return self._why.get(self.root(int(atom)), "")

    def blocks(self, axis: np.ndarray, count: int) -> np.ndarray:
        """Tie the indices of each of ``count`` equal blocks of an axis; return an atom for each block."""
        rows = axis.reshape(count, -1)
        for row in rows:
            self.tie(row[1:], row)
        return rows[:, 0]
