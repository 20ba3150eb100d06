/* Template of weights of two or three values. Included after these were defined:
 *
 * BINARY, TERNARY, FEW_SUM   the functions' names
 * TARGET    their instruction set, or nothing
 * STEP      weights that are taken at once
 * SUMS, no_sums(), eight_sums(sums, own)   eight sums in double: term number p is added to sum p mod 8
 * step(task, x, delta, sums, kept, stream, values), eight(task, x, delta, sums, kept, values)   what the task says of
 * STEP weights and of eight; *kept grows by how many are above delta
 */
#include "few_values.h"

enum { LEAF = 128 }; /* terms that NumPy adds in eight sums */
enum { NEAR_BYTES = 1 << 18 }; /* a quarter of the second cache */
enum { SIDE = 16 };  /* short runs side by side: the sums of one wait for each other, those of several do not */

struct few {
    double sum;
    uint64_t count;
};

/* |x| > delta as floats: the largest float that is not above delta takes its place. delta : at least 0, so that the
 * float before one above it has the bits before. */
static inline float float_below(double delta)
{
    const float near = (float)(delta < FLT_MAX ? delta : FLT_MAX);
    int32_t bits;
    memcpy(&bits, &near, sizeof bits);
    bits -= (double)near > delta;
    float below;
    memcpy(&below, &bits, sizeof below);
    return below;
}

RC_INLINE TARGET double sum_of_eight(SUMS sums)
{
    double own[8];
    eight_sums(sums, own);
    return ((own[0] + own[1]) + (own[2] + own[3])) + ((own[4] + own[5]) + (own[6] + own[7]));
}

RC_INLINE TARGET struct few leaf(const enum few_task task, const float *x, size_t count, float delta, int stream,
                                 int8_t *values)
{
    SUMS sums = no_sums();
    struct few all = {0.0, 0};
    size_t p = 0;
    for (; p + STEP <= count; p += STEP)
        step(task, x + p, delta, &sums, &all.count, stream, task == ALL ? NULL : values + p);
    for (; p + 8 <= count; p += 8)
        eight(task, x + p, delta, &sums, &all.count, task == ALL ? NULL : values + p);
    if (p)
        all.sum = sum_of_eight(sums);
    for (; p < count; p++) {
        const int above = task != ABOVE || !(fabsf(x[p]) <= delta);
        all.sum += above ? (double)fabsf(x[p]) : 0.0;
        all.count += task == ABOVE && above;
        if (task != ALL)
            values[p] = value_of(task, x[p], delta);
    }
    return all;
}

/* Asks for the weights that lie so many bytes further on. */
RC_INLINE void ask_for(const float *x, size_t count, size_t ahead)
{
    prefetch((const float *)((uintptr_t)x + ahead - AHEAD), count * sizeof *x);
}

/* The tree of halves, without recursion, as in ranges.h: the sums that wait for their other half. */
RC_INLINE TARGET struct few sum_of(const enum few_task task, const float *x, size_t count, size_t ahead, float delta,
                                   int stream, int8_t *values)
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
        ask_for(x, left, ahead);
        struct few own = leaf(task, x, left, delta, stream, values);
        x += left;
        values = task == ALL ? values : values + left;
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

/* The same of several runs, which have a delta each. Returns the run after them. */
RC_INLINE TARGET struct run sums_of_runs(const enum few_task task, struct run at, size_t runs, size_t k, size_t group,
                                         const float *x, size_t ahead, const float *delta, int stream, int8_t *values,
                                         struct few *all)
{
    for (size_t i = 0; i < runs; i++, at = next_run(at, k, group))
        all[i] = sum_of(task, x + at.first, at.count, ahead, delta[i], stream, task == ALL ? NULL : values + at.first);
    return at;
}

static inline float scale_of(double mean)
{
    const float scale = (float)mean;
    return scale < FLT_MIN ? FLT_MIN : scale;
}

TARGET int BINARY(size_t begin, size_t end, size_t k, size_t group, const float *x, float *scale, int8_t *values)
{
    struct run at = run_at(begin, k, group);
    const int stream = streams((end - begin) * group, 1, values + at.first);
    int bad = 0;
    for (size_t r = begin; r < end; r += SIDE) {
        const size_t runs = rc_min(SIDE, end - r);
        const float delta[SIDE] = {0.0f};
        struct few all[SIDE];
        struct run next = at;
        at = sums_of_runs(SIGNS, at, runs, k, group, x, AHEAD, delta, stream, values, all);
        for (size_t i = 0; i < runs; i++, next = next_run(next, k, group)) {
            bad |= !(all[i].sum - all[i].sum == 0.0);
            scale[r + i] = scale_of(all[i].sum / (double)next.count);
        }
    }
    end_streaming(stream);
    return bad ? RC_NOT_FINITE : RC_OK;
}

TARGET int TERNARY(size_t begin, size_t end, size_t k, size_t group, double threshold, const double *deltas,
                   const float *x, float *scale, int8_t *values)
{
    struct run at = run_at(begin, k, group);
    const int stream = streams((end - begin) * group, 1, values + at.first);
    int bad = 0;
    for (size_t r = begin; r < end;) {
        const size_t runs = group <= LEAF ? rc_min(SIDE, end - r) : 1;
        /* While a turn of weights, which its first sums have brought, is read again, the next turn is asked for. */
        const size_t turn = runs * group * sizeof *x, ahead = turn < NEAR_BYTES ? turn : AHEAD;
        float least[SIDE] = {0.0f};
        struct few all[SIDE];
        if (!deltas)
            sums_of_runs(ALL, at, runs, k, group, x, AHEAD, least, 0, NULL, all);
        struct run next = at;
        for (size_t i = 0; i < runs; i++, next = next_run(next, k, group)) {
            const int wrong = !deltas && !(all[i].sum - all[i].sum == 0.0);
            bad |= wrong;
            least[i] = float_below(deltas ? deltas[r + i]
                                   : wrong ? 0.0 : threshold * all[i].sum / (double)next.count);
        }
        at = sums_of_runs(ABOVE, at, runs, k, group, x, ahead, least, stream, values, all);
        for (size_t i = 0; i < runs; i++)
            scale[r + i] = scale_of(all[i].count ? all[i].sum / (double)all[i].count : 1.0);
        r += runs;
    }
    end_streaming(stream);
    return bad ? RC_NOT_FINITE : RC_OK;
}

TARGET int FEW_SUM(size_t begin, size_t end, double delta, const float *x, double *sum, uint64_t *count,
                   int8_t *values)
{
    const size_t size = end - begin;
    const int stream = values && streams(size, 1, values + begin);
    struct few all;
    if (!values)
        all = sum_of(ALL, x + begin, size, AHEAD, 0.0f, 0, NULL);
    else if (delta < 0.0)
        all = sum_of(SIGNS, x + begin, size, AHEAD, 0.0f, stream, values + begin);
    else
        all = sum_of(ABOVE, x + begin, size, AHEAD, float_below(delta), stream, values + begin);
    end_streaming(stream);
    *sum = all.sum;
    *count = all.count;
    return all.sum - all.sum == 0.0 ? RC_OK : RC_NOT_FINITE;
}
