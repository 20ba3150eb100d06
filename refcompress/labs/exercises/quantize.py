"""Labs of the family quantize: from floats to integers, side by side in bytes, and from sums to the next layer."""

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain, raised, refused, where

LABS: list[Lab] = []


# quantize_s8

def _scales_differ(failure: Failure) -> bool:
    return not np.array_equal(failure.got.scale, failure.expected.scale)


def _extreme(failure: Failure) -> bool:
    """Return whether numbers are very large or very small, and no scale could be made, or another one was."""
    if refused("must be at least 2**-126")(failure):
        return True
    return bool({"numbers above 2**100", "subnormal numbers"} & failure.like.values) and (
        raised(failure) or _scales_differ(failure))


def _off_by_one(failure: Failure) -> bool:
    """Return whether values are next to the right ones, and the quotient lies near the middle of two integers."""
    got, expected = (value.values.astype(np.int64) for value in (failure.got, failure.expected))
    wrong = got != expected
    with np.errstate(all="ignore"):
        quotient = failure.given["x"].astype(np.float64) / failure.expected.expand(failure.expected.scale)
    return bool(np.abs(got - expected).max(initial=0) == 1
                and (np.abs(np.abs(quotient[wrong] % 1) - 0.5) < 1e-4).all())


def _beyond(failure: Failure) -> bool:
    """Return whether a value is beyond the grid, or an end of it stands where there is another value."""
    bits, affine = failure.given.get("bits", 8), failure.given.get("scheme") == "affine"
    high = 2 ** (bits - 1) - 1
    got, expected = failure.got.values.astype(np.int64), failure.expected.values.astype(np.int64)
    wrong = got != expected
    ends = (-high - affine, high)
    return bool(np.isin(expected[wrong], ends).all() or (got < ends[0]).any() or (got > high).any())


def _zeros(failure: Failure) -> bool:
    """Return whether all is zero, and a scale has to be found: an array without elements is another case."""
    x = failure.given["x"]
    return x.size > 0 and not np.any(x) and failure.given.get("scale") is None


LABS.append(Lab(
    "quantize_s8", 3,
    "Round floats to integers of 8 bits: a scale, a zero point, and a rule for ties.",
    "QUANT-2.1",
    (plain("one scale for all of x, symmetric, 8 bits", "axis", "group", "scale", "zero_point", "scheme", "bits"),
     plain("`bits`, `scheme`, `axis`, `group`, and scales that are given", name="all options"), FULL),
    (Mistake("shape of the scale", "The scale has another shape.", "QUANT-1.2",
             ("How many scales are there, and along which axes are they shared?",
              "The scale keeps the number of dimensions: `keepdims=True` does that. With `group` it is a matrix."),
             lambda failure: failure.got.scale.shape != failure.expected.scale.shape),
     Mistake("zeros alone", "All values that share a scale are zero.", "QUANT-2.4",
             ("What is 0 / 0? Which scale does QUANT-2.4 give to zeros?",),
             where(_zeros)),
     Mistake("extreme numbers", "The numbers are so large or so small that float32 does not hold what you compute.",
             "QUANT-2.4",
             ("In which type are the range and its quotients computed? `spec/quantize.md` has an example that names "
              "QUANT-2.4.",
              "What is the least scale that is allowed?"),
             where(_extreme)),
     Mistake("zero point", "The zero point is another one.", "QUANT-2.3",
             ("Which number of the grid stands for 0.0? Compute it by hand.",
              "The zero point is that of the rounded scale, it is rounded, and it is clipped to the grid."),
             lambda failure: not _scales_differ(failure)
             and not np.array_equal(failure.got.zero_point, failure.expected.zero_point)),
     Mistake("scale", "The scale is another one.", "QUANT-2.2",
             ("How many steps lie between 0 and the largest magnitude? Between the ends of the range?",
              "Does the range of the affine scheme contain 0 in any case?",
              "The quotient is float64, and rounded once to float32."), _scales_differ),
     Mistake("ties", "A quotient lies in the middle of two integers, or next to it.", "QUANT-2.1",
             ("To which integer does 2.5 go, and 3.5? What do your tools do: `round`, `floor(x + 0.5)`, `rint`?",
              "In which type is x divided by the scale? A float64 quotient may lie on the other side of a tie.",
              "A product with 1 / scale is rounded twice. A division is rounded once."), _off_by_one),
     Mistake("ends of the grid", "A value lies beyond the grid, or was not clipped to its ends.", "QUANT-2.5",
             ("Which is the lowest integer of the symmetric scheme? It is not -128.",
              "Clip after the zero point was added, and before the conversion to int8, which wraps."), _beyond)),
    uses=("from refcompress import Quantized",
          "# Its scale and its zero_point are arrays with as many dimensions as x; for groups see Returns.")))


# quantize_pack

def _turned(byte: np.ndarray) -> np.ndarray:
    return (byte >> 4) | (byte << 4)


def _halves_turned(failure: Failure) -> bool:
    if refused("bits of 0")(failure):  # the bits left over, which Packed wants to be 0, are at the wrong end
        return True
    got, expected = _turned(failure.got.data), failure.expected.data
    return np.array_equal(got & 15, expected & 15) or np.array_equal(got, expected)


