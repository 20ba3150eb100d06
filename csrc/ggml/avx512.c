/* The template in vectors of 16 numbers. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX512
#define ENCODE rc_ggml_encode_avx512
#define DECODE rc_ggml_decode_avx512
#define LOOK_UP(table, codes, numbers) \
    _mm_storeu_si128((__m128i *)(numbers), _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(table)), \
                                                            _mm_loadu_si128((const __m128i *)(codes))))
#include "blocks.h"
#endif
