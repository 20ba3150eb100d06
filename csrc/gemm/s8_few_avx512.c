/* What changed since AVX2: vpdpbusd multiplies 64 pairs of bytes and adds them up by fours in one instruction, and does
 * not saturate, so x is read as it is. It wants one side unsigned: where both are signed, that is w + 128, and 128
 * times the sum of a row of x is taken off in the end. 32 registers hold a tile of 4 x 6. Tails are masked loads. */
#include "s8_tiles.h"
#if RC_X86

#define TARGET RC_AVX512
#define VEC __m512i
#define STEP 64
#define MR 4
#define NRF 6

RC_INLINE __mmask64 some_of(size_t count)
{
    return ~(__mmask64)0 >> (64 - count);
}

RC_INLINE TARGET __m512i inputs(const int is_signed, const uint8_t *x, __mmask64 some)
{
    (void)is_signed;
    return _mm512_maskz_loadu_epi8(some, x);
}

RC_INLINE TARGET __m512i weights(const int is_signed, const int8_t *w, __mmask64 some)
{
    const __m512i v = _mm512_maskz_loadu_epi8(some, w);
    return is_signed ? _mm512_xor_si512(v, _mm512_set1_epi8(-128)) : v; /* w + 128: its top bit flips */
}

/* The unsigned side comes first: x, or w + 128. */
RC_INLINE TARGET __m512i dot(const int is_signed, __m512i acc, __m512i x, __m512i w)
{
    return is_signed ? _mm512_dpbusd_epi32(acc, w, x) : _mm512_dpbusd_epi32(acc, x, w);
}

/* Neighbours are interleaved and added twice, which leaves the sums of a, b, c, d side by side. */
RC_INLINE TARGET void reduce_four(const __m512i *v, int32_t *out)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    const __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

/* NRF rows of w, so many inputs at a time, stay in L1 while a second tile of rows of x meets them: of bytes 12 KiB. */
enum { PIECE = 32 * STEP, AHEAD = 1024 };

/* A line of w that lies AHEAD bytes further on: of the same row, or where that ends of the row NRF below. */
RC_INLINE const int8_t *far_line(const int8_t *w, size_t p, size_t ldw)
{
    return w + p + AHEAD + (p + AHEAD >= ldw ? (NRF - 1) * ldw : 0);
}

/* Add the products of inputs p .. p + count to the sums of mr rows of x and nr rows of w. */
RC_INLINE TARGET void few_tile(const int is_signed, const size_t mr, const size_t nr, const uint8_t *x, size_t ldx,
                               const int8_t *w, size_t ldw, size_t p, size_t count, VEC *sums)
{
    VEC acc[MR][NRF];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < nr; o++)
            acc[i][o] = sums[i * NRF + o];
    const size_t end = p + count;
    /* One loop for whole steps and the rest: beside a second loop GCC 12 stores all sums in every step of the first. */
    for (; p < end; p += STEP) {
        const __mmask64 some = some_of(rc_min(STEP, end - p));
        VEC input[MR];
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = inputs(is_signed, x + i * ldx + p, some);
        RC_UNROLL for (size_t o = 0; o < nr; o++) {
            const VEC weight = weights(is_signed, w + o * ldw + p, some);
            ask_for(far_line(w + o * ldw, p, ldw));
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                acc[i][o] = dot(is_signed, acc[i][o], input[i], weight);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < nr; o++)
            sums[i * NRF + o] = acc[i][o];
}

/* A function for each size of a tile, as in s8_tile_table.h. */
typedef void few_function(const uint8_t *x, size_t ldx, const int8_t *w, size_t ldw, size_t p, size_t count, VEC *sums);
#define FEW_TILE(is_signed, mr, nr, name) \
    static TARGET void name(const uint8_t *x, size_t ldx, const int8_t *w, size_t ldw, size_t p, size_t count, \
                            VEC *sums) \
    { \
        few_tile(is_signed, mr, nr, x, ldx, w, ldw, p, count, sums); \
    }
#define FEW_TILES(mr) \
    FEW_TILE(0, mr, 1, one_unsigned_##mr) FEW_TILE(0, mr, NRF, unsigned_##mr) \
    FEW_TILE(1, mr, 1, one_signed_##mr) FEW_TILE(1, mr, NRF, signed_##mr)
FEW_TILES(1)
FEW_TILES(2)
FEW_TILES(3)
FEW_TILES(4)
static few_function *const few_tiles[2][2][4] = {
    {{one_unsigned_1, one_unsigned_2, one_unsigned_3, one_unsigned_4},
     {unsigned_1, unsigned_2, unsigned_3, unsigned_4}},
    {{one_signed_1, one_signed_2, one_signed_3, one_signed_4}, {signed_1, signed_2, signed_3, signed_4}}};

RC_INLINE TARGET uint32_t sum_of_row(const uint8_t *x, size_t k)
{
    int32_t sum = 0;
    for (size_t p = 0; p < k; p++)
        sum += (int8_t)x[p];
    return (uint32_t)sum;
}

/* m is at most FEW_ROWS. */
RC_INLINE TARGET int few(const int is_signed, size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x,
                         const int8_t *w, int32_t *y)
{
    VEC sums[FEW_ROWS * NRF + 3]; /* by fours, as they are read */
    int32_t totals[FEW_ROWS * NRF + 3];
    uint32_t less[FEW_ROWS] = {0};
    if (is_signed)
        for (size_t i = 0; i < m; i++)
            less[i] = 128 * sum_of_row(x + i * k, k);
    for (size_t o0 = begin, width; o0 < end; o0 += width) {
        const int whole = end - o0 >= NRF;
        width = whole ? NRF : 1;
        memset(sums, 0, (m * NRF + 3) * sizeof *sums);
        for (size_t p = 0; p < k; p += PIECE)
            for (size_t i = 0; i < m; i += MR)
                few_tiles[is_signed][whole][rc_min(MR, m - i) - 1](x + i * k, k, w + o0 * k, k, p, rc_min(PIECE, k - p),
                                                                   sums + i * NRF);
        for (size_t t = 0; t < m * NRF; t += 4)
            reduce_four(sums + t, totals + t);
        for (size_t i = 0; i < m; i++)
            for (size_t o = 0; o < width; o++)
                y[i * n + o0 + o] = (int32_t)((uint32_t)totals[i * NRF + o] - less[i]);
    }
    return RC_OK;
}

TARGET int rc_few_avx512_s8s8(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                              int32_t *y)
{
    return few(1, begin, end, m, n, k, (const uint8_t *)x, w, y);
}

TARGET int rc_few_avx512_u8s8(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                              int32_t *y)
{
    return few(0, begin, end, m, n, k, x, w, y);
}
#endif
