/* Template of n of each m consecutive scores. Included after these were defined:
 *
 * NM           the function's name
 * TARGET       its instruction set, or nothing
 * VECTOR_BYTES of its vectors
 * and where they are defined
 * LESSER_FLOATS(a, b), GREATER_FLOATS(a, b), LESSER_DOUBLES(a, b), GREATER_DOUBLES(a, b)   of two vectors
 * MORE_FLOATS(sum, a, b), MORE_DOUBLES(sum, a, b)   integers, one more where a is at least b
 * TURNED(from, distance, count, to)  of as many rows of floats as a vector has lanes: `count` columns, at most as many,
 *              each a vector, and behind them zeros
 * MARK_FLOATS(side, x, least, mask)  1 where a score is at least `least`, else 0, of 64, 16 or 8
 * FOURS, EIGHTS  functions that take as many groups of four, or of eight, as they can, and return how many
 *
 * A score's rank is how many of its group come before it: larger ones, and equal ones of a lower index. Groups lie side
 * by side, a score of each in a lane, and each pair of scores is compared once: loops of a constant length, of which
 * the compiler makes vectors. In a group that is longer than LONGEST the smallest score that is kept is found by
 * counting the scores from one number on, then from another: of groups side by side (nth.h), or of a long one alone
 * (long_group.h).
 */
#include "../kernels.h"
#include <math.h>
#include <string.h>

enum {
    /* So short that the loops over a group are unrolled as a whole, and that to compare all pairs takes less time than
     * to sort, which needs registers. */
    LONGEST = VECTOR_BYTES > 16 ? 8 : 16,
    SORTED = 32, /* so short that to sort the scores takes less time than to count them */
    COPIED = 512, /* scores of a group, at most, that are copied side by side: 32 KiB with AVX-512 */
    /* The same of groups one behind the other: those of a row then fit in L1 too. Of short vectors a long group alone
     * takes less time. */
    TURNED_MOST = VECTOR_BYTES > 16 ? COPIED / 2 : 48,
};

typedef float nm_floats __attribute__((vector_size(VECTOR_BYTES)));
typedef double nm_doubles __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t nm_ranks __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t nm_wide_ranks __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t nm_keys __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t nm_wide_keys __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t nm_marks __attribute__((vector_size(VECTOR_BYTES / 4)));
typedef uint8_t nm_few_marks __attribute__((vector_size(VECTOR_BYTES / 8)));

#ifndef LESSER_FLOATS
#define CHOSEN(VECTOR, RANKS, a, condition, b) \
    ((VECTOR)(((RANKS)(a) & ((a) condition (b))) | ((RANKS)(b) & ~((a) condition (b)))))
#define MORE_FLOATS(sum, a, b) ((sum) - ((a) >= (b)))
#define MORE_DOUBLES(sum, a, b) ((sum) - ((a) >= (b)))
#define LESSER_FLOATS(a, b) CHOSEN(nm_floats, nm_ranks, a, <, b)
#define GREATER_FLOATS(a, b) CHOSEN(nm_floats, nm_ranks, a, >, b)
#define LESSER_DOUBLES(a, b) CHOSEN(nm_doubles, nm_wide_ranks, a, <, b)
#define GREATER_DOUBLES(a, b) CHOSEN(nm_doubles, nm_wide_ranks, a, >, b)
#endif

/* The marks of `count` groups, `lane` apart. */
#define PUT(NAME, RANKS, MARKS) \
    RC_INLINE TARGET void NAME(RANKS kept, size_t count, size_t lane, uint8_t *mask) \
    { \
        if (VECTOR_BYTES == 64 && lane == 1 && count == sizeof(MARKS)) { /* one instruction */ \
            const MARKS marks = __builtin_convertvector(kept, MARKS); \
            memcpy(mask, &marks, sizeof marks); \
        } else { \
            for (size_t s = 0; s < count; s++) \
                mask[s * lane] = (uint8_t)kept[s]; \
        } \
    }

PUT(put_floats, nm_ranks, nm_marks)
PUT(put_doubles, nm_wide_ranks, nm_few_marks)

/* SIDE groups of m scores: x[j] = 1 where fewer than n of its group come before score j, else 0. VECTOR : of FLOATs,
 * as RANKS is of integers of that size. */
