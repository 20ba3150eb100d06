"""LSTM and GRU."""

from ..operator import Operator

__all__ = ["CONVERTERS"]


def lstm(node: Operator) -> None:
    node.only("input_forget", 0, default=0)
    node.only("layout", 0, default=0)
    _recurrent(node, ("Sigmoid", "Tanh", "Tanh"), {})


def gru(node: Operator) -> None:
    node.only("layout", 0, default=0)
    _recurrent(node, ("Sigmoid", "Tanh"), {"linear_before_reset": bool(node.attribute("linear_before_reset", 0))})


def _recurrent(node: Operator, activations: tuple[str, ...], attributes: dict) -> None:
    direction = node.only("direction", "forward", "reverse", "bidirectional", default="forward")
    found = node.attribute("activations", activations)
    if any(name.lower() != activations[i % len(activations)].lower() for i, name in enumerate(found)):
        raise node.refuse(f"has the activations {found}; known here: {activations}")
    if node.attribute("clip") is not None:
        raise node.refuse("has a clip, which is not known here")
    node.drop("activation_alpha", "activation_beta")  # Sigmoid and Tanh have none
    node.drop("hidden_size")  # the weights say it
    node.give(node.type.lower(), *node.inputs, direction=direction, **attributes)


CONVERTERS = {"LSTM": lstm, "GRU": gru}
