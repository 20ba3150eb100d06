"""Windows of convolutions and pools: what two families of operators share."""

from typing import Any

from ..operator import Operator

__all__ = ["window"]

SAME = {"SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower"}


def window(node: Operator, axes: int) -> dict[str, Any]:
    """Return strides, pads and dilations of so many axes as attributes of ours, without those that change nothing."""
    found: dict[str, Any] = {}
    for name, count, plain in (("strides", axes, 1), ("dilations", axes, 1), ("pads", 2 * axes, 0)):
        value = node.attribute(name)
        if value is not None and len(value) != count:
            raise node.refuse(f"must have {count} {name}, not {len(value)}")
        if value is not None and any(each != plain for each in value):
            found[name] = value
    auto = node.only("auto_pad", "NOTSET", "VALID", *SAME, default="NOTSET")
    if auto in SAME:
        found["pads"] = SAME[auto]
    elif auto == "VALID":
        found.pop("pads", None)
    return found
