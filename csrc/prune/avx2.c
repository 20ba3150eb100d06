/* What changed since the portable file: eight floats or four doubles at a time, and comparisons as bits. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX2

RC_INLINE TARGET void compared(const int wide, const int magnitude, const int finite, const void *scores, double low,
                               double high, uint64_t *above, uint64_t *open, int *bad)
{
    uint64_t kept = 0, least = 0;
    if (wide) {
        const __m256d l = _mm256_set1_pd(low), h = _mm256_set1_pd(high), sign = _mm256_set1_pd(-0.0);
        __m256d wrong = _mm256_setzero_pd();
        RC_UNROLL
        for (int p = 0; p < 16; p++) {
            __m256d x = _mm256_loadu_pd((const double *)scores + 4 * p);
            wrong = _mm256_or_pd(wrong, _mm256_cmp_pd(x, x, _CMP_UNORD_Q));
            x = magnitude ? _mm256_andnot_pd(sign, x) : x;
            kept |= (uint64_t)(unsigned)_mm256_movemask_pd(_mm256_cmp_pd(x, h, _CMP_GT_OQ)) << 4 * p;
            least |= (uint64_t)(unsigned)_mm256_movemask_pd(_mm256_cmp_pd(x, l, _CMP_GE_OQ)) << 4 * p;
        }
        *bad |= _mm256_movemask_pd(wrong);
    } else {
        const __m256 l = _mm256_set1_ps((float)low), h = _mm256_set1_ps((float)high), sign = _mm256_set1_ps(-0.0f);
        __m256 wrong = _mm256_setzero_ps();
        RC_UNROLL
        for (int p = 0; p < 8; p++) {
            __m256 x = _mm256_loadu_ps((const float *)scores + 8 * p);
            const __m256 of = finite ? _mm256_sub_ps(x, x) : x; /* of an infinity NaN */
            wrong = _mm256_or_ps(wrong, _mm256_cmp_ps(of, of, _CMP_UNORD_Q));
            x = magnitude ? _mm256_andnot_ps(sign, x) : x;
            kept |= (uint64_t)(unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x, h, _CMP_GT_OQ)) << 8 * p;
            least |= (uint64_t)(unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x, l, _CMP_GE_OQ)) << 8 * p;
        }
        *bad |= _mm256_movemask_ps(wrong);
    }
    *above = kept;
    *open = least & ~kept;
}

/* 32 bits: byte i of each half takes the byte that holds its bit, and keeps that bit alone. */
RC_INLINE TARGET __m256i bytes_of(uint32_t bits)
{
    const __m256i from = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i own = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    const __m256i held = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), from);
    return _mm256_cmpeq_epi8(_mm256_and_si256(held, own), own);
}

RC_INLINE TARGET void put_mask(uint8_t *mask, uint64_t above)
{
    const __m256i one = _mm256_set1_epi8(1);
    _mm256_storeu_si256((__m256i *)mask, _mm256_and_si256(bytes_of((uint32_t)above), one));
    _mm256_storeu_si256((__m256i *)(mask + 32), _mm256_and_si256(bytes_of((uint32_t)(above >> 32)), one));
}

RC_INLINE TARGET void put_kept(float *v, const float *w, uint64_t above)
{
    const __m256i own = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    RC_UNROLL
    for (int p = 0; p < 8; p++) {
        const __m256i held = _mm256_and_si256(_mm256_set1_epi32((int32_t)(above >> 8 * p & 0xFF)), own);
        const __m256 kept = _mm256_castsi256_ps(_mm256_cmpeq_epi32(held, own));
        _mm256_storeu_ps(v + 8 * p, _mm256_and_ps(kept, _mm256_loadu_ps(w + 8 * p)));
    }
}

#define take take_each
#define fetch fetch_each
#define SELECT rc_prune_select_avx2
#define MAGNITUDE rc_prune_magnitude_avx2
#define PROJECT rc_prune_project_l0_avx2
#define CUT rc_quantize_range_percentile_avx2
#define MINMAX rc_quantize_range_minmax_avx2
#include "cut.h"

/* Four rows, in each half: number i of every row comes to vector i. */
RC_INLINE TARGET void turn_four(__m256 *v)
{
    const __m256d ab = _mm256_castps_pd(_mm256_unpacklo_ps(v[0], v[1])),
                  cd = _mm256_castps_pd(_mm256_unpacklo_ps(v[2], v[3])),
                  ef = _mm256_castps_pd(_mm256_unpackhi_ps(v[0], v[1])),
                  gh = _mm256_castps_pd(_mm256_unpackhi_ps(v[2], v[3]));
    v[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
    v[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
    v[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(ef, gh));
    v[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(ef, gh));
}

/* Eight rows: number i of every row comes to vector i. */
RC_INLINE TARGET void turn_eight(__m256 *v, __m256 *x)
{
    turn_four(v);
    turn_four(v + 4);
    RC_UNROLL
    for (int i = 0; i < 4; i++) {
        x[i] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x20);
        x[i + 4] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x31);
    }
}

