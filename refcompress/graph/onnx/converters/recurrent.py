"""LSTM and GRU."""

from typing import Any

from ..operator import Operator

__all__ = ["CONVERTERS"]


def lstm(node: Operator) -> None:
    more = {"coupled": True} if node.attribute("input_forget", 0) else {}
    _recurrent(node, "lstm", ("Sigmoid", "Tanh", "Tanh"), more)


def gru(node: Operator) -> None:
    more = {"reset_after": True} if node.attribute("linear_before_reset", 0) else {}
    _recurrent(node, "gru", ("Sigmoid", "Tanh"), more)


def _recurrent(node: Operator, operation: str, activations: tuple[str, ...], attributes: dict[str, Any]) -> None:
    found = node.attribute("activations", activations)
    if any(name.lower() != activations[i % len(activations)].lower() for i, name in enumerate(found)):
        raise node.refuse(f"has the activations {', '.join(found)}; known here: {', '.join(activations)}")
    node.drop("activation_alpha", "activation_beta", "hidden_size")  # sigmoid and tanh have none; the weights say it
    if node.attribute("layout", 0):
        attributes["batch_first"] = True
    if (clip := node.attribute("clip")) is not None:
        attributes["clip"] = clip
    direction = node.attribute("direction", "forward")
    node.give(operation, *node.inputs, **({} if direction == "forward" else {"direction": direction}), **attributes)


CONVERTERS = {"LSTM": lstm, "GRU": gru}
