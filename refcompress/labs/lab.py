"""What a lab is made of: its stages, and the mistakes that it knows how to explain."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..testing.features import Features

__all__ = ["FULL", "LESSONS", "PLAIN", "Failure", "Lab", "Mistake", "Stage", "plain", "raised", "refused", "where"]

# The pages of the twelve lessons, from the first on: docs/lessons/<name>.md, and the notebook of that name.
LESSONS = ("01_magnitude", "02_kmeans", "03_int8", "04_gptq", "05_awq", "06_obs", "07_sparsegpt", "08_truncated_svd",
           "09_randomized_svd", "10_huffman_lengths", "11_huffman_stream", "12_range_coder")

NEARLY_ALL = 0.8  # of the inputs: who is wrong on so many has no trouble with what is special about one of them


@dataclass(frozen=True)
class Failure:
    """A small input on which a solution is wrong.

    kind : "wrong", "crashed" or "hung". reason : what the check says of it. given : its arguments by name. expected,
    got : both results, where there are any. like : what the input is like. share : of all inputs, how many are wrong.
    pattern : where these are.
    """

    kind: str
    reason: str
    given: Mapping[str, Any] = field(default_factory=dict)
    expected: Any = None
    got: Any = None
    like: Features = Features({}, frozenset(), frozenset(), frozenset(), frozenset())
    share: float = 0.0
    pattern: str = ""


def raised(failure: Failure) -> bool:
    """Return whether the function raised an exception."""
    return failure.reason.startswith("raised ")


def otherwise(failure: Failure) -> bool:
    """Stand for every failure that nothing else explains."""
    return True


def refused(*words: str) -> Callable[[Failure], bool]:
    """Return whether a format refused what a solution put into it, in these words: it checks what it holds."""
    return lambda failure: failure.reason.startswith("raised RefcompressError") and any(
        word in failure.reason for word in words)


def where(holds: Callable[[Failure], bool]) -> Callable[[Failure], bool]:
    """Return whether a failure's input is a special one, and special ones are what the solution is wrong on."""
    return lambda failure: failure.share < NEARLY_ALL and holds(failure)


@dataclass(frozen=True)
class Mistake:
    """A mistake that is known: how it shows, what to say of it, and hints that do not give the answer away.

    name : of one word or two; progress keeps it. when : whether a failure shows it. says : which kind of input fails,
    or what is wrong, in a sentence. clause : the number of the clause that it breaks. hints : from the vaguest on.
    Without ``when`` it is what remains. An empty clause: it breaks none, for it is no matter of the result.
    """

    name: str
    says: str
    clause: str
    hints: tuple[str, ...]
    when: Callable[[Failure], bool] = otherwise


@dataclass(frozen=True)
class Stage:
    """A part of the inputs: a solution passes one stage after the other.

    options : those of testing.check that choose these inputs. ``not_offered`` of them are what the stage leaves out.
    without : a condition on an input's arguments by name; inputs that meet it are left out too.
    """

    name: str
    says: str
    options: Mapping[str, Any]
    without: Callable[[Mapping[str, Any]], bool] | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(self.options.get("not_offered", ()))


@dataclass(frozen=True)
class Lab:
    """An exercise: write one operation again.

    lesson : its number in ``reference/__init__.py``, or None for what comes after the twelve. task : what to build, in
    a sentence or two. clause : of the result in general. uses : lines of import that the stub begins with. more : what
    the text beside the stub says of the task beyond it.
    """

    op: str
    lesson: int | None
    task: str
    clause: str
    stages: tuple[Stage, ...]
    mistakes: tuple[Mistake, ...]
    uses: tuple[str, ...] = ()
    more: str = ""


QUICK: Mapping[str, Any] = {"layouts": ("contiguous",), "examples": 0, "states": False}


def plain(says: str, *not_offered: str, name: str = "plain",
          without: Callable[[Mapping[str, Any]], bool] | None = None) -> Stage:
    """Return a stage of arrays that lie as usual, without the options that are named."""
    return Stage(name, says, {**QUICK, "not_offered": not_offered}, without)


PLAIN = plain("arrays that lie in memory as usual, and every option")
FULL = Stage("full", "every layout of memory and byte order, options that are numbers of NumPy, calls that follow each "
             "other, and a random search", {})
