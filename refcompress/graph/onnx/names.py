"""Operators of ONNX that are operations of ours under another name: the same inputs, and no attributes."""

__all__ = ["SAME"]

SAME = {
    "Abs": "absolute", "Add": "add", "And": "both", "Ceil": "ceil", "Div": "divide", "Equal": "equal", "Erf": "erf",
    "Exp": "exp", "Floor": "floor", "GlobalAveragePool": "global_average_pool", "GlobalMaxPool": "global_max_pool",
    "Greater": "greater", "HardSwish": "hard_swish", "Identity": "identity", "Less": "less", "Max": "maximum",
    "Min": "minimum", "Mul": "multiply", "Neg": "negative", "Not": "not", "Or": "either", "Pow": "power",
    "Range": "range", "Reciprocal": "reciprocal", "Relu": "relu", "Sigmoid": "sigmoid", "Size": "size", "Sqrt": "sqrt",
    "Sub": "subtract", "Tanh": "tanh", "Where": "where",
}
