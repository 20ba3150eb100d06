/* Template of what the searches of a range count and add. Included after these were defined:
 *
 * MSE, ERRORS, KL      the functions' names
 * TARGET               their instruction set, or nothing
 * add_errors(scale, low, high, x, count, step, sum)   adds the errors of every `step`th of count elements by each of
 *                      eight grids to eight sums: the steps of places.h
 */
#include "places.h"

enum { LEAF = 128 }; /* terms that NumPy adds in eight sums */

/* Both ends of the search, in double; else as scale_and_zero_point (places.h). */
RC_INLINE TARGET int32_t grid_of(double low, double high, int32_t lowest, int32_t highest, float *scale)
{
    const double shift = 6755399441055744.0;
    const int symmetric = lowest == -highest;
    const double wide = symmetric ? (-low > high ? -low : high) / highest : (high - low) / (highest - lowest);
    const float s = (float)wide;
    *scale = wide == 0.0 ? 1.0f : s < FLT_MIN ? FLT_MIN : s;
    if (symmetric)
        return 0;
    const double z = (lowest - low / (double)*scale + shift) - shift;
    return z > highest ? highest : z < lowest ? lowest : (int32_t)z;
}

/* Grids whose errors are added side by side. A value less its zero point is an integer that a float holds: `low` and
 * `high` are its limits. */
enum { SIDE = 8 };
struct grids {
    float scale[SIDE], low[SIDE], high[SIDE];
};

RC_INLINE TARGET void put_grid(struct grids *grids, size_t i, float scale, int32_t z, int32_t lowest, int32_t highest)
{
    grids->scale[i] = scale;
    grids->low[i] = (float)(lowest - z);
    grids->high[i] = (float)(highest - z);
}

RC_INLINE TARGET void leaf(const struct grids *grids, const float *x, size_t count, double *total)
{
    double sum[8][SIDE] = {{0}};
    const size_t whole = count / 8 * 8;
    for (size_t j = 0; j < rc_min(whole, 8); j++)
        add_errors(grids->scale, grids->low, grids->high, x + j, whole - j, 8, sum[j]);
    for (size_t i = 0; i < SIDE; i++)
        total[i] = ((sum[0][i] + sum[1][i]) + (sum[2][i] + sum[3][i])) +
                   ((sum[4][i] + sum[5][i]) + (sum[6][i] + sum[7][i]));
    add_errors(grids->scale, grids->low, grids->high, x + whole, count - whole, 1, total);
}

/* The tree of halves, without recursion: the sums that wait for their other half. */
RC_INLINE TARGET void errors(const struct grids *grids, const float *x, size_t count, double *own)
{
    double first[64][SIDE];
    size_t sizes[64], depth = 0; /* sizes[d] : what is to come at that level, 0 where its first half is in first[d] */
    for (size_t left = count;;) {
        while (left > LEAF) {
            const size_t half = left / 2 - left / 2 % 8;
            sizes[depth++] = left - half;
            left = half;
        }
        leaf(grids, x, left, own);
        x += left;
        while (depth && sizes[depth - 1] == 0) {
            depth--;
            for (size_t i = 0; i < SIDE; i++)
                own[i] = first[depth][i] + own[i];
        }
        if (depth == 0)
            return;
        left = sizes[depth - 1];
        sizes[depth - 1] = 0;
        memcpy(first[depth - 1], own, sizeof *first);
    }
}

TARGET int ERRORS(size_t begin, size_t end, size_t grids, int32_t lowest, int32_t highest, const float *x,
                  const float *scale, const int32_t *zero_point, double *result)
{
    for (size_t i = 0; i < grids; i += SIDE) {
        struct grids own;
        double sum[SIDE];
        for (size_t j = 0; j < SIDE; j++) {
            const size_t at = rc_min(i + j, grids - 1);
            put_grid(&own, j, scale[at], zero_point[at], lowest, highest);
        }
        errors(&own, x + begin, end - begin, sum);
        memcpy(result + i, sum, rc_min(SIDE, grids - i) * sizeof *sum);
    }
    return RC_OK;
}

