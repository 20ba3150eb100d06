/* The searches of a range: the error of a grid in NumPy's order of sums, a histogram, a magnitude by its rank. */
#include "places.h"
#include <math.h>
#include <string.h>

#define TARGET

RC_INLINE void add_errors(const float *scale, const float *low, const float *high, const float *x, size_t count,
                          size_t step, double *sum)
{
    for (size_t p = 0; p < count; p += step)
        for (size_t i = 0; i < 8; i++) {
            float t = x[p] / scale[i];
            t = t > low[i] ? t : low[i];
            t = nearest(t < high[i] ? t : high[i]) * scale[i];
            t = t < FLT_MAX ? t : FLT_MAX;
            t = t > -FLT_MAX ? t : -FLT_MAX;
            const double off = (double)t - (double)x[p];
            sum[i] += off * off;
        }
}

#define MSE rc_quantize_range_mse_portable
#define ERRORS rc_quantize_errors_portable
#define KL rc_quantize_range_kl_portable
#include "ranges.h"

enum { SHORT = 256 }; /* magnitudes that are ordered in a copy; of more, keys are counted (prune/rank.c) */

/* Number nth of the magnitudes, the smallest being number 0: the part that holds it is divided again and again. */
static float short_nth(const float *x, size_t count, size_t nth)
{
    float own[SHORT];
    for (size_t p = 0; p < count; p++)
        own[p] = __builtin_fabsf(x[p]);
    size_t first = 0, last = count - 1;
    while (first < last) {
        const float a = own[first], b = own[first + (last - first) / 2], c = own[last];
        const float middle = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        size_t i = first, j = last;
        for (;; i++, j--) {
            while (own[i] < middle)
                i++;
            while (middle < own[j])
                j--;
            if (i >= j)
                break;
            const float t = own[i];
            own[i] = own[j];
            own[j] = t;
        }
        if (nth <= j)
            last = j;
        else
            first = j + 1;
    }
    return own[nth];
}

int rc_quantize_range_ranks_portable(size_t begin, size_t end, size_t k, size_t group, size_t nth, size_t last,
                                          const float *x, double *low, double *high)
{
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end; r++, at = next_run(at, k, group)) {
        const size_t rank = at.count == group ? nth : last;
        double t = -low[r] > high[r] ? -low[r] : high[r];
        if (rank + 1 < at.count && at.count <= SHORT) {
            t = short_nth(x + at.first, at.count, rank);
        } else if (rank + 1 < at.count) {
            const struct rc_prune_part part = {.scores = x + at.first, .size = at.count};
            uint64_t counts[RC_PRUNE_PLACES], ties;
            rc_prune_nth(1, &part, 0, 1, 0.0, t, at.count - 1 - rank, counts, &t, &ties);
        }
        low[r] = low[r] > -t ? low[r] : -t + 0.0;
        high[r] = high[r] < t ? high[r] : t;
    }
    return RC_OK;
}
