/* The template with AVX-512: masks in registers of their own, one instruction from 32-bit codes to 8 or 16 bits. */
#include "number.h"
#if RC_X86

#define TARGET RC_AVX512
#define ENCODE rc_floats_encode_avx512
#define DECODE rc_floats_decode_avx512
#define HALVES

RC_INLINE TARGET void halves_of(const float *x, int saturate, uint16_t *codes)
{
    const __m512 most = _mm512_set1_ps(saturate ? 65504.0f : INFINITY);
    const __m512 least = _mm512_sub_ps(_mm512_setzero_ps(), most);
    for (size_t p = 0; p < RUN; p += 16) {
        const __m512 t = _mm512_loadu_ps(x + p), inside = _mm512_max_ps(_mm512_min_ps(t, most), least);
        const __m256i code = _mm512_cvtps_ph(inside, _MM_FROUND_TO_NEAREST_INT);
        const __mmask16 nan = _mm512_cmp_ps_mask(t, t, _CMP_UNORD_Q);
        _mm256_storeu_si256((__m256i *)(codes + p), _mm256_mask_mov_epi16(code, nan, _mm256_set1_epi16(0x7E00)));
    }
}

RC_INLINE TARGET void floats_of(const uint16_t *codes, float *x)
{
    for (size_t p = 0; p < RUN; p += 16)
        _mm512_storeu_ps(x + p, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(codes + p))));
}

#include "floats.h"
#endif
