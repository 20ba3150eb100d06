"""What the name of a file claims: how many bits its numbers have."""

import os
import re

__all__ = ["claim_of"]

SAID = [re.compile(words) for words in (  # a word that says the bits in its digits
    r"(?:float|fp|f|bf|bfloat)(4|6|8|16|32)(?:e[2-5]m[1-3](?:fn)?)?", r"u?int([1-8]|16)",
    r"(?:nf|nvfp|mxfp|mxint|bnb)([4-8])",
    r"[it]?q([1-8])(?:f16|f32|k)?", r"w([1-8]|16)a(?:4|8|16)", r"([1-8]|16|32)bit")]
WORDS = {"half": 16.0, "e4m3": 8.0, "e4m3fn": 8.0, "e5m2": 8.0, "quant": 8.0, "quantized": 8.0, "quantised": 8.0}
PARTS = re.compile(r"[^a-z0-9]+")


def claim_of(path: str) -> tuple[str, float] | None:
    """Return the word of a file's name that claims bits, and the bits; None where it claims none.

    A name that says "quantized" and no number claims 8 bits.

    >>> claim_of("models/silero_vad_half.onnx"), claim_of("llama-7b.Q4_K_M.gguf"), claim_of("model.safetensors")
    (('half', 16.0), ('q4', 4.0), None)
    >>> claim_of("model-4-bit.safetensors"), claim_of("ocr_quant.onnx"), claim_of("w4a16.npz")
    (('4bit', 4.0), ('quant', 8.0), ('w4a16', 4.0))
    """
    name = os.path.splitext(os.path.basename(path))[0].lower()
    name = re.sub(r"(\d)[-_ ]?bits?(?![a-z0-9])", r"\1bit", name)
    words = PARTS.split(name)
    for word in words:
        for said in SAID:
            if found := said.fullmatch(word):
                return word, float(found[1])
    return next(((word, WORDS[word]) for word in words if word in WORDS), None)
