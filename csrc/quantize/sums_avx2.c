/* What changed since the portable file: a block of what is exact in double by intrinsics. */
#include "../kernels.h"
#include <string.h>
#if RC_X86

#define TARGET RC_AVX2
#define REQUANTIZE rc_requantize_s32_avx2

/* Four products, rounded to int32: scales are below 1. */
RC_INLINE TARGET __m128i four(const int32_t *x, const double *scale)
{
    const __m256d t = _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)x));
    return _mm256_cvtpd_epi32(_mm256_mul_pd(t, _mm256_loadu_pd(scale)));
}

/* A whole block by scales in double. What saturates in 16 bits, before or after the zero point is added, is clipped
 * either way. */
#define BLOCK_IN_DOUBLE
RC_INLINE TARGET void block_in_double(const int32_t *x, const double *scale, const struct rc_to_s8 *to, int8_t *y)
{
    const __m128i zero_point = _mm_set1_epi16((int16_t)to->zero_point);
    const __m128i lowest = _mm_set1_epi16((int16_t)to->lowest), highest = _mm_set1_epi16((int16_t)to->highest);
    for (size_t c = 0; c < 64; c += 16) {
        __m128i half[2];
        RC_UNROLL
        for (size_t i = 0; i < 2; i++) {
            const size_t at = c + 8 * i;
            const __m128i v = _mm_packs_epi32(four(x + at, scale + at), four(x + at + 4, scale + at + 4));
            half[i] = _mm_min_epi16(_mm_max_epi16(_mm_adds_epi16(v, zero_point), lowest), highest);
        }
        _mm_storeu_si128((__m128i *)(y + c), _mm_packs_epi16(half[0], half[1]));
    }
}

#include "sums_loops.h"
#include "sums.h"
#endif
