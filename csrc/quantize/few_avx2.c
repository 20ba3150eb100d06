/* What changed since the portable file: sums of four doubles, and values of thirty-two weights from the masks of the
 * comparisons. */
#include "few_values.h"
#if RC_X86

#define BINARY rc_quantize_binary_avx2
#define TERNARY rc_quantize_ternary_avx2
#define FEW_SUM rc_quantize_few_sum_avx2
#define TARGET RC_AVX2
#define STEP 32
#define SUMS struct sums

struct sums {
    __m256d low, high;
};

RC_INLINE TARGET SUMS no_sums(void)
{
    return (SUMS){_mm256_setzero_pd(), _mm256_setzero_pd()};
}

RC_INLINE TARGET void eight_sums(SUMS sums, double *own)
{
    _mm256_storeu_pd(own, sums.low);
    _mm256_storeu_pd(own + 4, sums.high);
}

/* Adds eight, of ABOVE those that are, and returns their values as int32. */
RC_INLINE TARGET __m256i added(const enum few_task task, const float *x, float delta, SUMS *sums)
{
    const __m256 given = _mm256_loadu_ps(x);
    const __m256i one = _mm256_set1_epi32(1);
    __m256 t = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), given);
    __m256i values = _mm256_setzero_si256();
    if (task == SIGNS) /* a mask is -1 */
        values = _mm256_or_si256(_mm256_castps_si256(_mm256_cmp_ps(given, _mm256_setzero_ps(), _CMP_LT_OQ)), one);
    if (task == ABOVE) {
        const __m256 above = _mm256_cmp_ps(t, _mm256_set1_ps(delta), _CMP_NLE_UQ);
        t = _mm256_and_ps(t, above);
        values = _mm256_or_si256(_mm256_srai_epi32(_mm256_castps_si256(given), 31), one); /* no zero is above */
        values = _mm256_and_si256(values, _mm256_castps_si256(above));
    }
    sums->low = _mm256_add_pd(sums->low, _mm256_cvtps_pd(_mm256_castps256_ps128(t)));
    sums->high = _mm256_add_pd(sums->high, _mm256_cvtps_pd(_mm256_extractf128_ps(t, 1)));
    return values;
}

RC_INLINE TARGET void step(const enum few_task task, const float *x, float delta, SUMS *sums, uint64_t *kept,
                           int stream, int8_t *values)
{
    __m256i v[4];
    RC_UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = added(task, x + 8 * i, delta, sums);
    if (task == ALL)
        return;
    /* To narrow takes halves of two vectors in turn: fours of bytes are put back into their order. */
    const __m256i bytes = _mm256_permutevar8x32_epi32(
        _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3])),
        _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    if (task == ABOVE)
        *kept += 32 - (uint64_t)__builtin_popcount(
                          (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256())));
    store_half_line(values, bytes, stream);
}

RC_INLINE TARGET void eight(const enum few_task task, const float *x, float delta, SUMS *sums, uint64_t *kept,
                            int8_t *values)
{
    added(task, x, delta, sums);
    if (task != ALL)
        for (size_t j = 0; j < 8; j++) {
            values[j] = value_of(task, x[j], delta);
            *kept += task == ABOVE && values[j] != 0;
        }
}

#include "few.h"
#endif
