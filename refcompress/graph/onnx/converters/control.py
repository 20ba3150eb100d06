"""If, and nodes that do nothing in a run."""

import numpy as np

from ..operator import Operator

__all__ = ["CONVERTERS"]


def dropout(node: Operator) -> None:
    """Nothing is dropped where no one trains."""
    node.drop("ratio", "seed")
    if any(node.proto.output[1:]):
        raise node.refuse("gives its mask, which is not known here")
    if node.input(2):
        training = node.constant(2)
        if training is None or training.any():
            raise node.refuse("has a training_mode that is not false")
    node.give("identity", node.input(0))


def constant(node: Operator) -> None:
    """A Constant with numbers in its attributes; one with a tensor is read as an initialiser is."""
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                        ("value_ints", np.int64)):
        value = node.attribute(name)
        if value is not None:
            output = node.proto.output[0]
            node.scope.values[output] = node.conversion.add_tensor(node.conversion.unique(output),
                                                                   np.asarray(value, dtype))
            node.scope.own.add(output)
            return
    raise node.refuse("must have numbers: strings and sparse tensors are not known here")


def branches(node: Operator) -> None:
    node.give("if", node.input(0), then_branch=node.graph("then_branch"), else_branch=node.graph("else_branch"))


CONVERTERS = {"Dropout": dropout, "Constant": constant, "If": branches}
