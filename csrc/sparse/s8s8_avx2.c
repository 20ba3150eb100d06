/* What changed since the portable file: the lanes of a vector are rows of x, up to 64 of them. Those are laid down as
 * columns of int16, a strip of them in the first-level cache, and each two entries of a row of the matrix take two of
 * the columns: interleaved, they meet the pair of weights in vpmaddwd. So only what is stored is multiplied. Few rows
 * of x would not fill the vectors: there the weights are put apart instead (s8s8_few_avx2.h). */
#include "../kernels.h"
#if RC_X86
#include "s8s8_few_avx2.h"

enum {
    TILE = 16384, /* elements of a strip of x: 32 KiB, and 256 columns where there are 64 rows */
    SUMS = 8192,  /* of a block of rows of the matrix, which the strip meets: 32 KiB, and 128 rows */
    STEP = 4,     /* entries at a time */
    MOST_ENTRIES = TILE / 16 + 16, /* of a row in a strip, and what vectors write behind */
    MOST_ROWS = 64, /* of x */
};

/* The entries of a row in a strip of columns: where the column of each is in the tile, in sixteens for each vector, and
 * the weights; zeros behind them up to a whole step. */
RC_INLINE RC_AVX2 int unpacked(const struct rc_sparse *w, size_t o, size_t first, size_t last, size_t *at,
                               uint16_t *place, int16_t *weight, size_t *count)
{
    const uint64_t *const bits = w->bits;
    const uint8_t *const mask = w->mask + o * w->width + first / 8;
    const size_t bytes = (last - first + 7) / 8;
    __m128i from = _mm_setzero_si128();
    size_t found = 0, e = 0;
    for (size_t b = 0; b < bytes; b++) {
        const size_t byte = mask[b];
        const __m128i near = _mm_slli_epi16(_mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)(bits + byte))), 4);
        _mm_storeu_si128((void *)(place + found), _mm_add_epi16(near, from));
        from = _mm_add_epi16(from, _mm_set1_epi16(8 * 16));
        found += bits_of(byte);
    }
    if (*at > w->nnz || found > w->nnz - *at)
        return RC_BAD_INDEX;
    const int8_t *const data = (const int8_t *)w->data + *at;
    for (const size_t whole = w->nnz - *at >= found + 15 ? found : found / 16 * 16; e < whole; e += 16)
        _mm256_storeu_si256((void *)(weight + e), as_16_bits(data + e));
    for (; e < found; e++)
        weight[e] = data[e];
    for (size_t s = 0; s < STEP; s++) {
        place[found + s] = 0;
        weight[found + s] = 0;
    }
    *at += found;
    *count = found;
    return RC_OK;
}

/* A vector that stays in its register: GCC 12 would load an input for each of its uses. */
#define KEEP(vector) __asm__("" : "+x"(vector))

RC_INLINE RC_AVX2 void multiply(const size_t vectors, size_t count, const uint16_t *place, const int16_t *weight,
                                const int16_t *tile, __m256i *acc)
{
    for (size_t e = 0; e < count; e += STEP)
        RC_UNROLL for (size_t pair = 0; pair < STEP; pair += 2) {
            const int16_t *const first = tile + place[e + pair] * vectors;
            const int16_t *const second = tile + place[e + pair + 1] * vectors;
            int32_t two;
            memcpy(&two, weight + e + pair, sizeof two);
            const __m256i weights = _mm256_set1_epi32(two);
            RC_UNROLL for (size_t v = 0; v < vectors; v++) {
                __m256i a = _mm256_load_si256((const void *)(first + v * 16));
                __m256i b = _mm256_load_si256((const void *)(second + v * 16));
                KEEP(a);
                KEEP(b);
                ADD(acc[2 * v], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), weights));
                ADD(acc[2 * v + 1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), weights));
            }
        }
}

