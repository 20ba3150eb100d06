/* What changed since AVX2: comparisons give bits at once, and bits choose lanes. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX512

/* Side by side, without a way through other registers. */
RC_INLINE TARGET uint64_t four_masks(const __mmask16 *m)
{
    return _cvtmask64_u64(_mm512_kunpackd(_mm512_kunpackw(m[3], m[2]), _mm512_kunpackw(m[1], m[0])));
}

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
        __mmask16 over[4], from[4];
        RC_UNROLL
        for (int p = 0; p < 4; p++) {
            __m512 x = _mm512_loadu_ps((const float *)scores + 16 * p);
            if (finite) /* quiet NaN, +inf, -inf and signalling NaN are the classes 0x99 */
                wrong |= _mm512_fpclass_ps_mask(x, 0x99);
            x = magnitude ? _mm512_abs_ps(x) : x;
            over[p] = _mm512_cmp_ps_mask(x, h, _CMP_NLE_UQ);
            from[p] = _mm512_cmp_ps_mask(x, l, _CMP_GE_OQ);
        }
        kept = four_masks(over);
        least = four_masks(from);
        wrong |= (kept & ~least) != 0; /* what is not at most high, and not at least low, is NaN */
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

/* Without a branch on how many are open, which cannot be foretold, if not more than sixteen. */
RC_INLINE TARGET size_t take(uint32_t first, uint64_t open, uint32_t *index, size_t count)
{
    const __m512i lanes = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
        35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
        6, 5, 4, 3, 2, 1, 0);
    const __m512i own = _mm512_maskz_compress_epi8(open, lanes), from = _mm512_set1_epi32((int32_t)first);
    const size_t some = (size_t)__builtin_popcountll(open);
    uint32_t *to = index + count;
    _mm512_storeu_si512(to, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(own))));
    if (some > 16) {
        _mm512_storeu_si512(to + 16,
                            _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(own, 1))));
        if (some > 32) {
            _mm512_storeu_si512(to + 32,
                                _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(own, 2))));
            if (some > 48)
                _mm512_storeu_si512(to + 48,
                                    _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(own, 3))));
        }
    }
    return count + some;
}

RC_INLINE TARGET void fetch(const float *scores, const int magnitude, const uint32_t *index, size_t count,
                            float *floats)
{
    /* the numbers themselves may have 32 bits */
    const __m512i start = _mm512_set1_epi32(count ? (int32_t)index[0] : 0);
    const float *at = scores + (count ? index[0] : 0);
    for (size_t i = 0; i < count; i += 16) {
        const __mmask16 some = count - i < 16 ? (__mmask16)((1u << (count - i)) - 1) : 0xFFFF;
        const __m512i own = _mm512_sub_epi32(_mm512_maskz_loadu_epi32(some, index + i), start);
        const __m512 x = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), some, own, at, 4);
        _mm512_mask_storeu_ps(floats + i, some, magnitude ? _mm512_abs_ps(x) : x);
    }
}

#define SELECT rc_prune_select_avx512
#define MAGNITUDE rc_prune_magnitude_avx512
#define PROJECT rc_prune_project_l0_avx512
#define CUT rc_quantize_range_percentile_avx512
#define MINMAX rc_quantize_range_minmax_avx512
#include "cut.h"

/* Four rows, in each quarter: number i of every row comes to vector i. */
RC_INLINE TARGET void turn_four(__m512 *v)
{
    const __m512d ab = _mm512_castps_pd(_mm512_unpacklo_ps(v[0], v[1])),
                  cd = _mm512_castps_pd(_mm512_unpacklo_ps(v[2], v[3])),
                  ef = _mm512_castps_pd(_mm512_unpackhi_ps(v[0], v[1])),
                  gh = _mm512_castps_pd(_mm512_unpackhi_ps(v[2], v[3]));
    v[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
    v[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
    v[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ef, gh));
    v[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ef, gh));
}

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
        __m512 x[4] = {_mm512_loadu_ps(at), _mm512_loadu_ps(at + 16), _mm512_loadu_ps(at + 32),
                       _mm512_loadu_ps(at + 48)};
        wrong |= _mm512_cmp_ps_mask(x[0], x[1], _CMP_UNORD_Q) | _mm512_cmp_ps_mask(x[2], x[3], _CMP_UNORD_Q);
        turn_four(x);
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

