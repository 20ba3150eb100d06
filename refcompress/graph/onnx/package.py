"""The package onnx, which only these modules need."""

from types import ModuleType

from ...errors import MissingExtra

__all__ = ["onnx_package"]


def onnx_package() -> ModuleType:
    """Return the package onnx; MissingExtra where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise MissingExtra("onnx", "is not installed: pip install 'refcompress[io]'") from None
    return onnx
