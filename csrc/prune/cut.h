/* Template of the pass that settles all scores but a few. Included after these were defined:
 *
 * SELECT, MAGNITUDE, PROJECT, CUT   the functions' names
 * MINMAX                       the kernel of quantize_range_minmax
 * TARGET                       their instruction set
 * compared(wide, magnitude, finite, scores, low, high, &above, &open, &bad)   of 64 scores: a bit for each that is
 *                              above high, and for each in low .. high; bad where one is NaN, or, if `finite`, infinite
 * take(first, open, index, count)   writes the numbers of the open ones of 64 scores, the first of which is number
 *                              `first`, behind the `count` ones before; returns the new count
 * fetch(scores, magnitude, index, count, floats)   writes the scores, or magnitudes, of these numbers
 * put_mask(mask, above)        64 bytes
 * put_kept(v, w, above)        64 weights, or +0.0
 *
 * The bits of 64 scores are in a register; what is open is looked for there, one after another: mostly one or none.
 */
#include "../kernels.h"

/* One after another. */
RC_INLINE TARGET size_t take_each(uint32_t first, uint64_t open, uint32_t *index, size_t count)
{
    for (; open; open &= open - 1, count++)
        index[count] = first + (uint32_t)__builtin_ctzll(open);
    return count;
}

RC_INLINE TARGET void fetch_each(const float *scores, const int magnitude, const uint32_t *index, size_t count,
                                 float *floats)
{
    for (size_t i = 0; i < count; i++) {
        const float own = scores[index[i]];
        floats[i] = magnitude ? __builtin_fabsf(own) : own;
    }
}

RC_INLINE TARGET void fetch_doubles(const double *scores, const int magnitude, const uint32_t *index, size_t count,
                                    double *doubles)
{
    for (size_t i = 0; i < count; i++) {
        const double own = scores[index[i]];
        doubles[i] = magnitude ? __builtin_fabs(own) : own;
    }
}

/* What is written: the mask, the weights that are kept, or the ends of each block. */
enum writes { WRITES_MASK, WRITES_WEIGHTS, WRITES_ENDS };

RC_INLINE TARGET int cut(const int wide, const int magnitude, const enum writes writes, size_t begin, size_t end,
                         size_t size, const void *scores, double low, double high, const struct rc_prune_open *open,
                         uint8_t *mask, float *v)
{
    const int finite = writes == WRITES_WEIGHTS; /* for the ends MINMAX sees to it */
    const size_t first = begin * RC_PRUNE_BLOCK, last = rc_min(end * RC_PRUNE_BLOCK, size);
    const size_t most = (end - begin) * RC_PRUNE_ROOM - 16;
    uint32_t *index = open->index + begin * RC_PRUNE_ROOM;
    double *doubles = (double *)open->score + begin * RC_PRUNE_ROOM;
    float *floats = (float *)open->score + begin * RC_PRUNE_ROOM;
    size_t count = 0, fetched = 0, sum = 0;
    int bad = 0;
    for (size_t i = first; i < last; i += 64) {
        uint64_t above = 0, between = 0;
        const size_t some = rc_min(64, last - i);
        if (writes == WRITES_ENDS && (i - first) % RC_PRUNE_BLOCK == 0) { /* the block is then in L1 */
            const size_t block = i / RC_PRUNE_BLOCK, count = rc_min(RC_PRUNE_BLOCK, last - i);
            bad |= MINMAX(0, 1, 1, count, count, (const float *)scores + i, v + 2 * block, v + 2 * block + 1) != RC_OK;
        }
        if (some == 64) {
            compared(wide, magnitude, finite, wide ? (const void *)((const double *)scores + i)
                                                   : (const void *)((const float *)scores + i), low, high, &above,
                     &between, &bad);
            if (writes == WRITES_WEIGHTS)
                put_kept(v + i, (const float *)scores + i, above);
            if (writes == WRITES_MASK)
                put_mask(mask + i, above);
        } else {
            for (size_t s = 0; s < some; s++) {
                const double given = wide ? ((const double *)scores)[i + s] : ((const float *)scores)[i + s];
                const double own = magnitude && given < 0.0 ? -given : given;
                above |= (uint64_t)(own > high) << s;
                between |= (uint64_t)((own >= low) & !(own > high)) << s;
                bad |= finite ? !(given - given == 0.0) : given != given;
                if (writes == WRITES_WEIGHTS)
                    v[i + s] = own > high ? (float)given : 0.0f;
                if (writes == WRITES_MASK)
                    mask[i + s] = own > high;
            }
        }
        sum += (size_t)__builtin_popcountll(above);
        /* Where there is no room, or nearly so. */
        if (count + 64 > most && count + (size_t)__builtin_popcountll(between) > most) {
            count += (size_t)__builtin_popcountll(between);
            continue;
        }
        count = take((uint32_t)(i - first), between, index, count);
        if ((i - first) % RC_PRUNE_BLOCK == RC_PRUNE_BLOCK - 64 || last - i <= 64) { /* the block is still in L1 */
            const uint32_t *own = index + fetched;
            if (wide)
                fetch_doubles((const double *)scores + first, magnitude, own, count - fetched, doubles + fetched);
            else
                fetch((const float *)scores + first, magnitude, own, count - fetched, floats + fetched);
            fetched = count;
        }
    }
    open->found[2 * begin] = count;
    open->found[2 * begin + 1] = sum;
    return bad ? RC_NOT_FINITE : RC_OK;
}

TARGET int SELECT(size_t begin, size_t end, size_t size, int wide, const void *scores, double low, double high,
                  const struct rc_prune_open *open, uint8_t *mask)
{
    return wide ? cut(1, 0, WRITES_MASK, begin, end, size, scores, low, high, open, mask, NULL)
                : cut(0, 0, WRITES_MASK, begin, end, size, scores, low, high, open, mask, NULL);
}

TARGET int MAGNITUDE(size_t begin, size_t end, size_t size, const float *w, double low, double high,
                     const struct rc_prune_open *open, uint8_t *mask)
{
    return cut(0, 1, WRITES_MASK, begin, end, size, w, low, high, open, mask, NULL);
}

TARGET int PROJECT(size_t begin, size_t end, size_t size, const float *w, double low, double high,
                   const struct rc_prune_open *open, float *v)
{
    return cut(0, 1, WRITES_WEIGHTS, begin, end, size, w, low, high, open, NULL, v);
}

TARGET int CUT(size_t begin, size_t end, size_t size, const float *x, double low, double high,
               const struct rc_prune_open *open, float *ends)
{
    return cut(0, 1, WRITES_ENDS, begin, end, size, x, low, high, open, NULL, ends);
}
