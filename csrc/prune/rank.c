/* Selection by counts: the scores as integers in the same order, by the highest bits in which they differ, then by
 * those behind them. And the last step of the other way (cut.h): what is kept of the few scores that a pass leaves
 * open. */
#include "../kernels.h"
#include <string.h>

/* Bits of a score in the order of scores: of negative ones all bits turn, of others the sign. -0.0 + 0.0 is +0.0. */
RC_INLINE uint64_t key(const int wide, const int magnitude, const void *scores, size_t i)
{
    if (wide) {
        const double x = ((const double *)scores)[i] + 0.0;
        uint64_t bits;
        memcpy(&bits, &x, sizeof bits);
        if (magnitude)
            return bits & (UINT64_MAX >> 1);
        return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
    }
    const float x = ((const float *)scores)[i] + 0.0f;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (magnitude)
        return bits & (UINT32_MAX >> 1);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

/* The shift by which the keys of a span have places. */
RC_INLINE size_t shift_of(uint64_t span)
{
    size_t shift = 0;
    while (span >> shift >= RC_PRUNE_PLACES)
        shift++;
    return shift;
}

RC_INLINE void count(const int wide, const int magnitude, size_t begin, size_t end, const void *scores, uint64_t least,
                     uint64_t span, uint64_t *counts)
{
    const size_t shift = shift_of(span);
    for (size_t i = begin; i < end; i++) {
        const uint64_t above = key(wide, magnitude, scores, i) - least;
        if (above <= span)
            counts[above >> shift]++;
    }
}

#define EACH(function, ...) \
    (wide ? magnitude ? function(1, 1, __VA_ARGS__) : function(1, 0, __VA_ARGS__) \
          : magnitude ? function(0, 1, __VA_ARGS__) : function(0, 0, __VA_ARGS__))

int rc_prune_count(size_t begin, size_t end, int wide, int magnitude, const void *scores, uint64_t least, uint64_t span,
                   uint64_t *counts)
{
    EACH(count, begin, end, scores, least, span, counts);
    return RC_OK;
}

size_t rc_prune_shift(uint64_t span)
{
    return shift_of(span);
}

uint64_t rc_prune_key(int wide, int magnitude, double score)
{
    const float narrow = (float)score;
    return EACH(key, wide ? (const void *)&score : (const void *)&narrow, 0);
}

double rc_prune_score(int wide, int magnitude, uint64_t own)
{
    if (wide) {
        const uint64_t bits = magnitude ? own : own >> 63 ? own & (UINT64_MAX >> 1) : ~own;
        double score;
        memcpy(&score, &bits, sizeof score);
        return score;
    }
    const uint32_t narrow = (uint32_t)own;
    const uint32_t bits = magnitude ? narrow : narrow >> 31 ? narrow & (UINT32_MAX >> 1) : ~narrow;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* The place, counted from the highest one, at which number *nth stands; *nth is then its number there. */
static uint64_t place_of(const uint64_t *counts, uint64_t *nth)
{
    size_t place = RC_PRUNE_PLACES;
    while (--place > 0 && counts[place] <= *nth)
        *nth -= counts[place];
    return place;
}

int rc_prune_nth(size_t parts, const struct rc_prune_part *part, int wide, int magnitude, double low, double high,
                 uint64_t nth, uint64_t *counts, double *value, uint64_t *ties)
{
    uint64_t least = rc_prune_key(wide, magnitude, low);
    uint64_t span = rc_prune_key(wide, magnitude, high) - least;
    for (;;) {
        const size_t shift = shift_of(span);
        memset(counts, 0, sizeof *counts * RC_PRUNE_PLACES);
        for (size_t i = 0; i < parts; i++)
            rc_prune_count(0, part[i].size, wide, magnitude, part[i].scores, least, span, counts);
        least += place_of(counts, &nth) << shift;
        if (shift == 0)
            break;
        span = ((uint64_t)1 << shift) - 1;
    }
    *value = rc_prune_score(wide, magnitude, least);
    *ties = nth + 1;
    return RC_OK;
}

int rc_prune_settle(size_t count, size_t first, int wide, const uint32_t *index, const void *score, double least,
                    uint64_t *ties, uint8_t *mask, const float *w, float *v)
{
    enum { SOON = 32 }; /* what is written lies in no near cache: it is asked for early */
    uint64_t left = *ties;
    for (size_t i = 0; i < count; i++) {
        const double own = wide ? ((const double *)score)[i] : ((const float *)score)[i];
        const size_t soon = first + index[rc_min(i + SOON, count - 1)];
        __builtin_prefetch(mask ? (const void *)(mask + soon) : (const void *)(v + soon), 1);
        const int tie = (own == least) & (left > 0), kept = (own > least) | tie;
        left -= (uint64_t)tie;
        if (mask)
            mask[first + index[i]] = (uint8_t)kept;
        else
            v[first + index[i]] = kept ? w[first + index[i]] : 0.0f;
    }
    *ties = left;
    return RC_OK;
}

RC_INLINE void ties_of(const int wide, const int magnitude, size_t begin, size_t end, const void *scores, double least,
                       uint64_t *ties, uint8_t *mask, float *v)
{
    uint64_t left = *ties;
    for (size_t i = begin; i < end; i++) {
        double own = wide ? ((const double *)scores)[i] : ((const float *)scores)[i];
        own = magnitude && own < 0 ? -own : own;
        const int tie = (own == least) & (left > 0), kept = (own > least) | tie;
        left -= (uint64_t)tie;
        if (mask)
            mask[i] = (uint8_t)kept;
        else
            v[i] = kept ? ((const float *)scores)[i] : 0.0f;
    }
    *ties = left;
}

int rc_prune_ties(size_t begin, size_t end, int wide, int magnitude, const void *scores, double least, uint64_t *ties,
                  uint8_t *mask, float *v)
{
    EACH(ties_of, begin, end, scores, least, ties, mask, v);
    return RC_OK;
}
