"""Resize, and Upsample before it."""

from ..operator import Operator
from .shapes import numbers

__all__ = ["CONVERTERS"]

NAMES = {"coordinates": ("coordinate_transformation_mode", "half_pixel"), "rounding": ("nearest_mode",
         "round_prefer_floor"), "aspect": ("keep_aspect_ratio_policy", "stretch")}


def resize(node: Operator) -> None:
    """Inputs are x, roi, scales, sizes; roi counts only with tf_crop_and_resize, which our operation refuses.

    In opset 10 they are x and scales, and a place is rounded down.
    """
    if node.opset < 11:
        return upsample(node)
    attributes = {ours: value for ours, (name, plain) in NAMES.items()
                  if (value := node.attribute(name, plain)) != plain}
    mode = node.attribute("mode", "nearest")
    if (cubic := node.attribute("cubic_coeff_a", -0.75)) != -0.75:
        attributes["cubic"] = cubic
    if node.attribute("exclude_outside", 0):
        attributes["exclude_outside"] = True
    if (axes := node.attribute("axes")) is not None:
        attributes["axes"] = axes
    node.only("antialias", 0, default=0)
    node.drop("extrapolation_value")
    scales, given = _scales(node, 2)
    sizes: list[str] = []
    if not scales and not given:
        sizes, wanted = numbers(node, sizes=3)
        attributes |= wanted
    node.give("resize", node.input(0), scales, *sizes, mode=mode, **given, **attributes)


def upsample(node: Operator) -> None:
    """Inputs are x, scales; before opset 9 scales are an attribute. A place is rounded down."""
    scales = node.attribute("scales")
    name, more = ("", {"scales": scales}) if scales is not None else _scales(node, 1)
    node.give("resize", node.input(0), name, mode=node.attribute("mode", "nearest"), coordinates="asymmetric",
              rounding="floor", **more)


def _scales(node: Operator, i: int) -> tuple[str, dict[str, tuple[float, ...]]]:
    """Return the scales as an input, or as attributes where they are known; an empty tensor stands for none."""
    constant = node.constant(i)
    if constant is None:
        return node.input(i), {}
    return "", {"scales": tuple(constant.reshape(-1).tolist())} if constant.size else {}


CONVERTERS = {"Resize": resize, "Upsample": upsample}
