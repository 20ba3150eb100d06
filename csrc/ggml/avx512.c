/* The template in vectors of 16 numbers. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX512
#define ENCODE rc_ggml_encode_avx512
#define DECODE rc_ggml_decode_avx512
#include "blocks.h"
#endif
