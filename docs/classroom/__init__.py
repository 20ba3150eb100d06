"""What the lessons share: one style of pictures, one trained network, and the C forms of an operation beside NumPy's.

A lesson imports these names and nothing else from here. ``QUICK`` says whether lessons run in their short form, as
``make docs`` and CI do; ``REFCOMPRESS_LESSONS=full`` asks for the long one (more data, more steps, the same text).
"""

from .forms import forms
from .networks import QUICK, Digits, layer_inputs, lenet, matrices, mnist, percent_wrong
from .style import COLOURS, GREY, annotated, heatmap, picture

__all__ = ["COLOURS", "GREY", "QUICK", "Digits", "annotated", "forms", "heatmap", "layer_inputs", "lenet", "matrices",
           "mnist", "percent_wrong", "picture"]
