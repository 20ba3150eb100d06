"""Calibration: what a network is shown while it is compressed, checked before anything is computed."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...graph import Model
from ...graph.run import checked_inputs

__all__ = ["Batch", "batches"]

Batch = dict[str, np.ndarray]  # the inputs of a run, by name


def batches(model: Model, calibration: Any) -> list[Batch]:
    """Return the batches of calibration inputs, or refuse them by batch, name and element.

    calibration : one batch or a sequence of batches; a batch is an array (where the graph has one input) or a mapping
    from the names of the inputs. Each has the dtypes and shapes of the graph, at least one element, and no NaN.
    """
    if not isinstance(model, Model):
        raise ArgumentTypeError("model", f"must be a Model, not {type(model).__name__}")
    one = isinstance(calibration, Mapping | np.ndarray)
    if not one and (isinstance(calibration, str | bytes) or not isinstance(calibration, Iterable)):
        raise ArgumentTypeError("calibration", f"must be an array, a mapping, or a sequence of these, not "
                                               f"{type(calibration).__name__}")
    given = [calibration] if one else list(calibration)
    if not given:
        raise RefcompressError("calibration", "must have at least one batch")
    checked = []
    for i, each in enumerate(given):
        where = "calibration" if one else f"calibration[{i}]"
        try:
            batch, _ = checked_inputs(model.graph, each)
        except RefcompressError as error:
            raise type(error)(f"{where}: {error.argument}", error.rule) from None
        for name, value in batch.items():
            if not value.size:
                raise RefcompressError(f"{where}[{name!r}]", f"must not be empty; it has the shape {value.shape}")
            if value.dtype.kind == "f":
                arguments.finite(value, f"{where}[{name!r}]")
        checked.append(batch)
    return checked
