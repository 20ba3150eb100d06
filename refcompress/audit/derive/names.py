"""The names under which tools keep a tensor of a source."""

import re
from collections.abc import Iterator

import numpy as np

__all__ = ["heads_turned", "source_names"]

ENDS = ("_to_fp16_quantized", "_to_fp16_palettized", "_palettized", "_quantized", ".weight", ".qweight", ".absmax",
        "_q")  # what tools put behind the name of the source
BLOCK = re.compile(r"blk\.([0-9]+)\.(.+)\.(weight|bias)", re.ASCII)
GGUF = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
        "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}  # in a layer of a transformer
OUTSIDE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
           "output.weight": "lm_head.weight"}
HEAD_SIZES = (64, 128, 96, 80, 256, 32, 16)


def source_names(name: str) -> Iterator[str]:
    """Yield the names that the source of a tensor may have: its own, without an ending, and llama.cpp's translated."""
    name = name.partition("[")[0] if name.endswith("]") else name
    names = [name] + [name.removesuffix(end) for end in ENDS if name.endswith(end)]
    yield from names
    yield from (each + ".weight" for each in names)
    if name in OUTSIDE:
        yield OUTSIDE[name]
    found = BLOCK.fullmatch(name)
    if found and found[2] in GGUF:
        yield f"model.layers.{found[1]}.{GGUF[found[2]]}.{found[3]}"


def heads_turned(name: str, weights: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the rows of queries and keys as llama.cpp has them: the two halves of each head, row by row in turn.

    The size of a head is not said by every file, so the usual ones are tried.
    """
    found = BLOCK.fullmatch(name)
    if not found or found[2] not in ("attn_q", "attn_k"):
        return
    for size in HEAD_SIZES:
        if len(weights) % size == 0:
            turned = weights.reshape(-1, 2, size // 2, *weights.shape[1:]).swapaxes(1, 2)
            yield f"rows of heads of {size} turned", np.ascontiguousarray(turned).reshape(weights.shape)
