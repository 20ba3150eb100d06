"""Functions of each value."""

from ..operator import Operator

__all__ = ["CONVERTERS"]


def gelu(node: Operator) -> None:
    node.give("gelu", node.input(0), approximate=node.only("approximate", "none", "tanh", default="none") == "tanh")


def hard_sigmoid(node: Operator) -> None:
    node.give("hard_sigmoid", node.input(0), alpha=node.attribute("alpha", 0.2), beta=node.attribute("beta", 0.5))


def leaky_relu(node: Operator) -> None:
    node.give("leaky_relu", node.input(0), alpha=node.attribute("alpha", 0.01))


def swish(node: Operator) -> None:
    node.only("alpha", 1.0, default=1.0)
    node.give("silu", node.input(0))


def clip(node: Operator) -> None:
    """Before opset 11 the ends are attributes, later inputs."""
    attributes, ends = {}, []
    for i, (name, ours) in enumerate((("min", "low"), ("max", "high")), 1):
        value, constant = node.attribute(name), node.constant(i)
        if value is None and constant is not None and constant.size == 1:
            value = constant.reshape(()).item()
        if value is not None and value == value:  # an attribute is no NaN
            attributes[ours] = value
        ends.append("" if ours in attributes else node.input(i))
    node.give("clip", node.input(0), *ends, **attributes)


def total(node: Operator) -> None:
    """The sum of any number of values."""
    if len(node.inputs) == 1:
        return node.give("identity", node.input(0))
    y = node.input(0)
    for name in node.inputs[1:-1]:
        y = node.step("add", y, name)
    node.give("add", y, node.inputs[-1])


CONVERTERS = {"Clip": clip, "Gelu": gelu, "HardSigmoid": hard_sigmoid, "LeakyRelu": leaky_relu, "Sum": total,
              "Swish": swish}
