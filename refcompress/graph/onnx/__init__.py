"""ONNX models as networks of ours, and back. It needs the package onnx (the extra io).

Read in this order:

- ``file.py``: the file, and the names of its tensors
- ``conversion.py``, ``operator.py``: graphs into graphs, a node at a time
- ``converters/``: a function for each operator of ONNX
- ``exporting.py``, ``exporters/``: the way back, a function for each of our operations
"""

from .reading import load
from .writing import save

__all__ = ["load", "save"]
