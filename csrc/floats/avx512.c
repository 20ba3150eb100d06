/* The template with AVX-512: masks in registers of their own, one instruction from 32-bit codes to 8 or 16 bits. */
#include "floats.h"
#if RC_X86

RC_FLOATS_KERNELS(avx512, RC_AVX512)

#endif