LABS.append(Lab(
    "quantize_pack", 3,
    "Put integers of few bits side by side in bytes, without a gap inside a row.",
    "QUANT-6.1",
    (plain("integers of 4 bits", "bits"), plain("1 to 7 bits", name="all options"), FULL),
    (Mistake("single bit", "One bit stands for -1 or +1.", "QUANT-6.1",
             ("Which bit stands for -1? -1 in two's complement would be a bit of 1.",),
             where(lambda failure: failure.given.get("bits", 4) == 1)),
     Mistake("rows", "The bytes of a row are not as many as they must be.", "QUANT-6.2",
             ("Does a row of three values of 4 bits end in the middle of a byte? Where does the next row begin?",
              "An array of more than two axes has rows too: all that one index of the first axis has.",
              "Bits left over at the end of a row are 0."),
             lambda failure: failure.got.data.shape != failure.expected.data.shape),
     Mistake("halves", "The two halves of the bytes stand the other way round.", "QUANT-6.1",
             ("Which half of a byte has the first value: the low bits or the high ones?",),
             _halves_turned),
     Mistake("signs", "A value is negative.", "QUANT-6.1",
             ("-1 has eight bits of 1 in a byte. How many of them belong to a value of 4 bits?",
              "Cut the bits of each value with `&` before values are joined with `|`."),
             where(lambda failure: bool((failure.given["q"].values < 0).any())))),
    uses=("from refcompress import Packed",)))


# requantize_s32

def _exact_halves(failure: Failure) -> bool:
    """Return whether the wrong elements are next to the right ones."""
    got, expected = (np.asarray(value).astype(np.int64) for value in (failure.got, failure.expected))
    return int(np.abs(got - expected).max(initial=0)) == 1


def _clipped(failure: Failure) -> bool:
    expected = np.asarray(failure.expected).astype(np.int64)
    wrong = np.asarray(failure.got).astype(np.int64) != expected
    bits, symmetric = failure.given.get("bits", 8), failure.given.get("scheme") == "symmetric"
    high = 2 ** (bits - 1) - 1
    return bool(np.isin(expected[wrong], (high, -high - (not symmetric))).all())


LABS.append(Lab(
    "requantize_s32", 3,
    "Scale int32 sums down to int8, by integer arithmetic alone.",
    "QUANT-8.1",
    (plain("8 bits, rounded half to even, without a zero point", "zero_point", "bits", "scheme", "rounding"),
     plain("`zero_point`, `bits`, `scheme` and the three ways of rounding", name="all options"), FULL),
    (Mistake("rounding twice", "\"gemmlowp\" is asked for: it rounds in two steps.", "QUANT-8.2",
             ("By what is divided in the first step, by what in the second, and where do ties go in each?",),
             lambda failure: failure.given.get("rounding") == "gemmlowp" and not _clipped(failure)),
     Mistake("ties", "The quotient lies in the middle of two integers, or next to it.", "QUANT-8.2",
             ("Where does a half go? Do the input that is shown by hand.",
              "A shift to the right rounds down: of negative numbers too. What is -1 >> 1?",
              "Look at the remainder: is it less than half, exactly half, or more?",
              "A float64 holds 53 bits. The product has up to 62."), _exact_halves),
     Mistake("ends of the grid", "The result must be clipped.", "QUANT-8.1",
             ("In which type do you clip? The conversion to int8 wraps.",
              "Does the scheme allow the lowest integer? Is the zero point added before you clip?"), _clipped),
     Mistake("width", "The product is too large for the type in which it is computed.", "QUANT-8.1",
             ("How many bits has a product of two int32?", "A negative shift multiplies: how many bits then?"),
             lambda failure: np.abs(np.asarray(failure.given["x"]).astype(np.int64)).max(initial=0)
             * np.abs(np.asarray(failure.given["multiplier"]).astype(np.int64)).max(initial=0) >= 2**31))))


# quantize_gptq

def _a_zero_moved(failure: Failure) -> bool:
    w, fit = failure.given["w"], failure.got.weight
    return bool((fit.dense()[w == 0] != 0).any())


def _grids_differ(failure: Failure) -> bool:
    return not (np.array_equal(failure.got.weight.scale, failure.expected.weight.scale)
                and np.array_equal(failure.got.weight.zero_point, failure.expected.weight.zero_point))


def _values_agree(failure: Failure) -> bool:
    return np.array_equal(failure.got.weight.values, failure.expected.weight.values)


