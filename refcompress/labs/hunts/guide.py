"""The texts in the folder of a hunt: what to do, and a program to begin with. Neither says anything of the bug."""

import inspect
import textwrap

import numpy as np

from ... import reference
from ...testing.program import text
from .deal import Hunt
from .inputs import counted
from .plain import PLAIN

__all__ = ["begin", "guide"]

WIDTH = 80


def guide(hunt: Hunt) -> str:
    """Return the text."""
    op = hunt.kernel.op
    said = [
        f"# Hunt: a wrong {op}", "",
        *_wrapped(f"Somebody wrote `{op}` again, and made a mistake. Most inputs do not show it. Find a valid input on "
                  "which the result is wrong, and make it small."), "",
        "In this folder:", "",
        "    python begin.py               calls the reference and the wrong kernel, and writes input.npz",
        "    refcompress hunt try          judges input.npz",
        f"    python -c 'import refcompress; help(refcompress.{op})'", "",
        *_wrapped("An input is a file of arrays, by the names of the arguments. It holds numbers and words alone, so "
                  "that your teacher can try it without running your code."), "",
        *_wrapped(f"Points: an input of {counted(hunt.par)} or fewer in all of its arrays gives 100, that is par: the "
                  "smallest one that we know. Each time an input is twice as large it gives 10 fewer, and "
                  "10 at least. An input below par gives more than 100."), "",
        *_wrapped("No points: an input that the reference refuses, and one on which the kernel is right."), "",
        *_wrapped("Where to look: empty arrays, one element, lengths beside 16, 32, 64 and 1,024, ties, zeros with a "
                  "sign, the largest and the smallest numbers, NaN where it is allowed, each option at its ends."), ""]
    return "\n".join(said)


def begin(hunt: Hunt) -> str:
    """Return a program that calls both on an input on which the kernel is right."""
    op = hunt.kernel.op
    given = _small(op)
    typed = {name: text(value) for name, value in given.items()}
    used = [name for name in ("formats",) if any(f"{name}." in value for value in typed.values())]
    signature = inspect.signature(getattr(reference, op)).parameters
    call = ", ".join(name if signature[name].kind is not inspect.Parameter.KEYWORD_ONLY else f"{name}={name}"
                     for name in given)
    saved = ", ".join(f"{name}={name}" for name in given)
    return "\n".join([
        '"""Change the input until the two results differ."""', "", "import numpy as np", "",
        f"from refcompress import {', '.join([*used, op])}", "from refcompress.labs import hunts", "",
        'kernel = hunts.kernel(".")  # the wrong one; run this file in its folder', "",
        *(f"{name} = {value}" for name, value in typed.items()), "",
        f'print("right ", hunts.shown({op}({call})))', f'print("hunted", hunts.shown(kernel({call})))',
        f'hunts.save("input.npz", {saved})  # which `refcompress hunt try` judges', ""])


def _small(op: str) -> dict:
    """Return a small plain input: the smallest one of a few."""
    drawn = [PLAIN[op](np.random.default_rng(seed)) for seed in range(50)]
    return min(drawn, key=lambda given: sum(len(text(value)) for value in given.values()))


def _wrapped(said: str) -> list[str]:
    return textwrap.wrap(said, WIDTH, break_long_words=False, break_on_hyphens=False)
