/* Template of n of each m consecutive scores. Included after these were defined:
 *
 * NM           the function's name
 * TARGET       its instruction set, or nothing
 * VECTOR_BYTES of its vectors
 * FOURS, EIGHTS  where they are defined: functions that take as many groups of four, or of eight, as they can, and
 *              return how many
 *
 * A score's rank is how many of its group come before it: larger ones, and equal ones of a lower index. Groups lie side
 * by side, a score of each in a lane, and each pair of scores is compared once: loops of a constant length, of which
 * the compiler makes vectors. In a group that is longer than LONGEST the smallest score that is kept is found by
 * counting the scores from one number on, then from another: the next one lies between those before as the wanted count
 * does, or, where that does not halve the keys (rank.c) that it may have, in their middle; one that does not lie in one
 * piece goes to rank.c.
 */
#include "../kernels.h"
#include <math.h>
#include <string.h>

enum { LONGEST = 32 };

/* SIDE groups of m scores: x[j] = 1 where fewer than n of its group come before score j, else 0. VECTOR : of FLOATs,
 * as RANKS is of integers of that size. */
#define GROUPS(NAME, FLOAT, INT, VECTOR, RANKS, MARKS) \
    RC_INLINE TARGET int NAME(size_t count, size_t n, size_t m, size_t lane, size_t step, const FLOAT *scores, \
                              uint8_t *mask) \
    { \
        enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) }; \
        VECTOR x[LONGEST]; \
        RANKS rank[LONGEST], bad = {0}; \
        for (size_t j = 0; j < m; j++) { \
            const FLOAT *at = scores + j * step; \
            if (lane == 1 && count == SIDE) { \
                memcpy(x + j, at, sizeof *x); \
            } else { \
                FLOAT own[SIDE] = {0}; \
                for (size_t s = 0; s < count; s++) \
                    own[s] = at[s * lane]; \
                memcpy(x + j, own, sizeof *x); \
            } \
            bad |= x[j] != x[j]; \
            rank[j] = (RANKS){0} + (INT)(m - 1 - j); \
        } \
        for (size_t i = 0; i < m; i++) { \
            const VECTOR own = x[i]; \
            RANKS behind = rank[i]; \
            for (size_t j = i + 1; j < m; j++) { \
                const RANKS first = own >= x[j]; /* -1 where score i comes before score j */ \
                behind += first; \
                rank[j] -= first; \
            } \
            rank[i] = behind; \
        } \
        int wrong = 0; \
        for (size_t s = 0; s < SIDE; s++) \
            wrong |= bad[s] != 0; \
        for (size_t j = 0; j < m; j++) { \
            const RANKS kept = (rank[j] < (RANKS){0} + (INT)n) & 1; \
            if (VECTOR_BYTES == 64 && lane == 1 && count == SIDE) { /* one instruction */ \
                const MARKS marks = __builtin_convertvector(kept, MARKS); \
                memcpy(mask + j * step, &marks, sizeof marks); \
            } else { \
                for (size_t s = 0; s < count; s++) \
                    mask[s * lane + j * step] = (uint8_t)kept[s]; \
            } \
        } \
        return wrong; \
    }

typedef float nm_floats __attribute__((vector_size(VECTOR_BYTES)));
typedef double nm_doubles __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t nm_ranks __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t nm_wide_ranks __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t nm_marks __attribute__((vector_size(VECTOR_BYTES / 4)));
typedef uint8_t nm_few_marks __attribute__((vector_size(VECTOR_BYTES / 8)));
GROUPS(groups_of_floats, float, int32_t, nm_floats, nm_ranks, nm_marks)
GROUPS(groups_of_doubles, double, int64_t, nm_doubles, nm_wide_ranks, nm_few_marks)

