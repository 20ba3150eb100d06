/* The integer products of few rows, y = x w^T, with w as it is. What changed since the portable file: inputs lie across
 * the lanes, so w needs no packing and is read once, in the order in which it lies; x is split in halves beforehand, as
 * s8_tile_avx2.h has it, and the lanes of a sum are added up in the end, which a long k hides. All sums are exact, so
 * the order is free. */
#include "s8_tiles.h"
#if RC_X86

#define TARGET RC_AVX2
#include "s8_split_avx2.h"

/* STEPS: of 32 inputs, whose sums of two products stay int16. NRF: rows of w at a time. LAID: inputs that are split for
 * all of w, of all rows of x. PIECE: inputs of a row, so that NRF rows of w stay in L1 for all rows of x. */
enum { STEPS = 8, NRF = 4, LAID = 32768, PIECE = 4096, AHEAD = 1024 };

#define ADD(sum, vector) __asm__ volatile("vpaddw %1, %0, %0" : "+x"(sum) : "x"(vector)) /* as in s8_tile_avx2.h */

/* Add the products of so many steps, at most STEPS, to the sums of nr rows of w. A signed x meets w + 128. */
RC_INLINE TARGET void multiply(const int x_unsigned, const size_t nr, const size_t steps, const uint8_t *x,
                               const int8_t *w, size_t ldw, size_t ahead, __m256i *sums)
{
    __m256i acc[NRF][2];
    RC_UNROLL for (size_t s = 0; s < steps; s++) {
        const __m256i half[2] = {_mm256_load_si256((const __m256i *)(x + s * 64)),
                                 _mm256_load_si256((const __m256i *)(x + s * 64 + 32))};
        RC_UNROLL for (size_t o = 0; o < nr; o++) {
            __m256i weight = _mm256_loadu_si256((const __m256i *)(w + o * ldw + s * 32));
            if (s % 2 == 0)
                ask_for((const void *)((uintptr_t)(w + o * ldw + s * 32) + ahead));
            if (!x_unsigned)
                weight = _mm256_xor_si256(weight, _mm256_set1_epi8(-128));
            RC_UNROLL for (size_t h = 0; h < 2; h++) {
                const __m256i product =
                    x_unsigned ? _mm256_maddubs_epi16(half[h], weight) : _mm256_maddubs_epi16(weight, half[h]);
                if (s == 0)
                    acc[o][h] = product;
                else
                    ADD(acc[o][h], product);
            }
        }
    }
    RC_UNROLL for (size_t o = 0; o < nr; o++)
        RC_UNROLL for (size_t h = 0; h < 2; h++)
            sums[o] = _mm256_add_epi32(sums[o], _mm256_madd_epi16(acc[o][h], _mm256_set1_epi16(h ? 1 : 16)));
}

/* The sums of nr rows of w over inputs p to p + count, nothing behind which is read. */
RC_INLINE TARGET void rows_of_w(const int x_unsigned, const size_t nr, const uint8_t *x, const int8_t *w, size_t ldw,
                                size_t p, size_t count, int32_t *totals)
{
    __m256i sums[NRF];
    for (size_t o = 0; o < NRF; o++)
        sums[o] = _mm256_setzero_si256();
    const size_t end = p + count;
    for (; end - p >= STEPS * 32; p += STEPS * 32, x += STEPS * 64) {
        /* AHEAD in the same rows, or where they end in the next ones */
        const size_t ahead = AHEAD + (p + AHEAD >= ldw ? (NRF - 1) * ldw : 0);
        multiply(x_unsigned, nr, STEPS, x, w + p, ldw, ahead, sums);
    }
    for (; end - p >= 32; p += 32, x += 64)
        multiply(x_unsigned, nr, 1, x, w + p, ldw, 0, sums);
    if (p < end) {
        __m256i rest[NRF];
        for (size_t o = 0; o < nr; o++)
            rest[o] = bytes_or_zeros(w + o * ldw + p, end - p);
        multiply(x_unsigned, nr, 1, x, (const int8_t *)rest, sizeof *rest, 0, sums);
    }
    /* vphaddd adds neighbours, and twice leaves the sums of four vectors side by side in each half. */
    const __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    _mm_storeu_si128((__m128i *)totals, _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1)));
}

/* A function for each, as in s8_tile_table.h. */
typedef void rows_function(const uint8_t *x, const int8_t *w, size_t ldw, size_t p, size_t count, int32_t *totals);
#define ROWS(name, x_unsigned, nr) \
    static TARGET void name(const uint8_t *x, const int8_t *w, size_t ldw, size_t p, size_t count, int32_t *totals) \
    { \
        rows_of_w(x_unsigned, nr, x, w, ldw, p, count, totals); \
    }
ROWS(signed_one, 0, 1)
ROWS(signed_all, 0, NRF)
ROWS(unsigned_one, 1, 1)
ROWS(unsigned_all, 1, NRF)
static rows_function *const rows_functions[2][2] = {{signed_one, signed_all}, {unsigned_one, unsigned_all}};

RC_INLINE TARGET int few(const int x_unsigned, size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x,
                         const int8_t *w, int32_t *y)
{
    uint8_t laid[LAID * 2] __attribute__((aligned(64)));
    uint32_t less[FEW_ROWS]; /* 128 times the sums of a signed x */
    const size_t most = m > 1 ? rc_min(PIECE, LAID / m / 32 * 32) : LAID;
    for (size_t p = 0; p == 0 || p < k; p += most) {
        const size_t count = rc_min(k - p, most);
        for (size_t i = 0; i < m; i++) {
            const uint8_t *row = x + i * k + p;
            less[i] = 0;
            for (size_t q = 0; !x_unsigned && q < count; q++)
                less[i] += 128 * (uint32_t)(int8_t)row[q];
            for (size_t q = 0; q < count; q += 32) {
                __m256i *to = (__m256i *)(laid + (i * most + q) * 2);
                split(x_unsigned, bytes_or_zeros(row + q, count - q), to, to + 1);
            }
        }
        for (size_t o0 = begin, width; o0 < end; o0 += width) {
            const int whole = end - o0 >= NRF;
            width = whole ? NRF : 1;
            for (size_t i = 0; i < m; i++) {
                int32_t totals[NRF], *to = y + i * n + o0;
                rows_functions[x_unsigned][whole](laid + i * most * 2, w + o0 * k, k, p, count, totals);
                for (size_t o = 0; o < width; o++) /* what comes after the first piece goes on from the sums in y */
                    to[o] = (int32_t)((uint32_t)totals[o] - less[i] + (p ? (uint32_t)to[o] : 0));
            }
        }
    }
    return RC_OK;
}

TARGET int rc_few_avx2_s8s8(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                            int32_t *y)
{
    return few(0, begin, end, m, n, k, (const uint8_t *)x, w, y);
}

TARGET int rc_few_avx2_u8s8(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                            int32_t *y)
{
    return few(1, begin, end, m, n, k, x, w, y);
}
#endif