LABS.append(Lab(
    "quantize_gptq", 4,
    "Round a layer input by input, and let the inputs that come later make up for each rounding.",
    "QUANT-9.2",
    (plain("one scale an output, symmetric, in the order that is given", "axis", "group", "scale", "zero_point",
           "scheme", "order"),
     plain("groups, scales that are given, and the order by size", name="all options"), FULL),
    (Mistake("zeros", "A weight that is zero must stay zero.", "QUANT-9.2",
             ("A pruned weight is 0. Its input's rounding still has an error: which one?",), _a_zero_moved),
     Mistake("errors", "The weight is right, and the errors that are reported are not.", "QUANT-9.1",
             ("What does `before` compare? What does `LayerFit.of` take as its last argument?",), _values_agree),
     Mistake("scales", "The scales or zero points are others.", "QUANT-9.2",
             ("When is the scale of a group chosen: before all, or when its first input's turn comes?",
              "Which weights has it then: the given ones, or those that have moved?"), _grids_differ),
     Mistake("corrections", "The rounded values are others.", "QUANT-9.2",
             ("Do the formula by hand for one output and two inputs.",
              "Which inputs are moved by the error of input j: all, or only those that come later?",
              "By what is the error divided, and by which row of u is it multiplied?",
              "A weight is rounded to float32 before it goes to the grid."))),
    uses=("from refcompress.reference.hessian import inverse_factor  # u of the formula; yours to use",
          "from refcompress import LayerFit, Quantized, quantize_nearest, quantize_s8",
          "# The result is LayerFit.of(w, hessian, q, nearest), q the rounded weight.")))


# quantize_awq

def _input_scales(failure: Failure) -> tuple[np.ndarray | None, np.ndarray | None]:
    return failure.got.input_scale, failure.expected.input_scale


def _same_scales(failure: Failure) -> bool:
    got, expected = _input_scales(failure)
    return got is expected is None or got is not None and expected is not None and np.array_equal(got, expected)


def _common_factor(failure: Failure) -> bool:
    got, expected = (np.ones(failure.given["w"].shape[1]) if scale is None else scale.astype(np.float64)
                     for scale in _input_scales(failure))
    with np.errstate(all="ignore"):
        ratio = got / expected
    return bool(len(ratio) and abs(ratio[0] - 1) > 1e-6 and (np.abs(ratio / ratio[0] - 1) < 1e-5).all())


def _dead_input(failure: Failure) -> bool:
    x = failure.given["x"]
    return bool(len(x)) and not _same_scales(failure) and bool((~x.any(axis=0)).any())


LABS.append(Lab(
    "quantize_awq", 5,
    "Give finer steps to the inputs that matter: scale the weights of each input before they are rounded, and search "
    "for the best strength.",
    "QUANT-9.4",
    (plain("scaling alone: `clip` is False", without=lambda given: given.get("clip", True)),
     plain("narrower ranges too", name="all options"), FULL),
    (Mistake("no samples", "There are no calibration inputs: x has no rows.", "QUANT-9.4",
             ("What is the mean of nothing? No input is larger than another then.",),
             where(lambda failure: not len(failure.given["x"]))),
     Mistake("type", "A part of the result has another type. input_scale is None where rounding to nearest is the "
                     "best, and float32 elsewhere.", "QUANT-9.4",
             ("Which factors belong to alpha = 0?",
              "Is your array of factors float32 before anything is multiplied by it?"),
             lambda failure: "got dtype" in failure.reason or "got a " in failure.reason),
     Mistake("dead input", "An input is zero in every sample.", "QUANT-9.4",
             ("Which factor has an input of mean magnitude 0? What becomes of weights that are multiplied by it?",
              "The docstring says, under Departs, what counts in place of a mean that is very small.",
              "And where all inputs are zero, none is larger than another."), where(_dead_input)),
     Mistake("common factor", "The input scale is right but for a factor that all inputs share.", "QUANT-9.4",
             ("Scaling all inputs alike changes nothing. Which factor must be taken out, by the section Returns?",
              "The largest factor times the smallest must be 1."), _common_factor),
     Mistake("clipping", "`clip` is True: the ranges may be narrowed after the scaling.", "QUANT-9.4",
             ("Which weights does `quantize_clip` get: those before the scaling, or those after?",
              "The inputs are divided by s. What becomes of their Hessian?",
              "The narrower ranges are kept only where they make the error less."),
             where(lambda failure: failure.given.get("clip", True) and _same_scales(failure))),
     Mistake("choice", "Another alpha must be taken.", "QUANT-9.4",
             ("Compute the error for each alpha, and compare with what you took.",
              "Which error decides: that of the weights, or that of the output?",
              "What is a[j]: a mean, a maximum, a root of squares? And which is the last alpha?",
              "Of two alphas with the same error, the smallest is taken. Alpha 0 is one of them."),
             lambda failure: not _same_scales(failure)),
     Mistake("errors", "The weight is right, and the errors that are reported are not.", "QUANT-9.1",
             ("What does `before` compare? What does `LayerFit.of` take as its last arguments?",), _values_agree),
     Mistake("rounding", "The rounded weights are others.", "QUANT-9.4",
             ("What is rounded: w, or w times s?",
              "s is float32, and so is the product that is rounded."))),
    uses=("from refcompress import LayerFit, quantize_clip, quantize_hessian, quantize_nearest",
          "from refcompress.reference.quantize.layer import rounding_error  # the squared error of each output",
          "# The result is LayerFit.of(w, hessian, weight, nearest, s): weight is the rounded w * s, nearest is the",
          "# rounded w, and s is None for alpha 0.")))
