/* The template in vectors of 8 numbers. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX2
#define ENCODE rc_ggml_encode_avx2
#define DECODE rc_ggml_decode_avx2
#include "blocks.h"
#endif
