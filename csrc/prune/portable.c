/* What is kept: in one pass by two numbers that enclose the threshold, and n of each m by rank. */
#include "../kernels.h"
#include <string.h>

/* RUN scores: which are above `high`, which lie in low .. high, how many of each, and whether some are NaN or, if
 * `finite`, infinite. Loops of a constant length without a branch: the compiler makes vectors of them. */
enum { RUN = 64 };

struct settled {
    int32_t above, open, bad;
};

#define SETTLED(NAME, FLOAT, INT, FABS) \
    RC_INLINE struct settled NAME(const int magnitude, const int finite, const FLOAT *x, FLOAT low, FLOAT high, \
                                  uint8_t *above, uint8_t *open) \
    { \
        INT kept[RUN], least[RUN], sum = 0, between = 0, bad = 0; \
        for (size_t s = 0; s < RUN; s++) { \
            const FLOAT own = magnitude ? FABS(x[s]) : x[s], wrong = finite ? x[s] - x[s] : x[s]; \
            kept[s] = own > high; \
            least[s] = own >= low; \
            bad |= wrong != wrong; \
        } \
        for (size_t s = 0; s < RUN; s++) { \
            sum += kept[s]; \
            between += least[s] - kept[s]; \
        } \
        for (size_t s = 0; s < RUN; s++) \
            above[s] = (uint8_t)kept[s]; \
        for (size_t s = 0; s < RUN; s++) \
            open[s] = (uint8_t)(least[s] - kept[s]); \
        return (struct settled){.above = (int32_t)sum, .open = (int32_t)between, .bad = (int32_t)bad}; \
    }

SETTLED(settled_floats, float, int32_t, __builtin_fabsf)
SETTLED(settled_doubles, double, int64_t, __builtin_fabs)

/* What is written: the mask, the weights that are kept, or the ends of each block. */
enum writes { WRITES_MASK, WRITES_WEIGHTS, WRITES_ENDS };

/* A pass over the scores (api.h), by type and by what is written. */
RC_INLINE int cut(const int wide, const int magnitude, const enum writes writes, size_t begin, size_t end, size_t size,
                  const void *scores, double low, double high, const struct rc_prune_open *open, uint8_t *mask,
                  float *v)
{
    const int finite = writes != WRITES_MASK;
    const size_t first = begin * RC_PRUNE_BLOCK, last = rc_min(end * RC_PRUNE_BLOCK, size);
    const size_t most = (end - begin) * RC_PRUNE_ROOM - 16, bytes = wide ? sizeof(double) : sizeof(float);
    uint32_t *index = open->index + begin * RC_PRUNE_ROOM;
    char *score = (char *)open->score + begin * RC_PRUNE_ROOM * bytes;
    size_t count = 0, sum = 0;
    int bad = 0;
    for (size_t i = first; i < last; i += RUN) {
        double rest[RUN]; /* the last of a range, filled up with its first one, which counts once */
        uint8_t above[RUN], between[RUN];
        const size_t some = rc_min(RUN, last - i);
        const char *at = (const char *)scores + i * bytes;
        if (some < RUN) {
            for (size_t s = 0; s < RUN; s++)
                memcpy((char *)rest + s * bytes, s < some ? at + s * bytes : at, bytes);
            at = (const char *)rest;
        }
        struct settled own =
            wide ? settled_doubles(magnitude, finite, (const double *)(const void *)at, low, high, above, between)
                 : settled_floats(magnitude, finite, (const float *)(const void *)at, (float)low, (float)high, above,
                                  between);
        own.above -= (int32_t)(RUN - some) * above[0];
        own.open -= (int32_t)(RUN - some) * between[0];
        bad |= own.bad;
        sum += (size_t)own.above;
        if (writes == WRITES_WEIGHTS)
            for (size_t s = 0; s < some; s++)
                v[i + s] = above[s] ? ((const float *)(const void *)at)[s] : 0.0f;
        if (writes == WRITES_MASK)
            memcpy(mask + i, above, some);
        if (writes == WRITES_ENDS && (i - first) % RC_PRUNE_BLOCK == 0) {
            const size_t block = i / RC_PRUNE_BLOCK, size_of = rc_min(RC_PRUNE_BLOCK, last - i);
            rc_quantize_range_minmax_portable(0, 1, 1, size_of, size_of, (const float *)scores + i, v + 2 * block,
                                              v + 2 * block + 1);
        }
        if (own.open && count + (size_t)own.open <= most)
            for (size_t s = 0, place = count; s < some; s++)
                if (between[s]) {
                    index[place] = (uint32_t)(i + s - first);
                    if (wide) {
                        const double given = ((const double *)(const void *)at)[s];
                        ((double *)(void *)score)[place] = magnitude ? __builtin_fabs(given) : given;
                    } else {
                        const float given = ((const float *)(const void *)at)[s];
                        ((float *)(void *)score)[place] = magnitude ? __builtin_fabsf(given) : given;
                    }
                    place++;
                }
        count += (size_t)own.open;
    }
    open->found[2 * begin] = count;
    open->found[2 * begin + 1] = sum;
    return bad ? RC_NOT_FINITE : RC_OK;
}

int rc_prune_select_portable(size_t begin, size_t end, size_t size, int wide, const void *scores, double low,
                             double high, const struct rc_prune_open *open, uint8_t *mask)
{
    return wide ? cut(1, 0, WRITES_MASK, begin, end, size, scores, low, high, open, mask, NULL)
                : cut(0, 0, WRITES_MASK, begin, end, size, scores, low, high, open, mask, NULL);
}

int rc_prune_magnitude_portable(size_t begin, size_t end, size_t size, const float *w, double low, double high,
                                const struct rc_prune_open *open, uint8_t *mask)
{
    return cut(0, 1, WRITES_MASK, begin, end, size, w, low, high, open, mask, NULL);
}

int rc_prune_project_l0_portable(size_t begin, size_t end, size_t size, const float *w, double low, double high,
                                 const struct rc_prune_open *open, float *v)
{
    return cut(0, 1, WRITES_WEIGHTS, begin, end, size, w, low, high, open, NULL, v);
}

int rc_quantize_range_percentile_portable(size_t begin, size_t end, size_t size, const float *x, double low,
                                          double high, const struct rc_prune_open *open, float *ends)
{
    return cut(0, 1, WRITES_ENDS, begin, end, size, x, low, high, open, NULL, ends);
}

#define TARGET
#define NM rc_prune_nm_portable
#define VECTOR_BYTES 16
#include "nm.h"
#define RANKS_OF rc_quantize_range_ranks_portable
#include "ranks.h"
