"""What kind of tensor each one is, by its element type, its shape and its name: the rules that presets state.

No compression may harm what is not a weight: counters, masks and tables of positions look like arrays of numbers too.
"""

import re

from ..formats import ELEMENT_TYPES
from ..models.source import Tensor

__all__ = ["KINDS", "WEIGHTS", "kind_of"]

WEIGHTS = ("weights", "embeddings")
KINDS: dict[str, str] = {  # kind -> why a preset leaves such a tensor as it is
    "weights": "",
    "embeddings": "",
    "vectors": "fewer than two axes longer than 1",
    "buffers": "a buffer, by its name",
    "integers": "not of floats",
    "coded": "of few bits already",
    "complex": "of complex numbers",
    "empty": "no elements",
}
FLOATS = ("float16", "bfloat16", "float32", "float64", "shared")  # the last: float32 by a codebook, models.squeezenet

# The last part of the name of a buffer: a table or a counter that no training changes.
BUFFERS = frozenset(
    "running_mean running_var num_batches_tracked position_ids token_type_ids inv_freq rotary_emb attn_mask "
    "attention_mask causal_mask masked_bias mask relative_position_index relative_coords_table anchors anchor_grid "
    "stride strides cos_cached sin_cached freqs_cis moving_mean moving_variance rope_freqs".split())
# GPT-2 names its causal mask "attn.bias"; a bias has one axis, the mask four.
MASK = re.compile(r"(.*[./])?attn[./]bias")
# A part of the name of an embedding: embed_tokens, word_embeddings, token_embd, wte, wpe.
EMBEDDING = re.compile(r"embed|embd|^wte$|^wpe$|^lm_head$")


def kind_of(tensor: Tensor) -> str:
    """Return the kind of a tensor, a key of KINDS; the first of these that holds.

    empty : it has no elements. integers : also bool. complex. coded : of 8 bits or fewer that are floats, or of a block
    type of GGUF. buffers : the last part of its name is in BUFFERS, or it is a mask of GPT-2. vectors : at most one
    axis is longer than 1. embeddings : a part of its name is one (EMBEDDING). weights : all others.
    """
    if 0 in tensor.shape:
        return "empty"
    if tensor.type not in FLOATS:
        element = ELEMENT_TYPES.get(tensor.type)
        if element is None or element.numpy is None and element.name.startswith("fp"):
            return "coded"
        return "complex" if tensor.type.startswith("complex") else "integers"
    parts = [part for part in re.split(r"[./:]", tensor.name) if not part.isdigit()]
    if parts and parts[-1] in BUFFERS or len(tensor.shape) > 2 and MASK.fullmatch(tensor.name):
        return "buffers"
    if sum(size > 1 for size in tensor.shape) < 2:
        return "vectors"
    return "embeddings" if any(EMBEDDING.search(part) for part in parts) else "weights"
