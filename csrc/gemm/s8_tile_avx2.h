/* What changed since the portable file: x and a panel of w are widened to int16 once, so that vpmaddwd's sum of two
 * products is exact (vpmaddubsw would save that, and saturates: 255 * 127 * 2 does not fit an int16; operands split in
 * two halves of a byte would not saturate, and take as many instructions). Four inputs of an output leave two sums side
 * by side, which are added in the end. Sixteen outputs of two rows take eight of sixteen registers: with three rows GCC
 * 12 has none for the products. */
#define NAME(what) what##_avx2
#define TARGET RC_AVX2
#define FEW(k) (2 + (k) / 256)
#define MR 2
#define ALL_ROWS(what, x_unsigned) what(x_unsigned, 1) what(x_unsigned, 2)
#define PANEL int16_t
#define LAID int16_t
#define IN_PLACE 0
#define FLIP(x_unsigned) 128u

RC_INLINE TARGET __m256i widened(const enum as as, __m128i v)
{
    if (as == UNSIGNED_LESS_128)
        v = _mm_xor_si128(v, _mm_set1_epi8(-128));
    return as == UNSIGNED ? _mm256_cvtepu8_epi16(v) : _mm256_cvtepi8_epi16(v);
}

RC_INLINE TARGET void lay(const enum as as, const uint8_t *x, size_t count, int16_t *out)
{
    size_t p = 0;
    for (; p + 16 <= count; p += 16)
        _mm256_store_si256((__m256i *)(out + p), widened(as, _mm_loadu_si128((const __m128i *)(x + p))));
    for (; p < count; p++)
        out[p] = as == SIGNED ? (int8_t)x[p] : as == UNSIGNED ? x[p] : (int16_t)(x[p] - 128);
    for (; p % 4; p++)
        out[p] = 0;
}

RC_INLINE TARGET uint32_t sum_of(const int x_unsigned, const uint8_t *x, size_t count)
{
    int32_t sum = 0;
    for (size_t p = 0; p < count; p++)
        sum += x_unsigned ? x[p] : (int8_t)x[p];
    return (uint32_t)sum;
}

RC_INLINE TARGET void fill_packed(const uint8_t *w, size_t quads, int16_t *out)
{
    for (size_t p = 0; p < quads * 64; p += 16) {
        if (p % 64 == 0)
            ask_for(w + p + quads * 64); /* of the next panel */
        _mm256_store_si256((__m256i *)(out + p), _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(w + p))));
    }
}

/* Eight rows of eight int32 to eight columns. */
RC_INLINE TARGET void transpose(__m256i *v)
{
    __m256i t[8], u[8];
    RC_UNROLL for (size_t i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    RC_UNROLL for (size_t i = 0; i < 8; i += 4)
        RC_UNROLL for (size_t c = 0; c < 2; c++) {
            u[i + 2 * c] = _mm256_unpacklo_epi64(t[i + c], t[i + 2 + c]);
            u[i + 2 * c + 1] = _mm256_unpackhi_epi64(t[i + c], t[i + 2 + c]);
        }
    RC_UNROLL for (size_t c = 0; c < 4; c++) {
        v[c] = _mm256_permute2x128_si256(u[c], u[4 + c], 0x20);
        v[4 + c] = _mm256_permute2x128_si256(u[c], u[4 + c], 0x31);
    }
}

RC_INLINE TARGET void fill_raw(uint32_t flip, const int8_t *w, size_t ldw, size_t rows, size_t count, int16_t *out)
{
    const __m256i flips = _mm256_set1_epi8((char)flip);
    for (size_t p = 0; p < count; p += 32)
        for (size_t half = 0; half < 2; half++) {
            __m256i v[8];
            for (size_t r = 0; r < 8; r++) {
                const int8_t *from = w + rc_min(half * 8 + r, rows - 1) * ldw + p;
                int8_t some[32] = {0};
                if (count - p < 32) {
                    memcpy(some, from, count - p);
                    from = some;
                }
                v[r] = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)from), flips);
            }
            transpose(v);
            for (size_t q = 0; q < 8; q++) {
                __m256i *to = (__m256i *)(out + p * 16 + q * 64 + half * 32);
                _mm256_store_si256(to, _mm256_cvtepu8_epi16(_mm256_castsi256_si128(v[q])));
                _mm256_store_si256(to + 1, _mm256_cvtepu8_epi16(_mm256_extracti128_si256(v[q], 1)));
            }
        }
}

/* A tile of sixteen outputs. A function of its own: in a loop over the sixteens GCC 12 stores all sums in every step. */
#define SIXTEEN(rows) \
    static TARGET __attribute__((noinline)) void sixteen_##rows(const int16_t *x, size_t ldx, size_t quads, \
                                                                const int16_t *w, int32_t *sums) \
    { \
        sixteen(rows, x, ldx, quads, w, sums); \
    }

RC_INLINE TARGET void sixteen(const size_t mr, const int16_t *x, size_t ldx, size_t quads, const int16_t *w,
                              int32_t *sums)
{
    __m256i acc[MR][4];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t b = 0; b < 4; b++)
            acc[i][b] = _mm256_setzero_si256();
    for (size_t q = 0; q < quads; q++) {
        __m256i input[MR];
        RC_UNROLL for (size_t i = 0; i < mr; i++) {
            int64_t four;
            memcpy(&four, x + i * ldx + q * 4, sizeof four);
            input[i] = _mm256_set1_epi64x(four);
        }
        RC_UNROLL for (size_t b = 0; b < 4; b++) {
            const __m256i weight = _mm256_load_si256((const __m256i *)(w + q * 64 + b * 16));
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                acc[i][b] = _mm256_add_epi32(acc[i][b], _mm256_madd_epi16(input[i], weight));
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t b = 0; b < 4; b += 2) {
            /* vphaddd leaves the outputs 0 1 4 5 | 2 3 6 7 */
            const __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[i][b], acc[i][b + 1]), 0xD8);
            __m256i *to = (__m256i *)(sums + i * NR + b * 4);
            _mm256_store_si256(to, _mm256_add_epi32(sum, _mm256_load_si256(to)));
        }
}

SIXTEEN(1)
SIXTEEN(2)

RC_INLINE TARGET void tile(const int x_unsigned, const size_t mr, const size_t nv, const int16_t *x, size_t ldx,
                           size_t quads, const int16_t *w, size_t ldw, ptrdiff_t ahead, int32_t *sums)
{
    (void)x_unsigned, (void)ahead;
    for (size_t v = 0; v < nv; v++)
        (mr == 1 ? sixteen_1 : sixteen_2)(x, ldx, quads, w + v * ldw, sums + v * 16);
}

RC_INLINE TARGET void stream(const int16_t *x, size_t quads, const int16_t *w, int32_t *sums)
{
    (void)x, (void)quads, (void)w, (void)sums; /* a panel is no byte */
}

#include "s8_tile_table.h"
