"""The stub of a lab: the reference's signature and docstring, and no body. It is made, and never kept by hand."""

import inspect
import textwrap

from .. import reference
from .lab import Lab

__all__ = ["guide", "stub"]

WIDTH = 80


def stub(lab: Lab) -> str:
    """Return the file that a learner begins with.

    >>> from .exercises import LABS
    >>> print(stub(LABS["gemm_s8s8"]).splitlines()[3])
    def gemm_s8s8(x, w, *, x_zero_point=0):
    """
    function = getattr(reference, lab.op)
    doc = inspect.getdoc(function) or ""
    mark = 'r"""' if "\\" in doc else '"""'
    body = "\n".join([mark + doc, '"""',
                      f'raise NotImplementedError("{lab.op}: write it here; the docstring says what it must return")'])
    imports = "\n".join(["import numpy as np", *lab.uses])
    return f"{imports}\n\n\ndef {lab.op}{signature(function)}:\n{textwrap.indent(body, '    ')}\n".replace(
        "\n    \n", "\n\n")


def signature(function) -> inspect.Signature:
    """Return the signature without annotations: the docstring has the types, in words."""
    whole = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in whole.parameters.values()]
    return whole.replace(parameters=bare, return_annotation=inspect.Signature.empty)


def guide(lab: Lab) -> str:
    """Return the text that lies beside the stub."""
    module = getattr(reference, lab.op).__module__.split(".")[1:]
    lesson = f"lesson {lab.lesson} of the site (`docs/lessons/`)" if lab.lesson else "none; it comes after the twelve"
    stages = [line for i, stage in enumerate(lab.stages, 1) for line in textwrap.wrap(
        f"{i}. **{stage.name}**: {stage.says}.", WIDTH, subsequent_indent="   ")]
    uses = ["What the stub imports beside NumPy is yours to use.", ""] * bool(lab.uses)
    return "\n".join([
        title(lab), "", *textwrap.wrap(lab.task, WIDTH), "",
        *textwrap.wrap(f"Write the function `{lab.op}` in `solution.py`. Its docstring says what goes in and what must "
                       "come out.", WIDTH), "", *uses,
        *textwrap.wrap(f"The lesson: {lesson}. The answer stands in `{'/'.join(module)}.py`: look there when you have "
                       "yours.", WIDTH), "",
        "In this folder:", "",
        "    refcompress lab check     is it right? If not: on which input, and why",
        "    refcompress lab hint      a hint for what failed last; each time one more",
        "    refcompress lab status    how far you are", "",
        "There are stages. You may pass one after the other:", "", *stages, "",
        *textwrap.wrap("An input that you do not want to take yet: raise NotImplementedError. It is counted, and "
                       "not called wrong.", WIDTH), ""])


def title(lab: Lab) -> str:
    """Return the first line of the text, by which a folder is known."""
    return f"# Lab: {lab.op}"
