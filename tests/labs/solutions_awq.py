"""Solutions of the lab quantize_awq, as learners write them: one right, and the others with a mistake each."""

import numpy as np

from refcompress import LayerFit, quantize_clip, quantize_hessian, quantize_nearest
from refcompress.reference.quantize.layer import rounding_error


def awq_right(w, x, *, bits=4, scheme="symmetric", axis=0, group=None, steps=20, clip=True, floor=1e-4,
              size=lambda x: np.abs(x).mean(axis=0), centred=True, none=True, scaled=True, report=True):
    # BLAS adds in another order where the memory lies otherwise.
    w, x = np.array(w, np.float32, order="C"), np.array(x, np.float32, order="C")
    grid = {"bits": bits, "scheme": scheme, "axis": axis, "group": group}
    h = quantize_hessian(x)
    a = size(x.astype(np.float64)) if len(x) else np.ones(w.shape[1])
    a = np.maximum(a, floor * a.max(initial=0))
    a[a == 0] = 1 if not a.any() or floor else 0
    nearest = quantize_nearest(w, h, **grid).weight
    best, scale, least = nearest, np.ones(w.shape[1], np.float32), rounding_error(nearest, w, h).sum()
    with np.errstate(all="ignore"):
        for i in range(1, int(steps)):
            s = a ** (i / int(steps))
            if centred:
                s = s / np.sqrt(s.max(initial=1e-300) * s.min(initial=1e300))
            s = s.astype(np.float32)
            if not np.isfinite(w * s).all():
                continue
            weight = quantize_nearest(w * s if scaled else w, h, **grid).weight
            error = rounding_error(weight, w, h, s).sum()
            if error < least:
                best, scale, least = weight, s, error
        if clip:
            more = quantize_clip(w * scale, h / np.outer(scale, scale.astype(np.float64)), bits=bits, scheme=scheme,
                                 group=group).weight
            if rounding_error(more, w, h, scale).sum() < least:
                best = more
    return LayerFit.of(w, h, best, nearest if report else None,
                       None if none and (scale == 1).all() else scale)


def awq_without_a_floor(w, x, **options):
    return awq_right(w, x, floor=0, **options)


def awq_without_a_centre(w, x, **options):
    return awq_right(w, x, centred=False, **options)


def awq_ones_for_alpha_0(w, x, **options):
    return awq_right(w, x, none=False, **options)


def awq_by_the_largest_inputs(w, x, **options):
    return awq_right(w, x, size=lambda x: np.abs(x).max(axis=0), **options)


def awq_never_clips(w, x, *, clip=True, **options):
    return awq_right(w, x, clip=False, **options)


def awq_reports_one_error(w, x, **options):
    return awq_right(w, x, report=False, **options)


RIGHT = [("quantize_awq", awq_right)]
WRONG = [
    ("quantize_awq", awq_without_a_floor, "dead input", "QUANT-9.4", "zero in every sample"),
    ("quantize_awq", awq_without_a_centre, "common factor", "QUANT-9.4", "a factor that all inputs share"),
    ("quantize_awq", awq_ones_for_alpha_0, "type", "QUANT-9.4", "input_scale is None where"),
    ("quantize_awq", awq_by_the_largest_inputs, "choice", "QUANT-9.4", "Another alpha must be taken"),
    ("quantize_awq", awq_never_clips, "clipping", "QUANT-9.4", "`clip` is True"),
    ("quantize_awq", awq_reports_one_error, "errors", "QUANT-9.1", "the errors that are reported are not")]