/* How many of m scores are at least `least`. */
#define COUNTED(NAME, FLOAT, VECTOR, RANKS) \
    RC_INLINE TARGET size_t NAME(size_t m, const FLOAT *x, FLOAT least) \
    { \
        enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) }; \
        RANKS sum[4] = {{0}}; \
        size_t count = 0, i = 0; \
        for (; i + 4 * SIDE <= m; i += 4 * SIDE) { \
            RC_UNROLL \
            for (size_t p = 0; p < 4; p++) { \
                VECTOR own; \
                memcpy(&own, x + i + p * SIDE, sizeof own); \
                sum[p] -= own >= (VECTOR){0} + least; \
            } \
        } \
        sum[0] += sum[1] + sum[2] + sum[3]; \
        for (size_t s = 0; s < SIDE; s++) \
            count += (size_t)sum[0][s]; \
        for (; i < m; i++) \
            count += x[i] >= least; \
        return count; \
    }

/* mask = 1 where a score is at least `least`, else 0. */
#define MARKED(NAME, FLOAT, INT) \
    RC_INLINE TARGET void NAME(size_t m, const FLOAT *x, FLOAT least, uint8_t *mask) \
    { \
        enum { SIDE = 64 }; \
        INT kept[SIDE]; \
        size_t i = 0; \
        for (; i + SIDE <= m; i += SIDE) { \
            for (size_t s = 0; s < SIDE; s++) \
                kept[s] = x[i + s] >= least; \
            for (size_t s = 0; s < SIDE; s++) \
                mask[i + s] = (uint8_t)kept[s]; \
        } \
        for (; i < m; i++) \
            mask[i] = x[i] >= least; \
    }

MARKED(marked_floats, float, int32_t)
MARKED(marked_doubles, double, int64_t)
COUNTED(counted_floats, float, nm_floats, nm_ranks)
COUNTED(counted_doubles, double, nm_doubles, nm_wide_ranks)

/* The smallest and the largest of m scores; returns whether some are NaN. */
#define ENDS_OF(NAME, FLOAT, VECTOR, RANKS) \
    RC_INLINE TARGET int NAME(size_t m, const FLOAT *x, double *smallest, double *largest) \
    { \
        enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) }; \
        VECTOR low[4], high[4]; \
        RANKS nan[4]; \
        FLOAT least = x[0], most = x[0]; \
        size_t i = 0; \
        int bad = 0; \
        RC_UNROLL \
        for (size_t p = 0; p < 4; p++) { \
            low[p] = high[p] = (VECTOR){0} + x[0]; \
            nan[p] = (RANKS){0}; \
        } \
        for (; i + 4 * SIDE <= m; i += 4 * SIDE) { \
            RC_UNROLL \
            for (size_t p = 0; p < 4; p++) { \
                VECTOR own; \
                memcpy(&own, x + i + p * SIDE, sizeof own); \
                const RANKS less = own < low[p], more = own > high[p]; \
                low[p] = (VECTOR)(((RANKS)own & less) | ((RANKS)low[p] & ~less)); \
                high[p] = (VECTOR)(((RANKS)own & more) | ((RANKS)high[p] & ~more)); \
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
            least = x[i] < least ? x[i] : least; \
            most = x[i] > most ? x[i] : most; \
            bad |= x[i] != x[i]; \
        } \
        *smallest = least; \
        *largest = most; \
        return bad; \
    }

ENDS_OF(ends_of_floats, float, nm_floats, nm_ranks)
ENDS_OF(ends_of_doubles, double, nm_doubles, nm_wide_ranks)

