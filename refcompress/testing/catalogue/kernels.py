"""What the catalogue says of one kernel; the classes of bugs, and the kinds of right kernels."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

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
    needs : the modules and programs without which it cannot be called.
    alone : whether it must be judged in a process of its own: it may die, never come back, or leave the process in
        another state.
    """

    op: str
    name: str
    kind: str
    story: str
    function: Callable
    needs: tuple[str, ...] = ()
    alone: bool = False

    @property
    def wrong(self) -> bool:
        return self.kind in BUGS

    def missing(self) -> list[str]:
        """Return what it needs and this machine lacks."""
        return [name for name in self.needs if shutil.which(name) is None and find_spec(name) is None]


def for_each(kind: str, name: str, story: str, maker: Callable[[str], Callable], *ops: str) -> list[Kernel]:
    """Return one kernel for each of the operations: what ``maker`` makes of the operation's name."""
    return [Kernel(op, name, kind, story, maker(op)) for op in ops]
