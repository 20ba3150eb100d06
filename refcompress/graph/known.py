"""What is known of a value before a network runs: its element type, its sizes, and for small integers the value."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Known", "Size"]

Size = int | str  # a number, or the name of a size that is open: sizes.py


@dataclass(frozen=True, eq=False)
class Known:
    """type : a name of ELEMENT_TYPES. shape : sizes, open ones by name; None where not even their number is known.

    value : of a value that does not depend on the inputs of a run, such as a parameter of int64 that says a shape, what
    it is; an array of Python's ints and names, where it is made of sizes. None for all others. product : of a stored
    weight the type of its products, where that is another one: float32 for a Plain of float16.
    """

    type: str
    shape: tuple[Size, ...] | None
    value: np.ndarray | None = None
    product: str | None = None

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The shape, where the number of its sizes is known."""
        if self.shape is None:
            raise ValueError("the number of sizes is not known")
        return self.shape
