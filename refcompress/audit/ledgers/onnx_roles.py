"""Which tensors of an ONNX model are scales and zero points: the operators that take them say it.

**Source** ONNX, Operators.md: DequantizeLinear, QuantizeLinear, QLinearConv, QLinearMatMul, MatMulInteger, ConvInteger;
ONNX Runtime, ContribOperators.md: all others here.
"""

from collections.abc import Container
from dataclasses import replace

from ...models.protobuf import VARINT, Message, Walker
from ..stored import Stored

__all__ = ["Roles"]

INPUTS: dict[str, dict[int, tuple[str, int]]] = {  # operator: input -> its role, and the input that it belongs to
    "DequantizeLinear": {1: ("scales", 0), 2: ("zero points", 0)},
    "QuantizeLinear": {1: ("scales", 0), 2: ("zero points", 0)},
    "QLinearMatMul": {1: ("scales", 0), 2: ("zero points", 0), 4: ("scales", 3), 5: ("zero points", 3),
                      6: ("scales", 0), 7: ("zero points", 0)},
    "QLinearConv": {1: ("scales", 0), 2: ("zero points", 0), 4: ("scales", 3), 5: ("zero points", 3),
                    6: ("scales", 0), 7: ("zero points", 0)},
    "QGemm": {1: ("scales", 0), 2: ("zero points", 0), 4: ("scales", 3), 5: ("zero points", 3), 7: ("scales", 0),
              8: ("zero points", 0)},
    "MatMulInteger": {2: ("zero points", 0), 3: ("zero points", 1)},
    "ConvInteger": {2: ("zero points", 0), 3: ("zero points", 1)},
    "DynamicQuantizeMatMul": {2: ("scales", 1), 3: ("zero points", 1)},
    "DynamicQuantizeLSTM": {8: ("scales", 1), 9: ("zero points", 1), 10: ("scales", 2), 11: ("zero points", 2)},
    "MatMulIntegerToFloat": {2: ("scales", 0), 3: ("scales", 1), 4: ("zero points", 0), 5: ("zero points", 1)},
    "QAttention": {3: ("scales", 0), 4: ("scales", 1), 6: ("zero points", 0), 7: ("zero points", 1)},
    "MatMulNBits": {2: ("scales", 1), 3: ("zero points", 1), 4: ("indices", 1)},
    "GatherBlockQuantized": {2: ("scales", 0), 3: ("zero points", 0)},
}
NAMED = {"_scale": "scales", "_zero_point": "zero points"}  # beside "<weight>_quantized", as ONNX Runtime names them
CODES = "_quantized"
WORD = 8


class Roles:
    """What the nodes of a model say about its tensors; :meth:`visit` is called for each node."""

    def __init__(self, walker: Walker):
        self._walker = walker
        self._roles: dict[str, tuple[str, str]] = {}  # tensor -> its role, and the tensor that it belongs to
        self._packed: dict[str, tuple[int, int]] = {}  # tensor -> the bits of its codes, and how many of them count

    def visit(self, operator: str, inputs: list[str], message: Message) -> None:
        """Note what a node says about its inputs."""
        for place, (role, weight) in INPUTS.get(operator, {}).items():
            if place < len(inputs) and inputs[place]:
                self._roles.setdefault(inputs[place], (role, inputs[weight]))
        if operator in ("MatMulNBits", "GatherBlockQuantized") and len(inputs) > 1:
            said = self._integers(message)
            numbers = said.get("N", 0) * said.get("K", 0)  # rows may be filled up to whole blocks
            self._packed[inputs[operator == "MatMulNBits"]] = said.get("bits", 4), numbers

    def of(self, tensor: Stored, names: Container[str]) -> Stored:
        """Return a tensor with its role. names : those of all tensors."""
        name = tensor.name
        bits, numbers = self._packed.get(name, (0, 0))
        if bits and tensor.bits == WORD and 0 < bits <= WORD:
            most = tensor.numbers * WORD // bits
            return replace(tensor, weight=name, bits=bits, numbers=numbers if 0 < numbers <= most else most,
                           type=f"{bits} bits in {tensor.type}" if bits < WORD else tensor.type)
        for suffix, role in NAMED.items():
            codes = name.removesuffix(suffix) + CODES
            if name.endswith(suffix) and codes in names:
                self._roles.setdefault(name, (role, codes))
        role, weight = self._roles.get(name, ("values", name))
        return replace(tensor, role=role, weight=weight if role != "values" else name)

    def _integers(self, message: Message) -> dict[str, int]:
        """Return the attributes of a node that are integers."""
        walker, found = self._walker, {}
        for f in walker.fields(message):
            if f.number == 5:
                name, value = "", None
                for part in walker.fields(walker.inside(message, f, "an attribute")):
                    if part.number == 1:
                        name = walker.text(part, "a name")
                    elif part.number == 3 and part.wire == VARINT:
                        value = part.value
                if value is not None:
                    found[name] = value
        return found
