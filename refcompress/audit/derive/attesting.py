"""What was found, as canonical JSON: the same findings are the same bytes, and can be signed.

Keys are sorted and the text is ASCII, without spaces, on one line with a newline at its end. Integers are decimal. The
one number that is no integer, the distance in steps, is a string of the shortest decimal digits that give back the
float64. There are no dates and no paths: files are known by their SHA-256.
"""

import json
from typing import TYPE_CHECKING

from ... import __version__
from .verdict import Verdict

if TYPE_CHECKING:
    from . import Derivation

__all__ = ["attestation"]

SCHEMA = "refcompress.derivation/1"


def attestation(d: "Derivation") -> bytes:
    """Return the canonical JSON of a derivation.

    Its members: schema, refcompress (the version), source and quantized (each the SHA-256 of a file), verdict (that of
    the file), tensors, left_out (names of scales and zero points of activations), source_only (names of the source's
    tensors that no tensor of the quantized file was compared with), unread (name -> why, of what is no tensor of
    numbers).
    """
    data = {"schema": SCHEMA, "refcompress": __version__, "source": {"sha256": d.source_sha256},
            "quantized": {"sha256": d.quantized_sha256}, "verdict": d.verdict,
            "tensors": [tensor(each) for each in d.verdicts], "left_out": list(d.left_out),
            "source_only": list(d.without), "unread": dict(d.unread)}
    return (json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False) + "\n").encode()


def tensor(v: Verdict) -> dict:
    """Return a verdict as an attestation has it: what is empty or 0 is left out."""
    data = {"name": v.name, "scheme": v.scheme, "verdict": v.verdict, "source": v.source, "rule": v.rule,
            "arithmetic": v.says, "reading": v.reading, "codes": v.codes,
            "differing": {name: count for name, count in v.differing.items() if count},
            "first": list(v.first), "not_nearest": v.not_nearest, "clipped": v.clipped, "why": v.why}
    if v.farthest:
        data["farthest_steps"] = repr(v.farthest)
    return {key: value for key, value in data.items() if value or key == "name"}
