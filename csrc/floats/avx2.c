/* The template in vectors of 8 numbers, with what SSE2 lacks: selection by a mask, minima, widening. */
#include "floats.h"
#if RC_X86

RC_FLOATS_KERNELS(avx2, RC_AVX2)

#endif
