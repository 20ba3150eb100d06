/* What changed since the portable file: sums of many terms at a time, to the same bits (threshold.h). */
#include "../memory.h"
#if RC_X86

#include "doubles_avx2.h"

RC_INLINE TARGET double v_sum(__m256d v)
{
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

#define TIES __m256d

RC_INLINE TARGET __m256d no_ties(void)
{
    return _mm256_setzero_pd();
}

RC_INLINE TARGET __m256d with_ties(__m256d ties, __m256d a, __m256d b)
{
    return _mm256_or_pd(ties, _mm256_cmp_pd(a, b, _CMP_EQ_OQ));
}

RC_INLINE TARGET int any_ties(__m256d ties)
{
    return _mm256_movemask_pd(ties);
}

RC_INLINE TARGET void kept_from(const float *w, float least, int stream, uint8_t *mask)
{
    const __m256 sign = _mm256_set1_ps(-0.0f), l = _mm256_set1_ps(least);
    const __m256i one = _mm256_set1_epi8(1), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    RC_UNROLL
    for (int p = 0; p < 64; p += 32) {
        __m256i kept[4];
        RC_UNROLL
        for (int q = 0; q < 4; q++)
            kept[q] = _mm256_castps_si256(
                _mm256_cmp_ps(_mm256_andnot_ps(sign, _mm256_loadu_ps(w + p + 8 * q)), l, _CMP_GE_OQ));
        /* Packing takes the halves of both in turn. */
        const __m256i packed =
            _mm256_packs_epi16(_mm256_packs_epi32(kept[0], kept[1]), _mm256_packs_epi32(kept[2], kept[3]));
        store_half_line(mask + p, _mm256_and_si256(_mm256_permutevar8x32_epi32(packed, order), one), stream);
    }
}

#define CHAIN rc_prune_chain_avx2
#define THRESHOLD rc_prune_threshold_avx2
#include "threshold.h"
#endif
