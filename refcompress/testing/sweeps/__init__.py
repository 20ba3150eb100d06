"""One generator an operation of plain inputs (args, kwargs): every length 0 to 67 of one dimension at a time, the
others small and odd, so that each remainder by a vector width (and a length past two of the widest) comes up; then
hostile values; then a few middle sizes that cross the blocks of a blocked kernel.

The sweeps' data are small integers that are not zero: all partial sums are exact in any accumulator worth the name, so
a lost term always shows, however small its share of the result.
"""

from . import csr, floats, gemm, huffman, lowrank, prune, quantize, rangecoder, share

SWEEPS = {
    **csr.SWEEPS,
    **floats.SWEEPS,
    **gemm.SWEEPS,
    **huffman.SWEEPS,
    **lowrank.SWEEPS,
    **prune.SWEEPS,
    **quantize.SWEEPS,
    **rangecoder.SWEEPS,
    **share.SWEEPS,
}
