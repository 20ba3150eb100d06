/* Template of weights of two or three values. Included after these were defined:
 *
 * BINARY, TERNARY, FEW_SUM, FEW_VALUES     the functions' names
 * TARGET    their instruction set, or nothing
 * LANES     doubles in a vector
 * WIDEN(v)  LANES floats as doubles: GCC 12 makes five instructions of what is one
 */
#include "places.h"
#include <math.h>
#include <string.h>

typedef double VEC __attribute__((vector_size(LANES * 8)));
typedef float FLOATS __attribute__((vector_size(LANES * 4)));
typedef int32_t INTS __attribute__((vector_size(LANES * 4)));

enum { LEAF = 128, PARTS = 8 / LANES, RUN = 64 }; /* LEAF : terms that NumPy adds in eight sums */

struct few {
    double sum;
    uint64_t count;
};

/* |x| > delta as floats: the largest float that is not above delta takes its place. */
static inline float float_below(double delta)
{
    const float near = (float)(delta < FLT_MAX ? delta : FLT_MAX);
    return (double)near > delta ? nextafterf(near, -INFINITY) : near;
}

RC_INLINE TARGET struct few leaf(const float *x, size_t count, float delta)
{
    VEC sum[PARTS];
    INTS kept[PARTS];
    RC_UNROLL for (size_t s = 0; s < PARTS; s++) {
        sum[s] = (VEC){0};
        kept[s] = (INTS){0};
    }
    const size_t whole = count / 8 * 8;
    for (size_t p = 0; p < whole; p += 8)
        RC_UNROLL for (size_t s = 0; s < PARTS; s++) {
            INTS bits;
            memcpy(&bits, x + p + s * LANES, sizeof bits);
            bits &= INT32_MAX;
            const INTS above = ~((FLOATS)bits <= (FLOATS){0} + delta); /* a NaN is above all, so that the sum is one */
            kept[s] -= above;
            sum[s] += WIDEN((FLOATS)(bits & above));
        }
    struct few all = {0.0, 0};
    if (whole) {
        double own[8];
        memcpy(own, sum, sizeof own);
        all.sum = ((own[0] + own[1]) + (own[2] + own[3])) + ((own[4] + own[5]) + (own[6] + own[7]));
        RC_UNROLL for (size_t s = 0; s < PARTS; s++)
            RC_UNROLL for (size_t j = 0; j < LANES; j++)
                all.count += (uint64_t)kept[s][j];
    }
    for (size_t p = whole; p < count; p++) {
        const float size = fabsf(x[p]);
        all.sum += size <= delta ? 0.0 : (double)size;
        all.count += !(size <= delta);
    }
    return all;
}

/* The tree of halves, without recursion, as in ranges.h: the sums that wait for their other half. */
static TARGET struct few sum_above(const float *x, size_t count, float delta)
{
    double first[64];
    size_t sizes[64], depth = 0;
    uint64_t kept = 0;
    for (size_t left = count;;) {
        while (left > LEAF) {
            const size_t half = left / 2 - left / 2 % 8;
            sizes[depth++] = left - half;
            left = half;
        }
        struct few own = leaf(x, left, delta);
        x += left;
        kept += own.count;
        while (depth && sizes[depth - 1] == 0)
            own.sum = first[--depth] + own.sum;
        if (depth == 0)
            return (struct few){own.sum, kept};
        left = sizes[depth - 1];
        sizes[depth - 1] = 0;
        first[depth - 1] = own.sum;
    }
}

/* The value of a weight by its bits: magnitudes have the order of their bits. least : those of delta. */
RC_INLINE int32_t value_of(int32_t bits, int32_t least, const int binary)
{
    if (binary)
        return 1 - 2 * ((bits < 0) & (bits != INT32_MIN)); /* -0.0 is not below 0 */
    return -(int32_t)((bits & INT32_MAX) > least) & (bits >> 31 | 1);
}

RC_INLINE TARGET void put(const float *x, size_t count, int32_t least, const int binary, int8_t *values)
{
    size_t p = 0;
    for (; p + RUN <= count; p += RUN) {
        int32_t wide[RUN];
        int8_t own[RUN];
        memcpy(wide, x + p, sizeof wide);
        for (size_t j = 0; j < RUN; j++)
            wide[j] = value_of(wide[j], least, binary);
        for (size_t j = 0; j < RUN; j++)
            own[j] = (int8_t)wide[j];
        memcpy(values + p, own, sizeof own);
    }
    for (; p < count; p++) {
        int32_t bits;
        memcpy(&bits, x + p, sizeof bits);
        values[p] = (int8_t)value_of(bits, least, binary);
    }
}

static TARGET void put_values(const float *x, size_t count, float delta, int binary, int8_t *values)
{
    int32_t least;
    memcpy(&least, &delta, sizeof least);
    if (binary)
        put(x, count, 0, 1, values);
    else
        put(x, count, least, 0, values);
}

static inline float scale_of(double mean)
{
    const float scale = (float)mean;
    return scale < FLT_MIN ? FLT_MIN : scale;
}

TARGET int BINARY(size_t begin, size_t end, size_t k, size_t group, const float *x, float *scale, int8_t *values)
{
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end; r++, at = next_run(at, k, group)) {
        const struct few all = sum_above(x + at.first, at.count, -1.0f);
        if (!(all.sum - all.sum == 0.0))
            return RC_NOT_FINITE;
        scale[r] = scale_of(all.sum / (double)at.count);
        put_values(x + at.first, at.count, -1.0f, 1, values + at.first);
    }
    return RC_OK;
}

TARGET int TERNARY(size_t begin, size_t end, size_t k, size_t group, double threshold, const double *deltas,
                   const float *x, float *scale, int8_t *values)
{
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end; r++, at = next_run(at, k, group)) {
        double delta;
        if (deltas) {
            delta = deltas[r];
        } else {
            const struct few all = sum_above(x + at.first, at.count, -1.0f);
            if (!(all.sum - all.sum == 0.0))
                return RC_NOT_FINITE;
            delta = threshold * all.sum / (double)at.count;
        }
        const float least = float_below(delta);
        const struct few kept = sum_above(x + at.first, at.count, least);
        scale[r] = scale_of(kept.count ? kept.sum / (double)kept.count : 1.0);
        put_values(x + at.first, at.count, least, 0, values + at.first);
    }
    return RC_OK;
}

TARGET int FEW_SUM(size_t begin, size_t end, double delta, const float *x, double *sum, uint64_t *count)
{
    const struct few all = sum_above(x + begin, end - begin, float_below(delta));
    *sum = all.sum;
    *count = all.count;
    return all.sum - all.sum == 0.0 ? RC_OK : RC_NOT_FINITE;
}

TARGET int FEW_VALUES(size_t begin, size_t end, double delta, const float *x, int8_t *values)
{
    if (delta < 0.0)
        put_values(x + begin, end - begin, -1.0f, 1, values + begin);
    else
        put_values(x + begin, end - begin, float_below(delta), 0, values + begin);
    return RC_OK;
}
