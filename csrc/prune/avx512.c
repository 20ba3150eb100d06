/* What changed since AVX2: comparisons give bits at once, and bits choose lanes. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX512

RC_INLINE TARGET void compared(const int wide, const int magnitude, const int finite, const void *scores, double low,
                               double high, uint64_t *above, uint64_t *open, int *bad)
{
    uint64_t kept = 0, least = 0;
    unsigned wrong = 0;
    if (wide) {
        const __m512d l = _mm512_set1_pd(low), h = _mm512_set1_pd(high);
        RC_UNROLL
        for (int p = 0; p < 8; p++) {
            __m512d x = _mm512_loadu_pd((const double *)scores + 8 * p);
            wrong |= _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q);
            x = magnitude ? _mm512_abs_pd(x) : x;
            kept |= (uint64_t)_mm512_cmp_pd_mask(x, h, _CMP_GT_OQ) << 8 * p;
            least |= (uint64_t)_mm512_cmp_pd_mask(x, l, _CMP_GE_OQ) << 8 * p;
        }
    } else {
        const __m512 l = _mm512_set1_ps((float)low), h = _mm512_set1_ps((float)high);
        RC_UNROLL
        for (int p = 0; p < 4; p++) {
            __m512 x = _mm512_loadu_ps((const float *)scores + 16 * p);
            /* quiet NaN, +inf, -inf and signalling NaN are the classes 0x99 */
            wrong |= finite ? _mm512_fpclass_ps_mask(x, 0x99) : _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
            x = magnitude ? _mm512_abs_ps(x) : x;
            kept |= (uint64_t)_mm512_cmp_ps_mask(x, h, _CMP_GT_OQ) << 16 * p;
            least |= (uint64_t)_mm512_cmp_ps_mask(x, l, _CMP_GE_OQ) << 16 * p;
        }
    }
    *above = kept;
    *open = least & ~kept;
    *bad |= wrong != 0;
}

RC_INLINE TARGET void put_mask(uint8_t *mask, uint64_t above)
{
    _mm512_storeu_si512(mask, _mm512_maskz_set1_epi8(above, 1));
}

RC_INLINE TARGET void put_kept(float *v, const float *w, uint64_t above)
{
    RC_UNROLL
    for (int p = 0; p < 4; p++)
        _mm512_storeu_ps(v + 16 * p, _mm512_maskz_loadu_ps((__mmask16)(above >> 16 * p), w + 16 * p));
}

/* Without a branch: mostly few are open, and whether any is cannot be foretold. */
RC_INLINE TARGET size_t take(const int wide, const int magnitude, const void *scores, uint32_t first, uint64_t open,
                             uint32_t *index, double *doubles, float *floats, size_t count)
{
    const __m512i lanes = _mm512_add_epi32(_mm512_set1_epi32((int32_t)first), _mm512_setr_epi32(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    RC_UNROLL
    for (int p = 0; p < 4; p++) {
        const __mmask16 some = (__mmask16)(open >> 16 * p);
        const __m512i own = _mm512_add_epi32(lanes, _mm512_set1_epi32(16 * p));
        _mm512_storeu_si512(index + count, _mm512_maskz_compress_epi32(some, own));
        if (wide) {
            const double *at = (const double *)scores + 16 * p;
            __m512d a = _mm512_loadu_pd(at), b = _mm512_loadu_pd(at + 8);
            a = magnitude ? _mm512_abs_pd(a) : a;
            b = magnitude ? _mm512_abs_pd(b) : b;
            const __mmask8 low = (__mmask8)some, high = (__mmask8)(some >> 8);
            _mm512_storeu_pd(doubles + count, _mm512_maskz_compress_pd(low, a));
            _mm512_storeu_pd(doubles + count + (size_t)__builtin_popcount(low), _mm512_maskz_compress_pd(high, b));
        } else {
            const __m512 x = _mm512_loadu_ps((const float *)scores + 16 * p);
            _mm512_storeu_ps(floats + count, _mm512_maskz_compress_ps(some, magnitude ? _mm512_abs_ps(x) : x));
        }
        count += (size_t)__builtin_popcount(some);
    }
    return count;
}

#define SELECT rc_prune_select_avx512
#define MAGNITUDE rc_prune_magnitude_avx512
#define PROJECT rc_prune_project_l0_avx512
#define CUT rc_quantize_range_percentile_avx512
#define MINMAX rc_quantize_range_minmax_avx512
#include "cut.h"

/* Sixteen groups of four, a score of each group in a lane: the ranks of a group are the four bytes of its lane. */
RC_INLINE TARGET size_t fours(size_t count, size_t n, const float *scores, uint8_t *mask, int *bad)
{
    const __m512i kept = _mm512_set1_epi8((char)n), one = _mm512_set1_epi8(1);
    /* Lane 4 l + r of the sums is group 4 r + l. */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    unsigned wrong = 0;
    size_t s = 0;
    for (; s + 16 <= count; s += 16) {
        const float *at = scores + 4 * s;
        const __m512 a = _mm512_loadu_ps(at), b = _mm512_loadu_ps(at + 16), c = _mm512_loadu_ps(at + 32),
                     d = _mm512_loadu_ps(at + 48);
        wrong |= _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) | _mm512_cmp_ps_mask(c, d, _CMP_UNORD_Q);
        const __m512d ab = _mm512_castps_pd(_mm512_unpacklo_ps(a, b)), cd = _mm512_castps_pd(_mm512_unpacklo_ps(c, d)),
                      ef = _mm512_castps_pd(_mm512_unpackhi_ps(a, b)), gh = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
        const __m512 x[4] = {_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)), _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)),
                             _mm512_castpd_ps(_mm512_unpacklo_pd(ef, gh)), _mm512_castpd_ps(_mm512_unpackhi_pd(ef, gh))};
        __m512i rank = _mm512_set1_epi32(0x00010203); /* of each score, as many as come behind it in its group */
        RC_UNROLL
        for (int i = 0; i < 4; i++)
            RC_UNROLL
            for (int j = i + 1; j < 4; j++)
                rank = _mm512_mask_add_epi32(rank, _mm512_cmp_ps_mask(x[i], x[j], _CMP_GE_OQ), rank,
                                             _mm512_set1_epi32((1 << 8 * j) - (1 << 8 * i)));
        const __m512i marks = _mm512_min_epu8(_mm512_subs_epu8(kept, rank), one); /* n above the rank */
        _mm512_storeu_si512(mask + 4 * s, _mm512_permutexvar_epi32(order, marks));
    }
    *bad |= wrong != 0;
    return s;
}

#define FOURS fours
#define NM rc_prune_nm_avx512
#define VECTOR_BYTES 64
#include "nm.h"
#endif
