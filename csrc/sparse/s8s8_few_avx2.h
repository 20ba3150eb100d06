/* Few rows of x by rows of a bitmask: included in s8s8_avx2.c alone. A table says of each byte of the mask which of the
 * next weights belongs to each of its eight columns, so that a shuffle puts them there, and zeros between. */
#include "unpack_avx2.h"

enum {
    FEW = 4,     /* rows of x at a time, at most: L1 holds eight lines that are a multiple of 4 KiB apart */
    SIDE = 4,    /* rows of the matrix at a time, at most: they share what is read of x */
    LOOK = 1024, /* columns between two looks at where the entries end */
};

/* A sum that stays in its register: GCC 12 would move it in every step. */
#define ADD(sum, vector) __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(vector))

/* Sixteen columns at a time of `side` rows of the matrix and `rows` rows of x: weights[s] is moved on by as many as row
 * s of the mask stores. */
RC_INLINE RC_AVX2 void sixteens(const size_t side, const size_t rows, const uint64_t *ranks, const uint8_t *mask,
                                size_t width, size_t steps, const int8_t *x, size_t ldx, const int8_t **weights,
                                __m256i (*acc)[FEW])
{
    for (size_t b = 0; b < 2 * steps; b += 2, x += 16) {
        __m256i inputs[FEW];
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            inputs[r] = as_16_bits(x + r * ldx);
        RC_UNROLL for (size_t s = 0; s < side; s++) {
            size_t low = mask[s * width + b], high = mask[s * width + b + 1];
            const __m128i rank = two_halves(ranks + low, ranks + 256 + high);
            const int8_t *const first = weights[s], *const second = first + bits_of(low);
            weights[s] = second + bits_of(high);
            const __m256i apart = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(two_halves(first, second), rank));
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                ADD(acc[s][r], _mm256_madd_epi16(apart, inputs[r]));
        }
    }
}

/* The columns first .. last of some rows of the matrix, at most LOOK. Behind the last entry zeros are taken for
 * weights. */
RC_INLINE RC_AVX2 int some_columns(const size_t side, const size_t rows, size_t o, size_t first, size_t last,
                                   const int8_t *x, const struct rc_sparse *w, size_t *at, __m256i (*acc)[FEW])
{
    const uint8_t *const mask = w->mask + o * w->width + first / 8;
    const size_t whole = (last - first) / 16, left = last - first - whole * 16;
    const int8_t *from[SIDE], *next[SIDE];
    int8_t copy[SIDE][LOOK + 8];
    RC_UNROLL for (size_t s = 0; s < side; s++) {
        if (at[s] > w->nnz)
            return RC_BAD_INDEX;
        from[s] = (const int8_t *)w->data + at[s];
        if (w->nnz - at[s] < LOOK + 8) {
            memset(copy[s], 0, LOOK + 8);
            memcpy(copy[s], from[s], w->nnz - at[s]);
            from[s] = copy[s];
        }
        next[s] = from[s];
    }
    sixteens(side, rows, w->ranks, mask, w->width, whole, x + first, w->k, next, acc);
    if (left) {
        int8_t inputs[FEW][16] = {{0}};
        uint8_t bytes[SIDE][2] = {{0}};
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            memcpy(inputs[r], x + r * w->k + first + whole * 16, left);
        RC_UNROLL for (size_t s = 0; s < side; s++)
            memcpy(bytes[s], mask + s * w->width + whole * 2, (left + 7) / 8);
        sixteens(side, rows, w->ranks, bytes[0], 2, 1, inputs[0], 16, next, acc);
    }
    RC_UNROLL for (size_t s = 0; s < side; s++) {
        const size_t taken = (size_t)(next[s] - from[s]);
        if (taken > w->nnz - at[s])
            return RC_BAD_INDEX;
        at[s] += taken;
    }
    return RC_OK;
}

RC_INLINE RC_AVX2 int32_t sum_of_8(__m256i v)
{
    __m128i t = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    t = _mm_add_epi32(t, _mm_shuffle_epi32(t, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(t, _mm_shuffle_epi32(t, 0xb1)));
}

RC_INLINE RC_AVX2 int some_outputs(const size_t side, const size_t rows, size_t o, size_t n, const int8_t *x,
                                   const float *x_scale, const struct rc_sparse *w, const float *bias, float *y)
{
    size_t at[SIDE];
    double total[SIDE][FEW];
    RC_UNROLL for (size_t s = 0; s < side; s++) {
        at[s] = row_begin(w, o + s);
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            total[s][r] = 0.0;
    }
    for (size_t g = 0; g * w->group < w->k; g++) {
        const size_t stop = rc_min(w->k, (g + 1) * w->group);
        __m256i acc[SIDE][FEW];
        RC_UNROLL for (size_t s = 0; s < side; s++)
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                acc[s][r] = _mm256_setzero_si256();
        for (size_t first = g * w->group; first < stop; first += LOOK)
            if (some_columns(side, rows, o, first, rc_min(stop, first + LOOK), x, w, at, acc))
                return RC_BAD_INDEX;
        RC_UNROLL for (size_t s = 0; s < side; s++)
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                total[s][r] += (double)sum_of_8(acc[s][r]) * ((double)x_scale[r] * (double)scale_of(w, o + s, g));
    }
    RC_UNROLL for (size_t s = 0; s < side; s++)
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            y[r * n + o + s] = (float)(bias ? total[s][r] + (double)bias[o + s] : total[s][r]);
    return RC_OK;
}

/* `side` rows of the matrix at a time, and those that are left one by one. */
RC_INLINE RC_AVX2 int some_rows(const size_t side, const size_t rows, size_t begin, size_t end, size_t n,
                                const int8_t *x, const float *x_scale, const struct rc_sparse *w, const float *bias,
                                float *y)
{
    size_t o = begin;
    for (; o + side <= end; o += side)
        if (some_outputs(side, rows, o, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    for (; o < end; o++)
        if (some_outputs(1, rows, o, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    return RC_OK;
}

static RC_AVX2 int few_rows(size_t begin, size_t end, size_t rows, size_t n, const int8_t *x, const float *x_scale,
                            const struct rc_sparse *w, const float *bias, float *y)
{
    int bad = RC_OK;
    for (size_t i = 0, some; !bad && i < rows; i += some) {
        const int8_t *const from = x + i * w->k;
        float *const to = y + i * n;
        some = rows - i >= 4 ? 4 : rows - i >= 2 ? 2 : 1;
        bad = some == 4   ? some_rows(2, 4, begin, end, n, from, x_scale + i, w, bias, to)
              : some == 2 ? some_rows(SIDE, 2, begin, end, n, from, x_scale + i, w, bias, to)
                          : some_rows(SIDE, 1, begin, end, n, from, x_scale + i, w, bias, to);
    }
    return bad;
}
