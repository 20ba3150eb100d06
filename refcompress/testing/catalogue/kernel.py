"""What the catalogue says of one kernel; the classes of bugs, and the kinds of right kernels."""

from collections.abc import Callable
from dataclasses import dataclass

BUGS = {
    "tail": "what lies behind the last whole vector, tile, block or row is lost, or counted twice",
    "length": "right up to some length, or but at one, and wrong from there on",
    "layout": "the memory is taken for what it is not: contiguous, aligned, of the usual byte order",
    "values": "NaN, infinities, zeros with a sign, subnormals, the ends of a type",
    "bits": "fewer bits than the rule allows: narrow sums, dropped bits of an operand, a difference that cancels",
    "rounding": "ties, quotients, where and how often it is rounded",
    "rule": "another formula, choice or order than the stated one",
    "format": "a stored form is read or written wrongly: halves of a byte, signs, scales, blocks, types",
    "options": "an option is passed by, or wrong at an edge",
    "state": "something is left from another call, or left behind for the next one",
    "promise": "type, shape or structure of the result is not what the operation promises",
    "refusal": "a bad call is accepted, or a good one refused, or a call refused under another name",
    "memory": "C that reads or writes beside its arrays, or dies",
    "status": "C that never comes back, or comes back with the wrong status",
}
RIGHTS = {
    "order": "another order of summation, or another place of rounding, that the rule leaves free",
    "algorithm": "another way to the same answer",
    "library": "another library's function, run where that is installed",
}


@dataclass(frozen=True)
class Kernel:
    """One kernel of the catalogue.

    op : the operation that it claims to be.
    name : of a wrong kernel its bug, of a right one what is its own. Unique within the operation.
    kind : a word of BUGS or of RIGHTS.
    story : a sentence or two: where such a bug comes from, or why the kernel is right.
    function : called as the operation is.
    """

    op: str
    name: str
    kind: str
    story: str
    function: Callable

    @property
    def wrong(self) -> bool:
        return self.kind in BUGS