#define GROUPS(NAME, FLOAT, INT, VECTOR, RANKS, WRITE) \
    RC_INLINE TARGET int NAME(size_t count, size_t n, size_t m, size_t lane, size_t step, const FLOAT *scores, \
                              uint8_t *mask) \
    { \
        enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) }; \
        VECTOR x[LONGEST] = {{0}}; \
        RANKS rank[LONGEST] = {{0}}, bad = {0}; \
        RC_UNROLL \
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
        RC_UNROLL \
        for (size_t i = 0; i < m; i++) { \
            const VECTOR own = x[i]; \
            RANKS behind = rank[i]; \
            RC_UNROLL \
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
        RC_UNROLL \
        for (size_t j = 0; j < m; j++) { \
            const RANKS kept = (rank[j] < (RANKS){0} + (INT)n) & 1; \
            WRITE(kept, count, lane, mask + j * step); \
        } \
        return wrong; \
    }

GROUPS(groups_of_floats, float, int32_t, nm_floats, nm_ranks, put_floats)
GROUPS(groups_of_doubles, double, int64_t, nm_doubles, nm_wide_ranks, put_doubles)

/* Two vectors in order, lane by lane: the larger ones come to the first. */
#define COMPARED(i, j) \
    { \
        const VECTOR a_ = x[i], b_ = x[j]; \
        x[i] = GREATER(a_, b_); \
        x[j] = LESSER(a_, b_); \
    }

/* Green's network of 60 comparisons that sorts 16; those of a line are of other vectors each. */
#define NETWORK(C) \
    C(0, 13) C(1, 12) C(2, 15) C(3, 14) C(4, 8) C(5, 6) C(7, 11) C(9, 10) \
    C(0, 5) C(1, 7) C(2, 9) C(3, 4) C(6, 13) C(8, 14) C(10, 15) C(11, 12) \
    C(0, 1) C(2, 3) C(4, 5) C(6, 8) C(7, 9) C(10, 11) C(12, 13) C(14, 15) \
    C(0, 2) C(1, 3) C(4, 10) C(5, 11) C(6, 7) C(8, 9) C(12, 14) C(13, 15) \
    C(1, 2) C(3, 12) C(4, 6) C(5, 7) C(8, 10) C(9, 11) C(13, 14) \
    C(1, 4) C(2, 6) C(5, 8) C(7, 10) C(9, 13) C(11, 14) \
    C(2, 4) C(3, 6) C(9, 12) C(11, 13) \
    C(3, 5) C(6, 8) C(7, 9) C(10, 12) \
    C(3, 4) C(5, 6) C(7, 8) C(9, 10) C(11, 12) \
    C(6, 7) C(8, 9)

#include "long_group.h"

RC_INLINE TARGET int groups_of(const int wide, size_t count, size_t n, size_t m, size_t lane, size_t step,
                               const void *scores, size_t at, uint8_t *mask)
{
    int bad = 0;
    size_t s = 0;
    const size_t side = wide ? VECTOR_BYTES / sizeof(double) : VECTOR_BYTES / sizeof(float);
    if (m > LONGEST) {
        struct before before = {0.0, 0.0};
        for (size_t some; s < count; s += some) {
            const size_t place = at + s * lane;
            const float *floats = (const float *)scores + (wide ? 0 : place);
            const double *doubles = (const double *)scores + (wide ? place : 0);
            some = rc_min(side, count - s);
            if (step > 1) {
                bad |= wide ? columns_doubles(n, m, some, step, doubles, mask + place)
                            : columns_floats(n, m, some, step, floats, mask + place);
            } else if (m <= TURNED_MOST && some > side / 4) {
                bad |= wide ? rows_doubles(n, m, some, doubles, mask + place)
                            : rows_floats(n, m, some, floats, mask + place);
            } else {
                some = 1;
                bad |= wide ? long_group(1, n, m, doubles, &before, mask + place)
                            : long_group(0, n, m, floats, &before, mask + place);
            }
        }
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
    if (!wide && step > 1 && (m == 4 || m == 8)) /* loops of a constant length: a tenth to a fifth less time */
        for (; s + side <= count; s += side) {
            const float *own = (const float *)scores + at + s;
            bad |= m == 4 ? groups_of_floats(VECTOR_BYTES / sizeof(float), n, 4, 1, step, own, mask + at + s)
                          : groups_of_floats(VECTOR_BYTES / sizeof(float), n, 8, 1, step, own, mask + at + s);
        }
    for (; s < count; s += side) {
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
