"""Text to learn from without a download, and a small transformer that predicts its next character.

The text is Python's own language reference, as every installation has it (``pydoc_data.topics``): each paragraph once,
where it first stands. Another version of Python has another text; ``Text.name`` says which one it was.

**Source** Vaswani et al. 2017 (arXiv 1706.03762), section 3: the decoder without an encoder. **Departs** norms stand in
front of the layers (Xiong et al. 2020, arXiv 2002.04745), places are learnt, the activation is GELU.
"""

import hashlib
import platform
from dataclasses import dataclass
from pydoc_data.topics import topics

import numpy as np

from refcompress.graph import Builder, Model

LENGTH, STRIDE = 64, 16  # of a window; between the beginnings of two windows to train on


@dataclass(frozen=True, eq=False)
class Text:
    """Windows of characters, (n, LENGTH) int64, and the characters that follow them: pairs of inputs and labels."""

    name: str
    characters: str
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def text() -> Text:
    """Return the text in three parts: of ten topics, in the order of their names, one is for the test, one for the
    validation.

    A paragraph that ends a topic has a line end more, and counts as another one: so five of the 385 that networks are
    judged by stand among those to train on as well (Python 3.11.7). A character that is not of ASCII is a question
    mark. Windows to train on overlap, those of the other parts do not.
    """
    parts: list[list[str]] = [[], [], []]
    seen = set()
    for i, name in enumerate(sorted(topics)):
        part = parts[{0: 2, 5: 1}.get(i % 10, 0)]
        for paragraph in topics[name].encode("ascii", "replace").decode().split("\n\n"):
            if paragraph.strip() and paragraph not in seen:
                seen.add(paragraph)
                part.append(paragraph)
    texts = ["\n\n".join(part) for part in parts]
    characters = "".join(sorted(set("".join(texts))))
    number = np.zeros(128, np.int64)
    number[np.frombuffer(characters.encode(), np.uint8)] = np.arange(len(characters))
    codes = [number[np.frombuffer(each.encode(), np.uint8)] for each in texts]
    check = hashlib.sha256("\n\n".join(texts).encode()).hexdigest()[:16]
    return Text(f"pydoc_data.topics of Python {platform.python_version()}, SHA-256 {check}", characters,
                windows(codes[0], STRIDE), windows(codes[1], LENGTH), windows(codes[2], LENGTH))


def windows(codes: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    at = np.arange(0, len(codes) - LENGTH, stride)[:, None] + np.arange(LENGTH)
    return codes[at], codes[at + 1]


def transformer(characters: int, width: int, depth: int, rng: np.random.Generator) -> Model:
    """Return an untrained decoder: "characters" (n, LENGTH) int64 to logits of the next one, (n, LENGTH, characters).

    Heads are 16 wide. Weights are drawn with the variance 1 / k, those that lead back into the stream with a
    (2 depth)-th of it.
    """
    b = Builder()

    def drawn(*shape, scale=1.0):
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    def dense(x, k, m, name, scale=1.0):
        return b.linear(x, drawn(m, k, scale=scale / np.sqrt(k)), np.zeros(m, np.float32), name=name)

    def norm(x, name):
        return b.layer_norm(x, np.ones(width, np.float32), np.zeros(width, np.float32), name=name)

    given = b.input("characters", ("n", LENGTH), "int64")
    x = b.embedding(given, drawn(characters, width, scale=0.5), name="embedding")
    x = b.add(x, b.tensor("places.weight", drawn(LENGTH, width, scale=0.1)), name="placed")
    for i in range(depth):
        at = f"block{i}"
        y = norm(x, f"{at}.norm1")
        parts = (dense(y, width, width, f"{at}.{part}") for part in ("query", "key", "value"))
        mixed = b.attention(*parts, heads=width // 16, causal=True, name=f"{at}.attention")
        x = b.add(x, dense(mixed, width, width, f"{at}.out", (2 * depth) ** -0.5), name=f"{at}.mixed")
        y = dense(norm(x, f"{at}.norm2"), width, 4 * width, f"{at}.up")
        y = b.gelu(y, approximate=True, name=f"{at}.gelu")
        x = b.add(x, dense(y, 4 * width, width, f"{at}.down", (2 * depth) ** -0.5), name=f"{at}.added")
    return b.model(dense(norm(x, "norm"), width, characters, "next"))