TARGET int MSE(size_t begin, size_t end, size_t k, size_t group, size_t steps, int begun, int32_t lowest,
               int32_t highest, const float *x, double *low, double *high)
{
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end; r++, at = next_run(at, k, group)) {
        const float *own = x + at.first;
        const double largest = -low[r] > high[r] ? -low[r] : high[r];
        double best = largest, least = INFINITY;
        for (size_t i = steps; i > 0; i -= rc_min(SIDE, i)) {
            struct grids grids;
            double t[SIDE], sum[SIDE], first[SIDE] = {0};
            for (size_t j = 0; j < SIDE; j++) {
                t[j] = largest * ((double)(i > j ? i - j : 1) / (double)steps);
                float s;
                const int32_t z =
                    grid_of(low[r] > -t[j] ? low[r] : -t[j], high[r] < t[j] ? high[r] : t[j], lowest, highest, &s);
                put_grid(&grids, j, s, z, lowest, highest);
            }
            if (begun)
                add_errors(grids.scale, grids.low, grids.high, own, 1, 1, first);
            errors(&grids, own + (begun ? 1 : 0), at.count - (begun ? 1 : 0), sum);
            for (size_t j = 0; j < rc_min(SIDE, i); j++) {
                const double all = begun ? first[j] + sum[j] : sum[j];
                best = all < least ? t[j] : best;
                least = all < least ? all : least;
            }
        }
        low[r] = low[r] > -best ? low[r] : -best + 0.0;
        high[r] = high[r] < best ? high[r] : best;
    }
    return RC_OK;
}

/* Bins of which there are two tables of counts: equal numbers, zeros mostly, follow each other, and adding to a count
 * waits for the last time that it was added to. And elements whose bins are found together. */
enum { FEW = 2048, TOGETHER = 64 };

/* The bins of TOGETHER elements, by two products of floats that lie to both sides of what the division in double gives:
 * below = bins / largest (1 - 2^-21) and above = bins / largest (1 + 2^-21) are rounded to 2^-24, and so are the
 * products. Where both have the same floor, the division has it too. A product that is subnormal is below 1, as the
 * quotient is. Loops of a constant length: the compiler makes vectors of them. */
RC_INLINE TARGET void bins_of(const float *x, float below, float above, double largest, double bins, uint32_t *places)
{
    const uint32_t last = (uint32_t)bins - 1;
    int32_t unlike = 0;
    for (size_t s = 0; s < TOGETHER; s++) {
        const float own = __builtin_fabsf(x[s]);
        const int32_t place = (int32_t)(own * below);
        unlike |= place ^ (int32_t)(own * above);
        places[s] = (uint32_t)place < last ? (uint32_t)place : last;
    }
    if (!unlike)
        return;
    for (size_t s = 0; s < TOGETHER; s++) {
        const double place = (double)__builtin_fabsf(x[s]) / largest * bins;
        places[s] = (uint32_t)(int32_t)(place < bins ? place : bins - 1);
    }
}

TARGET int KL(size_t begin, size_t end, size_t bins, const float *x, double largest, uint64_t *counts)
{
    uint32_t even[FEW] = {0}, odd[FEW] = {0}, places[TOGETHER];
    /* a load each: GCC would take them out of vectors, for twice the instructions */
    const volatile uint32_t *own = places;
    const double share = (double)bins / largest;
    const float below = (float)(share * (1 - 0x1p-21)), above = (float)(share * (1 + 0x1p-21));
    /* Both factors are normal numbers, so that what they are rounded to is as near as that. */
    const int together = bins <= FEW && share > 0x1p-100 && share < 0x1p100;
    while (begin < end) {
        const size_t last = begin + rc_min(end - begin, UINT32_MAX);
        size_t i = begin;
        for (; together && i + TOGETHER <= last; i += TOGETHER) {
            bins_of(x + i, below, above, largest, (double)bins, places);
            RC_UNROLL
            for (size_t s = 0; s < TOGETHER; s += 2) {
                even[own[s]]++;
                odd[own[s + 1]]++;
            }
        }
        for (; i < last; i++)
            counts[bin_of(x[i], largest, bins)]++;
        for (size_t j = 0; j < rc_min(bins, FEW); j++) {
            counts[j] += (uint64_t)even[j] + odd[j];
            even[j] = odd[j] = 0;
        }
        begin = last;
    }
    return RC_OK;
}
