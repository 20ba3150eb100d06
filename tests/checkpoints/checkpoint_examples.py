"""What the tests of checkpoints share: a small model with everything that a real one has."""

import numpy as np

from refcompress import Plain, models

RNG = np.random.default_rng(7)


def normal(*shape, dtype=np.float32, scale=0.05):
    return (RNG.standard_normal(shape) * scale).astype(dtype)


def bfloat16(a: np.ndarray) -> Plain:
    return Plain((a.view(np.uint32) >> 16).astype(np.uint16), "bfloat16")


def with_zeros(*shape):
    """Return weights of which half are zeros of both signs, in a row and a column of zeros alone too."""
    w = np.where(RNG.random(shape) < 0.5, normal(*shape), np.float32(0))
    w[RNG.random(shape) < 0.05] = np.float32(-0.0)
    w[1], w[:, 2] = 0, 0
    return w


def model() -> dict:
    """Return weights, an embedding that is tied to the head, a convolution, vectors, buffers and integers."""
    embedding = normal(50, 24)
    return {
        "embed_tokens.weight": embedding, "layer.0.weight": normal(24, 40), "layer.0.bias": normal(24),
        "conv.weight": normal(8, 6, 3, 3), "half.weight": normal(16, 20, dtype=np.float16),
        "wide.weight": normal(6, 70, dtype=np.float64), "brain.weight": bfloat16(normal(20, 30)),
        "bn.running_mean": normal(8), "attn.mask": np.zeros((10, 10), np.float32), "ids": np.arange(9),
        "flags": np.array([True, False]), "none.weight": np.zeros((0, 4), np.float32), "lm_head.weight": embedding,
        "scalar": np.float32(3).reshape(()),
    }


def saved(folder, arrays: dict, name: str = "model.safetensors"):
    models.save(folder / name, models.from_mapping(arrays))
    return folder / name
