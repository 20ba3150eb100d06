"""The cases of the floats family.

- :mod:`codes`: floats_encode and floats_decode: every format, every length, every code, every tie.
- :mod:`blocks`: the block formats, MX and NF4: ragged ends, ties of the elements, extreme scales.
"""

from . import blocks, codes

CASES = codes.CASES | blocks.CASES
