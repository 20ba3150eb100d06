"""What the name of a file claims: how many bits its numbers have."""

import os
import re

__all__ = ["claim_of"]

BITS = [  # words in a name, and the bits that they claim
    (re.compile(r"(?:fp|f|float)32"), 32.0), (re.compile(r"bf16|bfloat16"), 16.0),
    (re.compile(r"half|(?:fp|f|float)16|f16|w16a16"), 16.0),
    (re.compile(r"(?:fp|f|float)8|e4m3(?:fn)?|e5m2|u?int8|[us]8|q8(?:_[0-9k])?|8bit|w8a(?:8|16)|mxfp8|iq8\w*"), 8.0),
    (re.compile(r"q6(?:_k)?|6bit"), 6.0), (re.compile(r"i?q5(?:_\w+)?|5bit"), 5.0),
    (re.compile(r"u?int4|[us]4|i?q4(?:_\w+)?|q4f(?:16|32)|4bit|w4a(?:4|8|16)|n[fv]?f?p?4|mxfp4|bnb4"), 4.0),
    (re.compile(r"i?q3(?:_\w+)?|3bit|int3"), 3.0), (re.compile(r"i?q2(?:_\w+)?|2bit|int2|tq2_0"), 2.0),
    (re.compile(r"i?q1(?:_\w+)?|1bit|tq1_0"), 1.0),
]
QUANT = re.compile(r"quant(?:ized|ised)?")
PARTS = re.compile(r"[^a-z0-9]+")


def claim_of(path: str) -> tuple[str, float] | None:
    """Return the word of a file's name that claims bits, and the bits; None where it claims none.

    >>> claim_of("models/silero_vad_half.onnx"), claim_of("llama-7b.Q4_K_M.gguf"), claim_of("model.safetensors")
    (('half', 16.0), ('q4', 4.0), None)
    >>> claim_of("model-4-bit.safetensors"), claim_of("ocr_quant.onnx")
    (('4bit', 4.0), ('quant', 8.0))
    """
    name = os.path.splitext(os.path.basename(path))[0].lower()
    name = re.sub(r"(\d)[-_ ]?bits?\b", r"\1bit", name)
    for word in PARTS.split(name):
        for pattern, bits in BITS:
            if pattern.fullmatch(word):
                return word, bits
        if QUANT.fullmatch(word):
            return word, 8.0
    return None
