/* Template of the sums of whole blocks of a matrix, each one element after the other. Included after these were
 * defined:
 *
 * SUMS                 the function's name
 * TARGET               its instruction set, or nothing
 * and where it has vectors VECTORS, with
 * DOUBLES              eight doubles
 * d_zero(), d_load(x), d_store(x, v)
 * d_add(v, x)          v plus eight floats, a vector of AVX
 *
 * The adds of one block wait for each other, those of several do not: a vector holds the sums of eight blocks. Blocks
 * of one column lie in it as they lie in memory; of others four columns of eight blocks are turned.
 */
#include "../kernels.h"
#include <string.h>

enum { SIDE = 8, STRIP = 2048 /* columns, whose sums stay in L1 */, TALL = 8 /* rows of them at a time */ };

RC_INLINE TARGET double element(const int wide, const void *scores, size_t i)
{
    return wide ? ((const double *)scores)[i] : (double)((const float *)scores)[i];
}

/* A block of each of `count` places, which are `step` apart. */
RC_INLINE TARGET void side_by_side(const int wide, const size_t count, size_t high, size_t across, size_t columns,
                                   size_t step, const void *scores, size_t at, double *sums)
{
    double sum[SIDE] = {0};
    for (size_t i = 0; i < high; i++)
        for (size_t j = 0; j < across; j++)
            for (size_t b = 0; b < count; b++)
                sum[b] += element(wide, scores, at + i * columns + j + b * step);
    memcpy(sums, sum, count * sizeof *sum);
}

/* Some rows more of blocks of one column each. */
RC_INLINE TARGET void add_rows(const int wide, const size_t high, size_t count, size_t columns, const void *scores,
                               size_t at, double *sums)
{
    size_t c = 0;
#ifdef VECTORS
    for (; !wide && c + 8 <= count; c += 8) {
        DOUBLES sum = d_load(sums + c);
        RC_UNROLL
        for (size_t i = 0; i < high; i++)
            sum = d_add(sum, _mm256_loadu_ps((const float *)scores + at + i * columns + c));
        d_store(sums + c, sum);
    }
#endif
    for (; c < count; c++) {
        double sum = sums[c];
        for (size_t i = 0; i < high; i++)
            sum += element(wide, scores, at + i * columns + c);
        sums[c] = sum;
    }
}

RC_INLINE TARGET void sums_of_columns(const int wide, size_t high, size_t count, size_t columns, const void *scores,
                                      size_t at, double *sums)
{
    for (size_t c = 0; c < count; c += STRIP) {
        const size_t own = rc_min(STRIP, count - c);
        size_t i = 0;
        memset(sums + c, 0, own * sizeof *sums);
        for (; i + TALL <= high; i += TALL)
            add_rows(wide, TALL, own, columns, scores, at + i * columns + c, sums + c);
        for (; i < high; i++)
            add_rows(wide, 1, own, columns, scores, at + i * columns + c, sums + c);
    }
}

#ifdef VECTORS
RC_INLINE TARGET __m256 four_and_four(const float *low, const float *high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

/* A row of eight blocks of two columns: the first ones are added, then the second ones. */
RC_INLINE TARGET DOUBLES add_twos(DOUBLES sum, const float *x)
{
    const __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8);
    /* of the halves of both in turn */
    const __m256d first = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)),
                  second = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xDD));
    sum = d_add(sum, _mm256_castpd_ps(_mm256_permute4x64_pd(first, 0xD8)));
    return d_add(sum, _mm256_castpd_ps(_mm256_permute4x64_pd(second, 0xD8)));
}

/* Likewise of three columns: number 3 i + j of the 24 lies at 3 i + j modulo 8 of its vector, at another place for each
 * of the eight i. */
RC_INLINE TARGET DOUBLES add_threes(DOUBLES sum, const float *x)
{
    const __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8), c = _mm256_loadu_ps(x + 16);
    const __m256i from = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5), one = _mm256_set1_epi32(1);
    const __m256 first = _mm256_blend_ps(_mm256_blend_ps(a, b, 0x92), c, 0x24),
                 second = _mm256_blend_ps(_mm256_blend_ps(a, b, 0x24), c, 0x49),
                 third = _mm256_blend_ps(_mm256_blend_ps(a, b, 0x49), c, 0x92);
    const __m256i next = _mm256_add_epi32(from, one); /* the lowest three bits count */
    sum = d_add(sum, _mm256_permutevar8x32_ps(first, from));
    sum = d_add(sum, _mm256_permutevar8x32_ps(second, next));
    return d_add(sum, _mm256_permutevar8x32_ps(third, _mm256_add_epi32(next, one)));
}