RC_INLINE TARGET int long_group(const int wide, size_t n, size_t m, const void *scores, uint8_t *mask)
{
    const float *floats = scores;
    const double *doubles = scores;
    double smallest, largest;
    if (wide ? ends_of_doubles(m, doubles, &smallest, &largest) : ends_of_floats(m, floats, &smallest, &largest))
        return 1;
    if (n == 0) {
        memset(mask, 0, m);
        return 0;
    }
    /* At least n scores, `count`, have a key from `low` on, fewer, `over`, one from `high` on. */
    uint64_t low = rc_prune_key(wide, 0, smallest), high = rc_prune_key(wide, 0, largest) + 1;
    size_t count = m, above = 0;
    for (int halves = 0; high - low > 1 && count != n;) {
        const uint64_t before = high - low;
        uint64_t middle = low + before / 2;
        const double first = rc_prune_score(wide, 0, low), last = rc_prune_score(wide, 0, high);
        const double width = last - first;
        if (!halves && width < INFINITY) {
            const double share = ((double)(count - n) + 0.5) / (double)(count - above);
            const uint64_t own = rc_prune_key(wide, 0, first + share * width);
            middle = own <= low ? low + 1 : own >= high ? high - 1 : own;
        }
        const double least = rc_prune_score(wide, 0, middle);
        const size_t own = wide ? counted_doubles(m, doubles, least) : counted_floats(m, floats, (float)least);
        if (own < n) {
            high = middle;
            above = own;
        } else {
            low = middle;
            count = own;
        }
        halves = !halves && high - low > before / 2;
    }
    const double least = rc_prune_score(wide, 0, low);
    if (wide)
        marked_doubles(m, doubles, least, mask);
    else
        marked_floats(m, floats, (float)least, mask);
    size_t over = count - n; /* of the scores that are equal to it the last ones go */
    for (size_t i = m; over > 0 && i-- > 0;)
        if ((wide ? doubles[i] : (double)floats[i]) == least) {
            mask[i] = 0;
            over--;
        }
    return 0;
}

RC_INLINE TARGET int groups_of(const int wide, size_t count, size_t n, size_t m, size_t lane, size_t step,
                               const void *scores, size_t at, uint8_t *mask)
{
    int bad = 0;
    size_t s = 0;
    if (m > LONGEST) {
        for (; s < count; s++)
            bad |= step > 1 ? rc_prune_group(n, m, step, at + s * lane, wide, scores, mask)
                   : wide   ? long_group(1, n, m, (const double *)scores + at + s * lane, mask + at + s * lane)
                            : long_group(0, n, m, (const float *)scores + at + s * lane, mask + at + s * lane);
        return bad;
    }
#ifdef FOURS
    if (!wide && m == 4 && step == 1)
        s = FOURS(count, n, (const float *)scores + at, mask + at, &bad);
#endif
#ifdef EIGHTS
    if (!wide && m == 8 && step == 1)
        s = EIGHTS(count, n, (const float *)scores + at, mask + at, &bad);
#endif
    for (const size_t side = wide ? VECTOR_BYTES / sizeof(double) : VECTOR_BYTES / sizeof(float); s < count;
         s += side) {
        const size_t some = rc_min(side, count - s), place = at + s * lane;
        bad |= wide ? groups_of_doubles(some, n, m, lane, step, (const double *)scores + place, mask + place)
                    : groups_of_floats(some, n, m, lane, step, (const float *)scores + place, mask + place);
    }
    return bad;
}

TARGET int NM(size_t begin, size_t end, size_t length, size_t inner, size_t n, size_t m, int wide, const void *scores,
              uint8_t *mask)
{
    const size_t whole = length / m, rest = length % m, groups = whole + (rest > 0);
    int bad = 0;
    for (size_t g = begin; g < end;) {
        const size_t within = g % groups, at = (g / groups * length + within * m) * inner;
        const size_t size = within < whole ? m : rest, kept = within < whole ? n : (n * rest + m - 1) / m;
        const size_t run = within < whole && inner == 1 ? rc_min(end - g, whole - within) : 1; /* of such groups */
        const size_t count = inner == 1 ? run : inner, lane = inner == 1 ? m : 1;
        bad |= wide ? groups_of(1, count, kept, size, lane, inner, scores, at, mask)
                    : groups_of(0, count, kept, size, lane, inner, scores, at, mask);
        g += run;
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}
