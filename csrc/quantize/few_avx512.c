/* What changed since AVX2: one vector holds the eight sums, and comparisons give bits, of which the values are made. */
#include "few_values.h"
#if RC_X86

#define BINARY rc_quantize_binary_avx512
#define TERNARY rc_quantize_ternary_avx512
#define FEW_SUM rc_quantize_few_sum_avx512
#define TARGET RC_AVX512
#define STEP 64
#define SUMS __m512d

RC_INLINE TARGET SUMS no_sums(void)
{
    return _mm512_setzero_pd();
}

RC_INLINE TARGET void eight_sums(SUMS sums, double *own)
{
    _mm512_storeu_pd(own, sums);
}

/* Adds sixteen, of ABOVE those that are; `above` and `below` : which are above delta, and which below 0. */
RC_INLINE TARGET void sixteen(const enum few_task task, __m512 x, float delta, SUMS *sums, __mmask16 *above,
                              __mmask16 *below)
{
    __m512 t = _mm512_abs_ps(x);
    *above = *below = 0;
    if (task == ABOVE) {
        *above = _mm512_cmp_ps_mask(t, _mm512_set1_ps(delta), _CMP_NLE_UQ);
        *below = _mm512_movepi32_mask(_mm512_castps_si512(x)); /* no zero is above */
        t = _mm512_maskz_mov_ps(*above, t);
    }
    if (task == SIGNS)
        *below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    *sums = _mm512_add_pd(*sums, _mm512_cvtps_pd(_mm512_castps512_ps256(t)));
    *sums = _mm512_add_pd(*sums, _mm512_cvtps_pd(_mm512_extractf32x8_ps(t, 1)));
}

RC_INLINE TARGET __mmask64 joined(const __mmask16 *masks)
{
    return _mm512_kunpackd(_mm512_kunpackw(masks[3], masks[2]), _mm512_kunpackw(masks[1], masks[0]));
}

RC_INLINE TARGET void step(const enum few_task task, const float *x, float delta, SUMS *sums, uint64_t *kept,
                           int stream, int8_t *values)
{
    __mmask16 above[4], below[4];
    RC_UNROLL
    for (int i = 0; i < 4; i++)
        sixteen(task, _mm512_loadu_ps(x + 16 * i), delta, sums, above + i, below + i);
    if (task == ALL)
        return;
    __m512i v = _mm512_mask_blend_epi8(joined(below), _mm512_set1_epi8(1), _mm512_set1_epi8(-1));
    if (task == ABOVE) {
        const __mmask64 all = joined(above);
        v = _mm512_maskz_mov_epi8(all, v);
        *kept += (uint64_t)__builtin_popcountll(all);
    }
    store_line(values, v, stream);
}

RC_INLINE TARGET void eight(const enum few_task task, const float *x, float delta, SUMS *sums, uint64_t *kept,
                            int8_t *values)
{
    __m256 t = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_loadu_ps(x));
    if (task == ABOVE) {
        const __mmask8 above = _mm256_cmp_ps_mask(t, _mm256_set1_ps(delta), _CMP_NLE_UQ);
        *kept += (uint64_t)__builtin_popcount(above);
        t = _mm256_maskz_mov_ps(above, t);
    }
    *sums = _mm512_add_pd(*sums, _mm512_cvtps_pd(t));
    if (task != ALL)
        for (size_t j = 0; j < 8; j++)
            values[j] = value_of(task, x[j], delta);
}

#include "few.h"
#endif
