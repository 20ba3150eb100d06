/* The sums of whole blocks of a matrix, each one element after the other, and the mask of the blocks that are kept. */
#include "../kernels.h"
#include <string.h>

/* SIDE blocks at a time: the adds of one wait for each other, those of several do not. */
enum { SIDE = 8, STRIP = 256 /* columns, whose sums stay in L1 */ };

RC_INLINE double element(const int wide, const void *scores, size_t i)
{
    return wide ? ((const double *)scores)[i] : (double)((const float *)scores)[i];
}

/* A block of each of `count` places, which are `step` apart. */
RC_INLINE void side_by_side(const int wide, const size_t count, size_t high, size_t wide_of, size_t columns,
                            size_t step, const void *scores, size_t at, double *sums)
{
    double sum[STRIP];
    memset(sum, 0, count * sizeof *sum);
    for (size_t i = 0; i < high; i++)
        for (size_t j = 0; j < wide_of; j++)
            for (size_t b = 0; b < count; b++)
                sum[b] += element(wide, scores, at + i * columns + j + b * step);
    for (size_t b = 0; b < count; b++)
        sums[b] = sum[b];
}

RC_INLINE void sums_of(const int wide, size_t begin, size_t end, size_t first, size_t last, size_t rows, size_t columns,
                       size_t high, size_t across, const void *scores, double *sums)
{
    const size_t blocks = (columns + across - 1) / across, full = columns / across;
    for (size_t r = begin; r < end;) {
        const size_t tall = rc_min(high, rows - r * high);
        /* Rows of one block each, and of full height: several of them side by side. */
        if (blocks == 1 && r + SIDE <= end && (r + SIDE) * high <= rows) {
            side_by_side(wide, SIDE, high, columns, columns, high * columns, scores, r * high * columns, sums + r);
            r += SIDE;
            continue;
        }
        for (size_t c = first; c < last;) {
            const size_t at = r * high * columns + c * across;
            if (across == 1 && c + STRIP <= last) {
                side_by_side(wide, STRIP, tall, 1, columns, 1, scores, at, sums + r * blocks + c);
                c += STRIP;
            } else if (c + SIDE <= rc_min(last, full)) {
                side_by_side(wide, SIDE, tall, across, columns, across, scores, at, sums + r * blocks + c);
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

int rc_prune_sums_portable(size_t begin, size_t end, size_t first, size_t last, size_t rows, size_t columns,
                           size_t high, size_t across, int wide, const void *scores, double *sums)
{
    if (wide)
        sums_of(1, begin, end, first, last, rows, columns, high, across, scores, sums);
    else
        sums_of(0, begin, end, first, last, rows, columns, high, across, scores, sums);
    return RC_OK;
}

int rc_prune_spread_portable(size_t begin, size_t end, size_t columns, size_t high, size_t across, const uint8_t *kept,
                             uint8_t *mask)
{
    const size_t blocks = (columns + across - 1) / across;
    for (size_t i = begin; i < end; i++) {
        const uint8_t *own = kept + i / high * blocks;
        uint8_t *row = mask + i * columns;
        if (i > begin && i / high == (i - 1) / high) {
            memcpy(row, row - columns, columns);
        } else if (across == 1) {
            memcpy(row, own, columns);
        } else {
            for (size_t b = 0; b < blocks; b++)
                memset(row + b * across, own[b], rc_min(across, columns - b * across));
        }
    }
    return RC_OK;
}