/* Eight groups of four, a score of each group in a lane: the ranks of a group are the four bytes of its lane. */
RC_INLINE TARGET size_t fours(size_t count, size_t n, const float *scores, uint8_t *mask, int *bad)
{
    const __m256i kept = _mm256_set1_epi8((char)n), one = _mm256_set1_epi8(1);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* lane 4 l + r of the sums is group 2 r + l */
    __m256 wrong = _mm256_setzero_ps();
    size_t s = 0;
    for (; s + 8 <= count; s += 8) {
        const float *at = scores + 4 * s;
        __m256 x[4] = {_mm256_loadu_ps(at), _mm256_loadu_ps(at + 8), _mm256_loadu_ps(at + 16),
                       _mm256_loadu_ps(at + 24)};
        wrong = _mm256_or_ps(wrong, _mm256_or_ps(_mm256_cmp_ps(x[0], x[1], _CMP_UNORD_Q),
                                                 _mm256_cmp_ps(x[2], x[3], _CMP_UNORD_Q)));
        turn_four(x);
        __m256i rank = _mm256_set1_epi32(0x00010203); /* of each score, as many as come behind it in its group */
        RC_UNROLL
        for (int i = 0; i < 4; i++)
            RC_UNROLL
            for (int j = i + 1; j < 4; j++) {
                const __m256i first = _mm256_castps_si256(_mm256_cmp_ps(x[i], x[j], _CMP_GE_OQ));
                rank = _mm256_add_epi32(rank, _mm256_and_si256(first, _mm256_set1_epi32((1 << 8 * j) - (1 << 8 * i))));
            }
        const __m256i marks = _mm256_min_epu8(_mm256_subs_epu8(kept, rank), one); /* n above the rank */
        _mm256_storeu_si256((__m256i *)(mask + 4 * s), _mm256_permutevar8x32_epi32(marks, order));
    }
    *bad |= _mm256_movemask_ps(wrong);
    return s;
}

/* Eight groups of eight, likewise: the ranks of a group are the eight halves of bytes of its lane. */
RC_INLINE TARGET size_t eights(size_t count, size_t n, const float *scores, uint8_t *mask, int *bad)
{
    const __m256i dropped = _mm256_set1_epi32((int32_t)((8 - n) * 0x11111111u)); /* 8 and more where the rank is n */
    const __m256i twice = _mm256_setr_epi64x(0x0303020201010000, 0x0B0B0A0A09090808, 0x0303020201010000,
                                             0x0B0B0A0A09090808);
    const __m256i field = _mm256_set1_epi16((short)0x8008), one = _mm256_set1_epi8(1);
    __m256 wrong = _mm256_setzero_ps();
    size_t s = 0;
    for (; s + 8 <= count; s += 8) {
        const float *at = scores + 8 * s;
        __m256 v[8], x[8];
        RC_UNROLL
        for (int i = 0; i < 8; i++)
            v[i] = _mm256_loadu_ps(at + 8 * i);
        RC_UNROLL
        for (int i = 0; i < 8; i += 4) {
            wrong = _mm256_or_ps(wrong, _mm256_or_ps(_mm256_cmp_ps(v[i], v[i + 1], _CMP_UNORD_Q),
                                                     _mm256_cmp_ps(v[i + 2], v[i + 3], _CMP_UNORD_Q)));
        }
        turn_eight(v, x);
        __m256i rank = _mm256_set1_epi32(0x01234567);
        RC_UNROLL
        for (int i = 0; i < 8; i++)
            RC_UNROLL
            for (int j = i + 1; j < 8; j++) {
                const __m256i first = _mm256_castps_si256(_mm256_cmp_ps(x[i], x[j], _CMP_GE_OQ));
                rank = _mm256_add_epi32(rank, _mm256_and_si256(first, _mm256_set1_epi32(
                    (int32_t)((1u << 4 * j) - (1u << 4 * i)))));
            }
        rank = _mm256_add_epi32(rank, dropped);
        RC_UNROLL
        for (int i = 0; i < 2; i++) {
            const __m256i own = _mm256_cvtepu32_epi64(i ? _mm256_extracti128_si256(rank, 1)
                                                        : _mm256_castsi256_si128(rank));
            const __m256i held = _mm256_and_si256(_mm256_shuffle_epi8(own, twice), field);
            const __m256i marks = _mm256_and_si256(_mm256_cmpeq_epi8(held, _mm256_setzero_si256()), one);
            _mm256_storeu_si256((__m256i *)(mask + 8 * s + 32 * i), marks);
        }
    }
    *bad |= _mm256_movemask_ps(wrong);
    return s;
}

RC_INLINE TARGET void turned(const float *from, size_t distance, size_t count, float *to)
{
    const __m256i some = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256 v[8], x[8];
    RC_UNROLL
    for (size_t i = 0; i < 8; i++)
        v[i] = _mm256_maskload_ps(from + i * distance, some);
    turn_eight(v, x);
    RC_UNROLL
    for (size_t i = 0; i < 8; i++)
        _mm256_storeu_ps(to + 8 * i, x[i]);
}

#define LESSER_FLOATS(a, b) ((nm_floats)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define GREATER_FLOATS(a, b) ((nm_floats)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define LESSER_DOUBLES(a, b) ((nm_doubles)_mm256_min_pd((__m256d)(a), (__m256d)(b)))
#define GREATER_DOUBLES(a, b) ((nm_doubles)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#define MORE_FLOATS(sum, a, b) ((sum) - ((a) >= (b)))
#define MORE_DOUBLES(sum, a, b) ((sum) - ((a) >= (b)))
#define TURNED turned
#define FOURS fours
#define EIGHTS eights
#define NM rc_prune_nm_avx2
#define VECTOR_BYTES 32
#include "nm.h"
#define RANKS_OF rc_quantize_range_ranks_avx2
#include "ranks.h"
#endif
