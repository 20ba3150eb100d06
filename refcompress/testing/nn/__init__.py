"""The cases of the nn family.

- :mod:`integers`: int8 by elements: all pairs of values, ties, every length.
- :mod:`integer_images`: int8 images: fills, strides, pads, every remainder of 64 channels.
"""

from . import integer_images, integers

CASES = integers.CASES | integer_images.CASES