/* Thirty-two inputs, those behind `count` taken as zeros. */
RC_INLINE RC_AVX2 __m256i inputs_of(const int8_t *x, size_t count)
{
    int8_t some[32] = {0};
    if (count >= 32)
        return _mm256_loadu_si256((const void *)x);
    memcpy(some, x, count);
    return _mm256_loadu_si256((const void *)some);
}

/* The columns first .. last of so many rows of x, zeros where lanes have none. Interleaving takes the first and the
 * third quarter of a vector, then the others: so the rows lie in that order. */
RC_INLINE RC_AVX2 void lay(const size_t vectors, size_t rows, size_t k, size_t first, size_t last, const int8_t *x,
                           int16_t *tile)
{
    for (size_t v = 0; v < vectors; v++)
        for (size_t p = first; p < last; p += 32) {
            __m256i in[16], out[16];
            RC_UNROLL for (size_t r = 0; r < 16; r++) {
                const size_t row = v * 16 + (r & 3) + (r & 4) * 2 + (r & 8) / 2;
                in[r] = row < rows ? inputs_of(x + row * k + p, k - p) : _mm256_setzero_si256();
            }
            for (size_t stage = 0; stage < 4; stage++) { /* each moves the bits of where a byte is by one */
                RC_UNROLL for (size_t r = 0; r < 8; r++) {
                    out[2 * r] = _mm256_unpacklo_epi8(in[r], in[r + 8]);
                    out[2 * r + 1] = _mm256_unpackhi_epi8(in[r], in[r + 8]);
                }
                RC_UNROLL for (size_t r = 0; r < 16; r++)
                    in[r] = out[r];
            }
            int16_t *const to = tile + ((p - first) * vectors + v) * 16;
            RC_UNROLL for (size_t r = 0; r < 16; r++) {
                const __m128i low = _mm256_castsi256_si128(in[r]), high = _mm256_extracti128_si256(in[r], 1);
                _mm256_store_si256((void *)(to + r * vectors * 16), _mm256_cvtepi8_epi16(low));
                _mm256_store_si256((void *)(to + (r + 16) * vectors * 16), _mm256_cvtepi8_epi16(high));
            }
        }
}

/* Four rows of x by a row of the matrix: what a group adds to their totals. */
RC_INLINE RC_AVX2 __m256d added(const double *totals, int begun, const int32_t *sums, const double *x_scale,
                                float w_scale)
{
    const __m256d scale = _mm256_mul_pd(_mm256_loadu_pd(x_scale), _mm256_set1_pd((double)w_scale));
    return _mm256_add_pd(begun ? _mm256_loadu_pd(totals) : _mm256_setzero_pd(),
                         _mm256_mul_pd(_mm256_cvtepi32_pd(_mm_loadu_si128((const void *)sums)), scale));
}

/* The last group g of `count` rows of the matrix: y, four rows by four. */
RC_INLINE RC_AVX2 void finish(const size_t lanes, size_t g, size_t o, size_t count, size_t rows, size_t n,
                              const struct rc_sparse *w, const double *x_scale, const float *bias, const int32_t *sums,
                              const double *totals, float *y)
{
    for (size_t r = 0; r < count; r += 4)
        for (size_t i = 0; i < rows; i += 4) {
            const size_t some = rc_min(4, count - r);
            __m128 four[4];
            for (size_t s = 0; s < 4; s++) {
                const size_t row = r + rc_min(s, some - 1), from = row * lanes + i;
                __m256d total = added(totals + from, g > 0, sums + from, x_scale + i, scale_of(w, o + row, g));
                if (bias)
                    total = _mm256_add_pd(total, _mm256_set1_pd((double)bias[o + row]));
                four[s] = _mm256_cvtpd_ps(total);
            }
            _MM_TRANSPOSE4_PS(four[0], four[1], four[2], four[3]);
            for (size_t t = 0; t < rc_min(4, rows - i); t++)
                memcpy(y + (i + t) * n + o + r, &four[t], some * sizeof *y);
        }
}