/* Sixteen groups of eight, likewise: the ranks of a group are the eight halves of bytes of its lane. */
RC_INLINE TARGET size_t eights(size_t count, size_t n, const float *scores, uint8_t *mask, int *bad)
{
    const __m512i dropped = _mm512_set1_epi32((int32_t)((8 - n) * 0x11111111u)); /* 8 and more where the rank is n */
    const __m512i fields = _mm512_set1_epi64(0x1F1B17130F0B0703), one = _mm512_set1_epi8(1);
    unsigned wrong = 0;
    size_t s = 0;
    for (; s + 16 <= count; s += 16) {
        const float *at = scores + 8 * s;
        __m512 v[8], x[8];
        RC_UNROLL
        for (int i = 0; i < 8; i++)
            v[i] = _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(at + 8 * i)),
                                      _mm256_loadu_ps(at + 8 * i + 64), 1);
        RC_UNROLL
        for (int i = 0; i < 8; i += 4) {
            wrong |= _mm512_cmp_ps_mask(v[i], v[i + 1], _CMP_UNORD_Q) |
                     _mm512_cmp_ps_mask(v[i + 2], v[i + 3], _CMP_UNORD_Q);
            turn_four(v + i);
        }
        RC_UNROLL
        for (int i = 0; i < 4; i++) {
            x[i] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
            x[i + 4] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xDD);
        }
        __m512i rank = _mm512_set1_epi32(0x01234567);
        RC_UNROLL
        for (int i = 0; i < 8; i++)
            RC_UNROLL
            for (int j = i + 1; j < 8; j++)
                rank = _mm512_mask_add_epi32(rank, _mm512_cmp_ps_mask(x[i], x[j], _CMP_GE_OQ), rank,
                                             _mm512_set1_epi32((int32_t)((1u << 4 * j) - (1u << 4 * i))));
        rank = _mm512_add_epi32(rank, dropped);
        rank = _mm512_shuffle_i32x4(rank, rank, 0xD8); /* the lanes had groups 0 to 3, 8 to 11, 4 to 7, 12 to 15 */
        RC_UNROLL
        for (int i = 0; i < 2; i++) {
            const __m512i own = _mm512_cvtepu32_epi64(_mm512_extracti32x8_epi32(rank, i));
            const __m512i marks = _mm512_andnot_si512(_mm512_multishift_epi64_epi8(fields, own), one);
            _mm512_storeu_si512(mask + 8 * s + 64 * i, marks);
        }
    }
    *bad |= wrong != 0;
    return s;
}

/* Quarters of vectors go where the four rows that they are of stand. */
RC_INLINE TARGET void turned(const float *from, size_t distance, size_t count, float *to)
{
    const __mmask16 some = count < 16 ? (__mmask16)((1u << count) - 1) : 0xFFFF;
    __m512 v[16];
    RC_UNROLL
    for (size_t i = 0; i < 16; i++)
        v[i] = _mm512_maskz_loadu_ps(some, from + i * distance);
    RC_UNROLL
    for (size_t i = 0; i < 16; i += 4)
        turn_four(v + i);
    RC_UNROLL
    for (size_t i = 0; i < 4; i++) {
        const __m512 even = _mm512_shuffle_f32x4(v[i], v[4 + i], 0x88),
                     odd = _mm512_shuffle_f32x4(v[i], v[4 + i], 0xDD),
                     even_too = _mm512_shuffle_f32x4(v[8 + i], v[12 + i], 0x88),
                     odd_too = _mm512_shuffle_f32x4(v[8 + i], v[12 + i], 0xDD);
        _mm512_storeu_ps(to + 16 * i, _mm512_shuffle_f32x4(even, even_too, 0x88));
        _mm512_storeu_ps(to + 16 * (i + 4), _mm512_shuffle_f32x4(odd, odd_too, 0x88));
        _mm512_storeu_ps(to + 16 * (i + 8), _mm512_shuffle_f32x4(even, even_too, 0xDD));
        _mm512_storeu_ps(to + 16 * (i + 12), _mm512_shuffle_f32x4(odd, odd_too, 0xDD));
    }
}

#define LESSER_FLOATS(a, b) ((nm_floats)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define GREATER_FLOATS(a, b) ((nm_floats)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define LESSER_DOUBLES(a, b) ((nm_doubles)_mm512_min_pd((__m512d)(a), (__m512d)(b)))
#define GREATER_DOUBLES(a, b) ((nm_doubles)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
/* Of 64, 16 or 8 scores: bits become bytes. */
RC_INLINE TARGET void mark_floats(const size_t side, const float *x, float least, uint8_t *mask)
{
    const __m512 all = _mm512_set1_ps(least);
    if (side == 64) {
        __mmask16 kept[4];
        RC_UNROLL
        for (int p = 0; p < 4; p++)
            kept[p] = _mm512_cmp_ps_mask(_mm512_loadu_ps(x + 16 * p), all, _CMP_GE_OQ);
        put_mask(mask, four_masks(kept));
    } else if (side == 16) {
        _mm_storeu_si128((__m128i *)mask,
                         _mm_maskz_set1_epi8(_mm512_cmp_ps_mask(_mm512_loadu_ps(x), all, _CMP_GE_OQ), 1));
    } else {
        const __mmask8 kept = _mm256_cmp_ps_mask(_mm256_loadu_ps(x), _mm512_castps512_ps256(all), _CMP_GE_OQ);
        _mm_storel_epi64((__m128i *)mask, _mm_maskz_set1_epi8(kept, 1));
    }
}

#define MARK_FLOATS mark_floats
#define MORE_FLOATS(sum, a, b) \
    ((nm_ranks)_mm512_mask_sub_epi32((__m512i)(sum), _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), _CMP_GE_OQ), \
                                     (__m512i)(sum), _mm512_set1_epi32(-1)))
#define MORE_DOUBLES(sum, a, b) \
    ((nm_wide_ranks)_mm512_mask_sub_epi64((__m512i)(sum), _mm512_cmp_pd_mask((__m512d)(a), (__m512d)(b), _CMP_GE_OQ), \
                                          (__m512i)(sum), _mm512_set1_epi64(-1)))
#define TURNED turned
#define FOURS fours
#define EIGHTS eights
#define NM rc_prune_nm_avx512
#define VECTOR_BYTES 64
#include "nm.h"
#define RANKS_OF rc_quantize_range_ranks_avx512
#include "ranks.h"
#endif
