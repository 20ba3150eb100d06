/* Template of n of the m scores of one long group, which lie one behind the other. nm.h includes it, and has the types
 * of vectors.
 *
 * The smallest score that is kept is found by counting the scores from one number on, then from another. The next one
 * lies between those before as the wanted count does, or, where that did not halve how many scores lie between them, in
 * the middle of their keys (rank.c). The groups of an array are alike: the first two numbers are what was found in the
 * group before, and one a little beyond what is wanted from there.
 */
/* SIDE scores, or their magnitudes. */
#define TAKEN(NAME, FLOAT, VECTOR, RANKS, MOST) \
    RC_INLINE TARGET VECTOR NAME(const int magnitude, const FLOAT *x) \
    { \
        VECTOR own; \
        memcpy(&own, x, sizeof own); \
        return magnitude ? (VECTOR)((RANKS)own & ((RANKS){0} + MOST)) : own; \
    }

TAKEN(taken_floats, float, nm_floats, nm_ranks, INT32_MAX)
TAKEN(taken_doubles, double, nm_doubles, nm_wide_ranks, INT64_MAX)

/* How many of m scores are at least `least`. Meanwhile a fourth of as many, from `next` on, come from memory. */
#define COUNTED(NAME, FLOAT, VECTOR, RANKS, MORE, TAKE) \
    RC_INLINE TARGET size_t NAME(const int magnitude, size_t m, const FLOAT *x, FLOAT least, uintptr_t next) \
    { \
        enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) }; \
        RANKS sum[4] = {{0}}; \
        size_t count = 0, i = 0; \
        for (; i + 4 * SIDE <= m; i += 4 * SIDE) { \
            __builtin_prefetch((const char *)(next + i * sizeof(FLOAT) / 4), 0, 2); \
            RC_UNROLL \
            for (size_t p = 0; p < 4; p++) { \
                const VECTOR own = TAKE(magnitude, x + i + p * SIDE); \
                sum[p] = MORE(sum[p], own, (VECTOR){0} + least); \
            } \
        } \
        sum[0] += sum[1] + sum[2] + sum[3]; \
        for (size_t s = 0; s < SIDE; s++) \
            count += (size_t)sum[0][s]; \
        for (; i < m; i++) \
            count += (magnitude && x[i] < 0 ? -x[i] : x[i]) >= least; \
        return count; \
    }

/* mask = 1 where a score is at least `least`, else 0: of `side` scores. */
#define MARK(NAME, FLOAT, INT) \
    RC_INLINE TARGET void NAME(const size_t side, const FLOAT *x, FLOAT least, uint8_t *mask) \
    { \
        INT kept[64]; \
        for (size_t s = 0; s < side; s++) \
            kept[s] = x[s] >= least; \
        for (size_t s = 0; s < side; s++) \
            mask[s] = (uint8_t)kept[s]; \
    }

#ifndef MARK_FLOATS
#define MARK_FLOATS mark_floats
MARK(mark_floats, float, int32_t)
#endif
MARK(mark_doubles, double, int64_t)

/* The same of m; but 0 for the last `over` of those that are equal to it. */
#define MARKED(NAME, FLOAT, MARK_SIDE) \
    RC_INLINE TARGET size_t NAME##_by(const size_t side, size_t i, size_t m, const FLOAT *x, FLOAT least, \
                                      uint8_t *mask) \
    { \
        for (; i + side <= m; i += side) \
            MARK_SIDE(side, x + i, least, mask + i); \
        return i; \
    } \
    RC_INLINE TARGET void NAME(size_t m, const FLOAT *x, FLOAT least, size_t over, uint8_t *mask) \
    { \
        size_t i = NAME##_by(8, NAME##_by(16, NAME##_by(64, 0, m, x, least, mask), m, x, least, mask), m, x, least, \
                             mask); \
        if (i < m && m >= 8) \
            i = NAME##_by(8, m - 8, m, x, least, mask); /* some of them once more */ \
        for (; i < m; i++) \
            mask[i] = x[i] >= least; \
        for (i = m; over > 0 && i-- > 0;) \
            if (x[i] == least) { \
                mask[i] = 0; \
                over--; \
            } \
    }

MARKED(marked_floats, float, MARK_FLOATS)
MARKED(marked_doubles, double, mark_doubles)

#define OF(name) name##_floats
#define FLOAT float
#define INT int32_t
#define KEY uint32_t
#define VECTOR nm_floats
#define RANKS nm_ranks
#define KEYS nm_keys
#define LESSER(a, b) LESSER_FLOATS(a, b)
#define GREATER(a, b) GREATER_FLOATS(a, b)
#define MORE(sum, a, b) MORE_FLOATS(sum, a, b)
#include "nth.h"

#define OF(name) name##_doubles
#define FLOAT double
#define INT int64_t
#define KEY uint64_t
#define VECTOR nm_doubles
#define RANKS nm_wide_ranks
#define KEYS nm_wide_keys
#define LESSER(a, b) LESSER_DOUBLES(a, b)
#define GREATER(a, b) GREATER_DOUBLES(a, b)
#define MORE(sum, a, b) MORE_DOUBLES(sum, a, b)
#include "nth.h"

COUNTED(counted_floats, float, nm_floats, nm_ranks, MORE_FLOATS, taken_floats)
COUNTED(counted_doubles, double, nm_doubles, nm_wide_ranks, MORE_DOUBLES, taken_doubles)

