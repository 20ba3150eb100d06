"""The stub of a lab: the reference's signature and docstring, and no body. It is made, and never kept by hand."""

import inspect
import re
import shlex
import textwrap

from .. import formats, reference
from .lab import LESSONS, Lab

__all__ = ["guide", "stub"]

WIDTH = 80
# What a solution costs and refuses is not judged, and whoever writes it has no paper at hand.
NOT_NEEDED = re.compile(r"Cost |Raises\n|\*\*Source\*\*(?!.*\*\*Departs\*\*)|\*\*Departs\*\* nothing\.$", re.S)
LAST = re.compile(r"\*\*(Source|Departs)\*\*")  # where a paper says something else


def stub(lab: Lab) -> str:
    """Return the file that a learner begins with.

    >>> from .exercises import LABS
    >>> print(stub(LABS["gemm_s8s8"]).splitlines()[3])
    def gemm_s8s8(x, w, *, x_zero_point=0):
    """
    function = getattr(reference, lab.op)
    doc = needed(inspect.getdoc(function) or "")
    mark = 'r"""' if "\\" in doc else '"""'
    body = "\n".join([mark + doc, '"""',
                      f'raise NotImplementedError("{lab.op}: write it here; the docstring says what it must return")'])
    uses = [*_of_the_example(lab, doc), *lab.uses]
    imports = "\n".join(["import numpy as np", *uses, *_parts(uses)])
    return f"{imports}\n\n\ndef {lab.op}{signature(function)}:\n{textwrap.indent(body, '    ')}\n".replace(
        "\n    \n", "\n\n")


def needed(doc: str) -> str:
    """Return a docstring in the order in which a learner needs it, without what nobody needs to write the function.

    >>> needed("Add.\\n\\n**Source** Euclid.\\n\\n**Departs** in 0.\\n\\nCost one step.\\n\\n>>> add(1, 2)\\n3")
    'Add.\\n\\n>>> add(1, 2)\\n3\\n\\n**Departs** in 0.'
    """
    paragraphs = [part for part in doc.split("\n\n") if not NOT_NEEDED.match(part)]
    return "\n\n".join(sorted(paragraphs, key=lambda part: bool(LAST.match(part))))


def _of_the_example(lab: Lab, doc: str) -> list[str]:
    """Return the import of what the docstring's example takes from here, beside the operation, without saying so."""
    example = [line for line in doc.splitlines() if line.startswith(">>> ")]
    imported = _words("\n".join([*lab.uses, *(line for line in example if " import " in line)]))
    more = sorted(_words("\n".join(example)) & {*reference.__all__, *formats.__all__} - imported - {lab.op})
    return [f"from refcompress import {', '.join(more)}  # for the example"] if more else []


def _parts(imports: list[str]) -> list[str]:
    """Return a comment for each format that is imported: in which order it takes its parts."""
    names = [name for line in imports for name in re.findall(r"\w+", line.partition("#")[0]) if name in formats.__all__]
    return [f"# {name}({', '.join(inspect.signature(getattr(formats, name)).parameters)})" for name in names]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def signature(function) -> inspect.Signature:
    """Return the signature without annotations: the docstring has the types, in words."""
    whole = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in whole.parameters.values()]
    return whole.replace(parameters=bare, return_annotation=inspect.Signature.empty)


def guide(lab: Lab, folder: str = "") -> str:
    """Return the text that lies beside the stub, in a folder of this name (by default lab-OP)."""
    place = shlex.quote(folder or f"lab-{lab.op}")
    module = getattr(reference, lab.op).__module__.split(".")[1:]
    lesson = f"number {lab.lesson}, `{LESSONS[lab.lesson - 1]}`" if lab.lesson else "none; it comes after the twelve"
    stages = [line for i, stage in enumerate(lab.stages, 1) for line in textwrap.wrap(
        f"{i}. **{stage.name}**: {stage.says}.", WIDTH, subsequent_indent="   ")]
    uses = ["What the stub imports beside NumPy is yours to use.", ""] * bool(lab.uses)
    return "\n".join([
        title(lab), "", *textwrap.wrap(f"{lab.task} {lab.more}".strip(), WIDTH), "",
        *textwrap.wrap(f"Write the function `{lab.op}` in `solution.py`, with any editor. Its docstring says what goes "
                       "in and what must come out.", WIDTH), "", *uses,
        *textwrap.wrap(f"The lesson: {lesson}. The answer stands in `refcompress/{'/'.join(module)}.py`: look there "
                       "when you have yours.", WIDTH), "",
        *textwrap.wrap(f"Type these in the folder above. Inside this folder type them without `{place}`.", WIDTH,
                       break_on_hyphens=False), "",
        f"    refcompress lab check {place}",
        "        is it right? If not: on which input, and why",
        f"    refcompress lab hint {place}",
        "        a hint for what failed last; each time one more",
        f"    refcompress lab status {place}",
        "        how far you are", "",
        "There are stages. You may pass one after the other:", "", *stages, "",
        *textwrap.wrap("If you cannot take an input yet, raise NotImplementedError: it then does not count as wrong. "
                       "Arguments that must be refused do not come: whether you refuse them is not judged.", WIDTH), "",
        *textwrap.wrap("You can use `print`. A check shows the first lines that your function prints for the input "
                       "that it shows.", WIDTH), ""])


def title(lab: Lab) -> str:
    """Return the first line of the text, by which a folder is known."""
    return f"# Lab: {lab.op}"
