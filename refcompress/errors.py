"""Every refusal of the library, by name.

Each kind is a :class:`RefcompressError` and also the built-in exception that a Python programmer would expect, so both
``except refcompress.RefcompressError`` and ``except ValueError`` work. Each names the argument at fault and the rule
that it broke; the reference and the native implementation raise the same class with the same argument.
"""


class RefcompressError(ValueError):
    """A refused input: ``argument`` is its name, ``rule`` the sentence that it broke."""

    def __init__(self, argument: str, rule: str):
        super().__init__(argument, rule)
        self.argument = argument
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.argument}: {self.rule}"


class ArgumentTypeError(RefcompressError, TypeError):
    """An argument of the wrong type or dtype; nothing is cast in silence."""


class CorruptError(RefcompressError):
    """Bytes that no writer of this library produces."""


class LimitError(RefcompressError):
    """A size beyond what the operation, the format or the caller's limit allows."""


class UnsupportedVersionError(RefcompressError):
    """A file of a version that this release does not read."""


class NotBuilt(RefcompressError, ImportError):
    """The C kernels are not there; the rule says why, and what to do."""


class MissingExtra(RefcompressError, ImportError):
    """An optional dependency is not installed; the rule names the extra that brings it."""


class NotOnDisk(OSError):
    """A file that was written whole under its name, in a folder that the system could not bring to the disk.

    No refusal: the new file is in place, and only a failure of the power may bring the old one back.
    """
