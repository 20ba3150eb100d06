/* Sparse times one column, six rows: included in avx2.c of csr and of sparse. A chain is a number, and waits four
 * cycles for its last sum, so six rows go side by side: for more there are not enough registers.
 *
 * An entry would take three loads (its column, its value, its element of x), and what dispatches instructions and what
 * loads are the limit. So eight entries at a time of a row: two columns in a load, four values or more in another, and
 * the values one after the other to where a multiply-add takes its number from. */
#include "values.h"
#include <math.h>

enum {
    ROWS = 6,
    STEP = 8, /* entries of a row at a time */
};

/* The compiler would let the sums wait for the checks of all later columns, with all that they need. */
#define IN_TURN(sum) __asm__("" : "+x"(sum))
/* It would count each row's columns and values apart, and run out of registers. */
#define ONE_PLACE(at) __asm__("" : "+r"(at))

/* An entry is where its column is in memory, as a number: where its value is follows from it. */
RC_INLINE const void *value_of(const enum rc_csr_type type, uintptr_t entry, uintptr_t apart)
{
    return (const void *)((type == RC_CSR_F32 ? entry : entry / 2) + apart);
}

RC_INLINE uintptr_t apart_of(const enum rc_csr_type type, const struct rc_csr *a)
{
    const uintptr_t columns = (uintptr_t)a->indices, values = (uintptr_t)a->data;
    return values - (type == RC_CSR_F32 ? columns : columns / 2);
}

/* Two entries, their columns in a number. */
RC_INLINE RC_AVX2 int two_entries(const void *indices, float first, float second, size_t k, const float *x, float *sum)
{
    uint64_t columns;
    memcpy(&columns, indices, 8); /* the first one is the lower half, as on all that has AVX2 */
    if ((uint32_t)columns >= k) /* a negative one becomes larger than any k */
        return RC_BAD_INDEX;
    *sum = fmaf(first, x[(uint32_t)columns], *sum);
    IN_TURN(*sum);
    if (columns >> 32 >= k)
        return RC_BAD_INDEX;
    *sum = fmaf(second, x[columns >> 32], *sum);
    IN_TURN(*sum);
    return RC_OK;
}

RC_INLINE RC_AVX2 int four_entries(uintptr_t entry, __m128 v, size_t k, const float *x, float *sum)
{
    return two_entries((const void *)entry, _mm_cvtss_f32(v), _mm_cvtss_f32(_mm_movehdup_ps(v)), k, x, sum) ||
           two_entries((const void *)(entry + 8), _mm_cvtss_f32(_mm_movehl_ps(v, v)),
                       _mm_cvtss_f32(_mm_permute_ps(v, 0xff)), k, x, sum);
}

RC_INLINE RC_AVX2 int eight_entries(const enum rc_csr_type type, uintptr_t entry, uintptr_t apart, size_t k,
                                    const float *x, float *sum)
{
    if (type == RC_CSR_F32)
        return four_entries(entry, _mm_loadu_ps((const float *)(entry + apart)), k, x, sum) ||
               four_entries(entry + 16, _mm_loadu_ps((const float *)(entry + 16 + apart)), k, x, sum);
    const __m256 eight = eight_of_16_bits(type, value_of(type, entry, apart));
    return four_entries(entry, _mm256_castps256_ps128(eight), k, x, sum) ||
           four_entries(entry + 16, _mm256_extractf128_ps(eight, 1), k, x, sum);
}

/* The entries from `entry` on, up to `end`. */
RC_INLINE RC_AVX2 int single_entries(const enum rc_csr_type type, uintptr_t entry, uintptr_t end, uintptr_t apart,
                                     size_t k, const float *x, float *sum)
{
    float total = *sum;
    for (; entry < end; entry += 4) {
        const size_t column = *(const uint32_t *)entry;
        if (column >= k)
            return RC_BAD_INDEX;
        total = fmaf(value_as_float(type, value_of(type, entry, apart)), x[column], total);
    }
    *sum = total;
    return RC_OK;
}

/* The rows whose entries begin at indptr[0 .. ROWS]. As many entries behind them are asked for meanwhile: rows are
 * short, and the processor's own prefetcher starts anew at each of them. */
RC_INLINE RC_AVX2 int six_rows(const enum rc_csr_type type, const int64_t *indptr, const struct rc_csr *a,
                               const float *x, float *y)
{
    const size_t k = a->k;
    const uintptr_t apart = apart_of(type, a), entries = (uintptr_t)a->indices;
    uintptr_t at[ROWS], end[ROWS];
    size_t common = SIZE_MAX, longest = 0;
    float sum[ROWS];
    RC_UNROLL for (size_t r = 0; r < ROWS; r++) {
        at[r] = entries + (uintptr_t)indptr[r] * 4;
        sum[r] = 0.0f;
        common = rc_min(common, (size_t)(indptr[r + 1] - indptr[r]) / STEP);
    }
    uintptr_t ahead = entries + (uintptr_t)indptr[ROWS] * 4;
    for (const uintptr_t stop = ahead + common * STEP * ROWS * 4; ahead != stop; ahead += STEP * ROWS * 4)
        RC_UNROLL for (size_t r = 0; r < ROWS; r++) {
            if (eight_entries(type, at[r], apart, k, x, sum + r))
                return RC_BAD_INDEX;
            at[r] += STEP * 4;
            ONE_PLACE(at[r]);
            if (r % 2 == 0) {
                __builtin_prefetch((const void *)(ahead + r * STEP * 4), 0, 2);
                __builtin_prefetch(value_of(type, ahead + r * STEP * 4, apart), 0, 2);
            }
        }
    /* The rows take turns here, too: each branch is guessed wrongly once in a row, and the chains go on meanwhile. */
    RC_UNROLL for (size_t r = 0; r < ROWS; r++) {
        end[r] = (uintptr_t)a->indices + (uintptr_t)indptr[r + 1] * 4;
        const size_t left = (size_t)(end[r] - at[r]) / (STEP * 4);
        longest = left > longest ? left : longest;
    }
    for (; longest; longest--)
        RC_UNROLL for (size_t r = 0; r < ROWS; r++)
            if (at[r] + STEP * 4 <= end[r]) {
                if (eight_entries(type, at[r], apart, k, x, sum + r))
                    return RC_BAD_INDEX;
                at[r] += STEP * 4;
            }
    RC_UNROLL for (size_t r = 0; r < ROWS; r++) {
        if (single_entries(type, at[r], end[r], apart, k, x, sum + r))
            return RC_BAD_INDEX;
        y[r] = sum[r];
    }
    return RC_OK;
}
