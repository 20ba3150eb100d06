"""ONNX models as networks of ours, and back."""

from .load import load

__all__ = ["load"]