/* Eight blocks, `step` apart. */
RC_INLINE TARGET void eight_blocks(size_t high, size_t across, size_t columns, size_t step, const float *x,
                                   double *sums)
{
    DOUBLES sum = d_zero();
    for (size_t i = 0; i < high; i++, x += columns) {
        size_t j = 0;
        for (; j + 4 <= across; j += 4) {
            const float *at = x + j;
            const __m256 a = four_and_four(at, at + 4 * step), b = four_and_four(at + step, at + 5 * step),
                         c = four_and_four(at + 2 * step, at + 6 * step),
                         d = four_and_four(at + 3 * step, at + 7 * step);
            const __m256d ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b)),
                          AB = _mm256_castps_pd(_mm256_unpackhi_ps(a, b)),
                          cd = _mm256_castps_pd(_mm256_unpacklo_ps(c, d)),
                          CD = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
            sum = d_add(sum, _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)));
            sum = d_add(sum, _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)));
            sum = d_add(sum, _mm256_castpd_ps(_mm256_unpacklo_pd(AB, CD)));
            sum = d_add(sum, _mm256_castpd_ps(_mm256_unpackhi_pd(AB, CD)));
        }
        if (across == 2 && step == 2) {
            sum = add_twos(sum, x);
        } else if (across == 3 && step == 3) {
            sum = add_threes(sum, x);
        } else {
            for (; j < across; j++)
                sum = d_add(sum, _mm256_setr_ps(x[j], x[j + step], x[j + 2 * step], x[j + 3 * step], x[j + 4 * step],
                                                x[j + 5 * step], x[j + 6 * step], x[j + 7 * step]));
        }
    }
    d_store(sums, sum);
}
#endif

RC_INLINE TARGET void eight(const int wide, size_t high, size_t across, size_t columns, size_t step,
                            const void *scores, size_t at, double *sums)
{
#ifdef VECTORS
    if (!wide) {
        eight_blocks(high, across, columns, step, (const float *)scores + at, sums);
        return;
    }
#endif
    side_by_side(wide, SIDE, high, across, columns, step, scores, at, sums);
}

RC_INLINE TARGET void sums_of(const int wide, size_t begin, size_t end, size_t first, size_t last, size_t rows,
                              size_t columns, size_t high, size_t across, const void *scores, double *sums)
{
    const size_t blocks = (columns + across - 1) / across, full = columns / across;
    for (size_t r = begin; r < end;) {
        const size_t tall = rc_min(high, rows - r * high);
        /* Rows of one block each, and of full height: several of them side by side. */
        if (blocks == 1 && r + SIDE <= end && (r + SIDE) * high <= rows) {
            eight(wide, high, columns, columns, high * columns, scores, r * high * columns, sums + r);
            r += SIDE;
            continue;
        }
        for (size_t c = first; c < last;) {
            const size_t at = r * high * columns + c * across;
            if (across == 1) {
                sums_of_columns(wide, tall, last - c, columns, scores, at, sums + r * blocks + c);
                c = last;
            } else if (c + SIDE <= rc_min(last, full)) {
                eight(wide, tall, across, columns, across, scores, at, sums + r * blocks + c);
                c += SIDE;
            } else {
                side_by_side(wide, 1, tall, rc_min(across, columns - c * across), columns, 0, scores, at,
                             sums + r * blocks + c);
                c++;
            }
        }
        r++;
    }
}

TARGET int SUMS(size_t begin, size_t end, size_t first, size_t last, size_t rows, size_t columns, size_t high,
                size_t across, int wide, const void *scores, double *sums)
{
    if (wide)
        sums_of(1, begin, end, first, last, rows, columns, high, across, scores, sums);
    else
        sums_of(0, begin, end, first, last, rows, columns, high, across, scores, sums);
    return RC_OK;
}
