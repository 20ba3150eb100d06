/* What changed since AVX2: one vector is the 16 chains of an element, 32 registers hold a tile of 4 x 6 elements, and
 * tails are masked loads. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx512.h"
#include <string.h>

#define KERNEL rc_gemm_f32mixed_avx512
#define MR 4
#define NR 6

RC_INLINE TARGET void pack8(const int8_t *w, size_t count, int8_t z, float *out)
{
    const __mmask16 there = (__mmask16)((1u << count) - 1);
    const __m512i q = _mm512_cvtepi8_epi32(count == 16 ? _mm_loadu_si128((const __m128i *)w)
                                                       : _mm_maskz_loadu_epi8(there, w));
    _mm512_store_ps(out, _mm512_cvtepi32_ps(_mm512_maskz_sub_epi32(there, q, _mm512_set1_epi32(z))));
}

RC_INLINE TARGET void pack16(const int16_t *w, size_t count, int16_t z, float *out)
{
    const __mmask16 there = (__mmask16)((1u << count) - 1);
    const __m512i q = _mm512_cvtepi16_epi32(count == 16 ? _mm256_loadu_si256((const __m256i *)w)
                                                        : _mm256_maskz_loadu_epi16(there, w));
    _mm512_store_ps(out, _mm512_cvtepi32_ps(_mm512_maskz_sub_epi32(there, q, _mm512_set1_epi32(z))));
}

#include "f32mixed.h"
#endif
