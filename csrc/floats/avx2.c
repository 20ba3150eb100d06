/* The template in vectors of 8 numbers, with what SSE2 lacks: selection by a mask, minima, widening. F16C converts
 * float16. */
#include "number.h"
#if RC_X86

#define TARGET RC_AVX2
#define ENCODE rc_floats_encode_avx2
#define DECODE rc_floats_decode_avx2
#define HALVES

RC_INLINE TARGET void halves_of(const float *x, int saturate, uint16_t *codes)
{
    const __m256 most = _mm256_set1_ps(saturate ? 65504.0f : INFINITY);
    const __m256 least = _mm256_sub_ps(_mm256_setzero_ps(), most);
    for (size_t p = 0; p < RUN; p += 8) {
        const __m256 t = _mm256_loadu_ps(x + p), inside = _mm256_max_ps(_mm256_min_ps(t, most), least);
        const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(t, t, _CMP_UNORD_Q));
        const __m128i mask = _mm_packs_epi32(_mm256_castsi256_si128(nan), _mm256_extracti128_si256(nan, 1));
        const __m128i code = _mm256_cvtps_ph(inside, _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(codes + p), _mm_blendv_epi8(code, _mm_set1_epi16(0x7E00), mask));
    }
}

RC_INLINE TARGET void floats_of(const uint16_t *codes, float *x)
{
    for (size_t p = 0; p < RUN; p += 8)
        _mm256_storeu_ps(x + p, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(codes + p))));
}

#include "floats.h"
#endif
