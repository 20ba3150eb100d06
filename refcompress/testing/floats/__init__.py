"""The cases of the floats family.

- :mod:`codes`: floats_encode and floats_decode: every format, every length, every code, every tie.
- :mod:`blocks`: the block formats, MX and NF4: ragged ends, ties of the elements, extreme scales.
- :mod:`nvfp4`: NVFP4, whose scales are rounded too.
"""

from . import blocks, codes, nvfp4

CASES = codes.CASES | blocks.CASES | nvfp4.CASES
