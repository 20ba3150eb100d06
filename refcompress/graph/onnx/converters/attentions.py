"""Attention and rotary positions, as ONNX has them from opset 23 on."""

from ..operator import Operator

__all__ = ["CONVERTERS"]


def attention(node: Operator) -> None:
    node.only("qk_matmul_output_mode", 0, default=0)
    node.drop("softmax_precision")  # it is in float64 here
    if len(node.proto.output) > 3 and node.proto.output[3]:
        raise node.refuse("gives its scores, which is not known here")
    if node.input(6):
        raise node.refuse("takes nonpad_kv_seqlen, which is not known here")
    attributes = {ours: value for name, ours in (("q_num_heads", "heads"), ("kv_num_heads", "kv_heads"),
                                                 ("scale", "scale"), ("softcap", "softcap"))
                  if (value := node.attribute(name)) is not None}
    if node.attribute("is_causal", 0):
        attributes["causal"] = True
    node.give("attention", *node.inputs, **attributes)


def rotary(node: Operator) -> None:
    attributes = {ours: value for name, ours in (("num_heads", "heads"), ("rotary_embedding_dim", "dimensions"))
                  if (value := node.attribute(name)) is not None}
    if node.attribute("interleaved", 0):
        attributes["interleaved"] = True
    node.give("rotary", *node.inputs, **attributes)


CONVERTERS = {"Attention": attention, "RotaryEmbedding": rotary}
