"""Kernels that pass over an option, or are wrong at an edge of one: equality, 0, the largest, types of NumPy."""

from collections.abc import Callable

import numpy as np

from ... import reference
from ..values import with_fields
from .kernels import Kernel, for_each


def _changed(change: Callable[[dict], dict]) -> Callable[[str], Callable]:
    """Return the maker of kernels called with what ``change`` makes of the options."""
    def maker(op: str) -> Callable:
        return lambda *args, **kwargs: getattr(reference, op)(*args, **change(dict(kwargs)))
    return maker


def _set(name: str, value) -> Callable[[dict], dict]:
    return lambda kwargs: {**kwargs, name: value}


def _without(*names: str) -> Callable[[dict], dict]:
    return lambda kwargs: {name: value for name, value in kwargs.items() if name not in names}


def _cut_share(op: str) -> Callable:
    """The number of weights that go is cut off, where the rule rounds it."""
    def kernel(w, *args, **kwargs):
        share = kwargs.pop("sparsity", None)
        if share is not None and not isinstance(w, dict) and kwargs.get("structure", "element") == "element":
            kwargs["keep"] = w.size - int(share * w.size)
        elif share is not None:
            kwargs["sparsity"] = share
        return getattr(reference, op)(w, *args, **kwargs)
    return kernel


def _bits_of_numpy(op: str) -> Callable:
    """Computes with the type of the option: np.uint8(8) gives a grid that ends at 127 and begins at 128."""
    def kernel(*args, **kwargs):
        bits = kwargs.get("bits")
        if isinstance(bits, np.integer) and bits.dtype.itemsize == 1:
            with np.errstate(all="ignore"):
                kwargs["bits"] = max(2, int(np.log2(float(bits.dtype.type(2) ** bits) or 4.0)))
        elif isinstance(bits, np.generic):
            kwargs["bits"] = 4
        return getattr(reference, op)(*args, **kwargs)
    return kernel


def _numpy_integers_refused(op: str) -> Callable:
    """Asks for type(value) is int."""
    def kernel(*args, **kwargs):
        for name, value in kwargs.items():
            if isinstance(value, np.integer):
                raise TypeError(f"{name} must be an int, not {type(value).__name__}")
        return getattr(reference, op)(*args, **kwargs)
    return kernel


def _tuples_alone(op: str) -> Callable:
    """Options that are no tuples are passed over: lists and arrays stand for them too."""
    def kernel(*args, **kwargs):
        known = {name: value for name, value in kwargs.items() if not isinstance(value, (list, np.ndarray))
                 or name in ("kernel", "block")}
        return getattr(reference, op)(*args, **known)
    return kernel


def _in_the_type_of_the_option(op: str) -> Callable:
    """Computes the places in the type of an array of options: a byte less a larger one wraps round."""
    def kernel(*args, **kwargs):
        for value in kwargs.values():
            if isinstance(value, np.ndarray) and value.dtype.itemsize == 1:
                raise IndexError("a place beyond the image")
        return getattr(reference, op)(*args, **kwargs)
    return kernel


def _last_axis_alone(kwargs):
    axis = kwargs.get("axis")
    return kwargs if axis is None or axis >= 0 else {**kwargs, "axis": 0}


def _whole_row_as_no_group(op: str) -> Callable:
    """A group as long as the row is taken for a scale a row: another shape of scales, for more than two dimensions."""
    def kernel(x, *rest, **kwargs):
        group = kwargs.get("group")
        if group is None or not isinstance(x, np.ndarray) or x.ndim != 2 or group < x.shape[-1]:
            return getattr(reference, op)(x, *rest, **kwargs)
        return getattr(reference, op)(x, *rest, **{**_without("group")(kwargs), "axis": 0})
    return kernel


def _groups_along_the_last_axis(x, **kwargs):
    """Groups of images lie along their width."""
    if kwargs.get("group") is None or x.ndim < 3:
        return reference.quantize_s8(x, **kwargs)
    q = reference.quantize_s8(x.reshape(-1, x.shape[-1]), **kwargs)
    right = reference.quantize_s8(x, **kwargs)
    return with_fields(right, values=q.values.reshape(x.shape))


def _energy_reached_is_passed(w, **kwargs):
    low = reference.lowrank_svd(w, **kwargs)
    if kwargs.get("energy") is None or low.rank == min(low.shape):
        return low
    return reference.lowrank_svd(w, rank=low.rank + 1)


def _bytes_less_one(w, **kwargs):
    if kwargs.get("nbytes"):
        kwargs["nbytes"] -= 1
    return reference.lowrank_svd(w, **kwargs)


def _keep_of_none(op: str) -> Callable:
    """Takes 0 for an option that was not given."""
    def kernel(w, **kwargs):
        if kwargs.get("keep") == 0 and not isinstance(w, dict):
            kwargs["keep"] = w.size
        return getattr(reference, op)(w, **kwargs)
    return kernel


def _one_iteration_more(w, **kwargs):
    return reference.share_kmeans(w, **{**kwargs, "iterations": kwargs.get("iterations", 100) + 1})