/* The smallest and the largest of m scores; returns whether some are NaN. */
#define ENDS_OF(NAME, FLOAT, VECTOR, RANKS, LESSER, GREATER, TAKE) \
    RC_INLINE TARGET int NAME(const int magnitude, size_t m, const FLOAT *x, double *smallest, double *largest) \
    { \
        enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) }; \
        VECTOR low[4], high[4]; \
        RANKS nan[4]; \
        FLOAT least = magnitude && x[0] < 0 ? -x[0] : x[0], most = least; \
        size_t i = 0; \
        int bad = 0; \
        RC_UNROLL \
        for (size_t p = 0; p < 4; p++) { \
            low[p] = high[p] = (VECTOR){0} + least; \
            nan[p] = (RANKS){0}; \
        } \
        for (; i + 4 * SIDE <= m; i += 4 * SIDE) { \
            RC_UNROLL \
            for (size_t p = 0; p < 4; p++) { \
                const VECTOR own = TAKE(magnitude, x + i + p * SIDE); \
                low[p] = LESSER(low[p], own); \
                high[p] = GREATER(high[p], own); \
                nan[p] |= own != own; \
            } \
        } \
        for (size_t p = 0; p < 4; p++) \
            for (size_t s = 0; s < SIDE; s++) { \
                least = low[p][s] < least ? low[p][s] : least; \
                most = high[p][s] > most ? high[p][s] : most; \
                bad |= nan[p][s] != 0; \
            } \
        for (; i < m; i++) { \
            const FLOAT own = magnitude && x[i] < 0 ? -x[i] : x[i]; \
            least = own < least ? own : least; \
            most = own > most ? own : most; \
            bad |= own != own; \
        } \
        *smallest = least; \
        *largest = most; \
        return bad; \
    }

ENDS_OF(ends_of_floats, float, nm_floats, nm_ranks, LESSER_FLOATS, GREATER_FLOATS, taken_floats)
ENDS_OF(ends_of_doubles, double, nm_doubles, nm_wide_ranks, LESSER_DOUBLES, GREATER_DOUBLES, taken_doubles)

/* Of the group before: the smallest score that is kept, and how far scores lie apart there; 0 where it is not known. */
struct before {
    double least, apart;
};

/* The smallest score that is kept, or the smallest magnitude, and how many of those that are equal to it go, the last
 * ones. Returns whether some are NaN. */
RC_INLINE TARGET int long_nth(const int wide, const int magnitude, size_t n, size_t m, const void *scores,
                              struct before *before, double *found, size_t *over)
{
    const float *floats = scores;
    const double *doubles = scores;
    double smallest, largest;
    if (wide ? ends_of_doubles(magnitude, m, doubles, &smallest, &largest)
             : ends_of_floats(magnitude, m, floats, &smallest, &largest))
        return 1;
    *found = INFINITY;
    *over = m;
    if (n == 0)
        return 0;
    /* At least n scores, `count`, have a key from `low` on, fewer, `above`, one from `high` on. */
    uint64_t low = rc_prune_key(wide, 0, smallest), high = rc_prune_key(wide, 0, largest) + 1;
    size_t count = m, above = 0;
    uintptr_t next = (uintptr_t)scores + m * (wide ? sizeof *doubles : sizeof *floats); /* what is asked for */
    double apart = 0.0;
    for (int pass = before->apart > 0.0 ? 0 : 2, stalled = 0; high - low > 1 && count != n; pass++) {
        const size_t between = count - above;
        uint64_t middle = low + (high - low) / 2;
        const double first = rc_prune_score(wide, 0, low), width = rc_prune_score(wide, 0, high) - first;
        if (apart == 0.0 && between <= m / 8)
            apart = width / (double)between;
        if (pass < 2) {
            const size_t off = count < m ? count - n : n - above; /* after the first pass */
            const double far = (double)(off + off / 2 + 8) * before->apart;
            const uint64_t own =
                rc_prune_key(wide, 0, before->least + (pass == 0 ? 0.0 : count < m ? far : -far));
            middle = own <= low ? low + 1 : own >= high ? high - 1 : own;
        } else if (!stalled && width < INFINITY) {
            const double share = ((double)(count - n) + 0.5) / (double)between;
            const uint64_t own = rc_prune_key(wide, 0, first + share * width);
            middle = own <= low ? low + 1 : own >= high ? high - 1 : own;
        }
        const double least = rc_prune_score(wide, 0, middle);
        const size_t own = wide ? counted_doubles(magnitude, m, doubles, least, next)
                                : counted_floats(magnitude, m, floats, (float)least, next);
        if (own < n) {
            high = middle;
            above = own;
        } else {
            low = middle;
            count = own;
        }
        stalled = pass > 1 && !stalled && count - above > between / 2;
        next += m * (wide ? 2 : 1);
    }
    const double least = rc_prune_score(wide, 0, low);
    *before = (struct before){least, apart < INFINITY ? apart : 0.0};
    *found = least;
    *over = count - n;
    return 0;
}

RC_INLINE TARGET int long_group(const int wide, size_t n, size_t m, const void *scores, struct before *before,
                                uint8_t *mask)
{
    double least;
    size_t over;
    if (long_nth(wide, 0, n, m, scores, before, &least, &over))
        return 1;
    if (wide)
        marked_doubles(m, scores, least, over, mask);
    else
        marked_floats(m, scores, (float)least, over, mask);
    return 0;
}
