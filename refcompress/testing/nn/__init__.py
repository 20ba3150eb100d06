"""The cases of the nn family.

- :mod:`rows`: functions of a number and of a row: every length, the infinities, results that are subnormal.
- :mod:`images`: images and kernels that lie on them, for the other two.
- :mod:`windows`: patches and pools: every width and every number of channels, in both layouts.
- :mod:`depthwise`: the convolution of each channel by itself.
- :mod:`integers`: int8 by elements: all pairs of values, ties, every length.
- :mod:`integer_images`: int8 images: fills, strides, pads, every remainder of 64 channels.
"""

from . import depthwise, integer_images, integers, rows, windows

CASES = rows.CASES | windows.CASES | depthwise.CASES | integers.CASES | integer_images.CASES
