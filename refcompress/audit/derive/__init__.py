"""Does a quantized file come from the source that it names? Of each tensor: by which rule, bit for bit, or how far off.

- ``stored.py``: a quantized tensor as fields, and what a rule is
- ``gguf.py``, ``onnx.py``, ...: what the bytes of a format mean, and the rules of the tools that write it
- ``items.py``: the tensors of a file
- ``origins.py``: which tensor of the source one comes from
- ``verdict.py``: the comparison; ``folded.py``: the same, of weights whose inputs were scaled (AWQ)
- ``words.py``: verdicts in words
- ``attesting.py``: the result as canonical JSON
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike

from ... import models, reference
from ..limits import limit_of_others
from .attesting import attestation
from .blame import of_file as _named
from .items import opened
from .origins import Origins
from .verdict import AMBIGUOUS, BOUNDED, EXACT, NEAREST, NOT_DERIVED, ORDER, Verdict

__all__ = ["AMBIGUOUS", "BOUNDED", "EXACT", "NEAREST", "NOT_DERIVED", "ORDER", "Derivation", "Verdict", "attestation",
           "derive"]


@dataclass(frozen=True)
class Derivation:
    """The verdicts on all tensors of a file, and the SHA-256 of both files.

    left_out : names of tensors that stand for no weights: scales and zero points of activations. without : names of the
    source's tensors that no tensor of the quantized file was compared with: it has none of their name, and none of
    their size is near. unread : name -> why, of what the quantized file has and is no tensor of
    numbers.
    """

    source: str
    quantized: str
    source_sha256: str
    quantized_sha256: str
    verdicts: tuple[Verdict, ...]
    left_out: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The verdict on the file: that on the tensor with the worst one."""
        return max((each.verdict for each in self.verdicts), key=ORDER.index, default=EXACT)


def derive(source: str | bytes | PathLike, quantized: str | bytes | PathLike, *, limit: int | None = None,
           implementation: object = reference) -> Derivation:
    """Return for each tensor of a quantized file whether it comes from a source, and by which rule.

    A tensor is compared with the source of its name; where there is none of its size, with the one whose numbers are
    nearest. At most one tensor of each file is in memory at a time.

    Parameters
    ----------
    source : the file of float weights, of a type that ``models.open`` reads
    quantized : the file that is said to come from it; a compressed file of ours too
    limit : the most bytes that one tensor may have; None for what ``limits`` says
    implementation : the namespace that decodes a compressed file of ours; it changes no verdict

    Raises
    ------
    RefcompressError : by its name, for a file that does not read
    """
    with _named("source"):
        theirs = models.open(source, limit=limit_of_others(limit), rest=True)
    with theirs:
        with _named("quantized"), opened(quantized, limit, implementation) as mine:
            origins = Origins(theirs, mine.beside)
            verdicts = tuple(origins.verdict(item) for item in mine.items)
            return Derivation(theirs.files[0], mine.path, theirs.sha256(), mine.sha256(), verdicts, mine.left_out,
                              origins.left(), mine.unread)
