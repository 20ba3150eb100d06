/* The template with AVX-512: masks in registers of their own, one instruction from 32-bit codes to 8 or 16 bits. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX512
#define ENCODE rc_floats_encode_avx512
#define DECODE rc_floats_decode_avx512
#include "floats.h"
#endif