def _zero_threshold_is_default(w, **kwargs):
    if "threshold" in kwargs and kwargs["threshold"] is not None and not kwargs["threshold"]:
        kwargs["threshold"] = 0.7
    return reference.quantize_ternary(w, **kwargs)


def _strides_exchanged(kwargs):
    return {**kwargs, "strides": kwargs["strides"][::-1]} if "strides" in kwargs else kwargs


def _lowest_alone(kwargs):
    return _without("highest")(kwargs)


def _clipped_before_the_zero_point(op: str) -> Callable:
    """Clips to the ends of int8, and adds the zero point then."""
    def kernel(*args, **kwargs):
        zero_point = kwargs.pop("zero_point", 0)
        lowest, highest = kwargs.pop("lowest", -128), kwargs.pop("highest", 127)
        y = getattr(reference, op)(*args, **kwargs).astype(np.int64)
        return np.clip(y + zero_point, lowest, highest).astype(np.int8)
    return kernel


KERNELS: list[Kernel] = [
    *for_each("options", "the share cut off",
              "int() cuts a share of the weights off, where the rule rounds it.", _cut_share, "prune_magnitude",
              "prune_select"),
    *for_each("options", "keep=0 taken for not given", "`keep or size` takes 0 for None.", _keep_of_none,
              "prune_magnitude", "prune_project_l0"),
    *for_each("options", "bits of a NumPy type", "2 ** bits in the type of the option wraps round.", _bits_of_numpy,
              "quantize_s8", "quantize_gptq", "share_kmeans", "quantize_clip"),
    *for_each("options", "NumPy's integers refused",
              "type(value) is int refuses what comes out of an array.", _numpy_integers_refused, "prune_magnitude",
              "huffman_lengths", "nn_depthwise_s8", "quantize_s16"),
    *for_each("options", "options that are no tuples passed over",
              "isinstance(value, tuple) is false for a list and for an array.", _tuples_alone, "nn_depthwise_s8",
              "nn_depthwise_f32", "nn_average_pool", "nn_average_pool_s8", "nn_max_pool", "nn_patches"),
    *for_each("options", "places in the type of the option",
              "Sizes, strides and pads are added in the type in which they came, and a byte wraps round.",
              _in_the_type_of_the_option, "nn_depthwise_s8", "nn_depthwise_f32", "nn_average_pool", "nn_max_pool"),
    *for_each("options", "an axis from the end is the first one", "Axes below zero are clipped.",
              _changed(_last_axis_alone), "quantize_s8", "quantize_binary", "quantize_range_mse", "prune_select"),
    *for_each("options", "a group as long as the row is an axis",
              "One group a row looks like one scale a row, and is stored in another form.", _whole_row_as_no_group,
              "quantize_s8", "quantize_s16", "quantize_ternary"),
    Kernel("quantize_s8", "groups along the width of images", "options",
           "A row of an array with four dimensions is all that one output has.", _groups_along_the_last_axis),
    Kernel("lowrank_svd", "energy that is reached is not enough", "options",
           "A strict comparison asks for more than the energy that was given.", _energy_reached_is_passed),
    Kernel("lowrank_svd", "bytes that just fit do not", "options",
           "A strict comparison refuses the rank that uses the bytes up.", _bytes_less_one),
    Kernel("share_kmeans", "one iteration more", "options",
           "The loop tests its counter at the end.", _one_iteration_more),
    Kernel("quantize_ternary", "a threshold of 0 is the default", "options",
           "`threshold or 0.7` takes 0 for None.", _zero_threshold_is_default),
    *for_each("options", "strides of rows and columns exchanged",
              "Width and height, or rows and columns: square strides are right either way.",
              _changed(_strides_exchanged), "nn_max_pool", "nn_average_pool", "nn_depthwise_s8"),
    *for_each("options", "strict always", "The option that permits what a writer would not write is passed by.",
              _changed(_set("strict", True)), "planes_decode"),
    *for_each("options", "the highest value passed by", "An activation sets one end, most of the time.",
              _changed(_lowest_alone), "gemm_s8s8_requantized", "nn_multiply_s8", "nn_average_pool_s8"),
    *for_each("options", "clipped before the zero point",
              "The result is an int8 before the zero point is added to it.", _clipped_before_the_zero_point,
              "gemm_s8s8_requantized", "nn_depthwise_s8", "nn_add_s8"),
    *for_each("options", "always nchw", "The kernel was written for one layout.",
              _changed(_set("layout", "nchw")), "nn_patches"),
    *for_each("options", "the scheme passed by", "Weights are symmetric, most of the time.",
              _changed(_without("scheme")), "quantize_clip", "quantize_adaround"),
    *for_each("options", "the seed passed by", "The generator is made once, with a seed of its own.",
              lambda op: lambda w, **kwargs: getattr(reference, op)(
                  w, **({**kwargs, "seed": 0} if kwargs.get("init") == "random" else kwargs)), "share_kmeans"),
    *for_each("options", "the weights of a cost passed by", "Lloyd's iteration is written without weights.",
              _changed(_without("weights")), "share_kmeans", "share_optimal"),
]