/* Up to `vectors` times sixteen rows of x. */
RC_INLINE RC_AVX2 int lanes_of_rows(const size_t vectors, size_t begin, size_t end, size_t rows, size_t n,
                                    const int8_t *x, const float *x_scale, const struct rc_sparse *w,
                                    const float *bias, float *y)
{
    const size_t lanes = vectors * 16, block = SUMS / lanes;
    _Alignas(64) int16_t tile[TILE];
    _Alignas(32) int32_t sums[SUMS];
    double totals[SUMS], scales[MOST_ROWS] = {0};
    uint16_t place[MOST_ENTRIES];
    int16_t weight[MOST_ENTRIES];
    size_t at[SUMS / 16];
    for (size_t i = 0; i < rows; i++)
        scales[i] = (double)x_scale[i];
    for (size_t o = begin; o < end; o += block) {
        const size_t some = rc_min(block, end - o);
        for (size_t r = 0; r < some; r++)
            at[r] = row_begin(w, o + r);
        for (size_t g = 0, stop; g * w->group < w->k; g++) {
            stop = rc_min(w->k, (g + 1) * w->group);
            for (size_t first = g * w->group, last; first < stop; first = last) {
                last = rc_min(stop, first + TILE / lanes);
                lay(vectors, rows, w->k, first, last, x, tile);
                for (size_t r = 0; r < some; r++) {
                    size_t count;
                    __m256i acc[8], *const to = (__m256i *)(sums + r * lanes);
                    if (unpacked(w, o + r, first, last, at + r, place, weight, &count))
                        return RC_BAD_INDEX;
                    RC_UNROLL for (size_t v = 0; v < 2 * vectors; v++)
                        acc[v] = first == g * w->group ? _mm256_setzero_si256() : to[v];
                    multiply(vectors, count, place, weight, tile, acc);
                    RC_UNROLL for (size_t v = 0; v < 2 * vectors; v++)
                        to[v] = acc[v];
                }
            }
            if (stop == w->k) {
                finish(lanes, g, o, some, rows, n, w, scales, bias, sums, totals, y);
                continue;
            }
            for (size_t r = 0; r < some; r++)
                for (size_t i = 0; i < lanes; i += 4)
                    _mm256_storeu_pd(totals + r * lanes + i, added(totals + r * lanes + i, g > 0, sums + r * lanes + i,
                                                                   scales + i, scale_of(w, o + r, g)));
        }
    }
    return RC_OK;
}

/* Functions of their own: no product has more on its stack than it needs. */
#define LANES_OF_ROWS(vectors) \
    static RC_AVX2 __attribute__((noinline)) int lanes_of_rows_##vectors( \
        size_t begin, size_t end, size_t rows, size_t n, const int8_t *x, const float *x_scale, \
        const struct rc_sparse *w, const float *bias, float *y) \
    { \
        return lanes_of_rows(vectors, begin, end, rows, n, x, x_scale, w, bias, y); \
    }
LANES_OF_ROWS(1)
LANES_OF_ROWS(2)
LANES_OF_ROWS(4)

RC_AVX2 int rc_sparse_s8s8_avx2(size_t begin, size_t end, size_t m, size_t n, const int8_t *x, const float *x_scale,
                                const struct rc_sparse *w, const float *bias, float *y)
{
    int bad = RC_OK;
    for (size_t i = 0, rows; !bad && i < m; i += rows) {
        rows = rc_min(m - i, MOST_ROWS);
        const int8_t *const inputs = x + i * w->k;
        float *const to = y + i * n;
        bad = rows <= 2 * FEW ? few_rows(begin, end, rows, n, inputs, x_scale + i, w, bias, to)
              : rows <= 16    ? lanes_of_rows_1(begin, end, rows, n, inputs, x_scale + i, w, bias, to)
              : rows <= 32    ? lanes_of_rows_2(begin, end, rows, n, inputs, x_scale + i, w, bias, to)
                              : lanes_of_rows_4(begin, end, rows, n, inputs, x_scale + i, w, bias, to);
    }
    return bad;
}
#endif
