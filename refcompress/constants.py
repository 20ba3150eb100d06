"""The limits of IEEE 754's float32 and float64, as Python numbers: the one place that spells them out."""

LARGEST = (2 - 2.0**-23) * 2.0**127  # the largest finite float32
SMALLEST_NORMAL = 2.0**-126  # the smallest positive float32 that keeps all 24 bits
LARGEST64 = (2 - 2.0**-52) * 2.0**1023  # the largest finite float64
U = 2.0**-24  # unit roundoff of float32: half of the distance from 1 to the next number
U64 = 2.0**-53  # unit roundoff of float64
