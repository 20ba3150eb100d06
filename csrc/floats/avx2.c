/* The template in vectors of 8 numbers, with what SSE2 lacks: selection by a mask, minima, widening. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX2
#define ENCODE rc_floats_encode_avx2
#define DECODE rc_floats_decode_avx2
#include "floats.h"
#endif
