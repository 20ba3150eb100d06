/* The standard deviation's sums, one term after the other, and what is not below a threshold. */
#include "../kernels.h"
#include <math.h>

float rc_prune_least(double threshold)
{
    const float least = (float)threshold;
    return (double)least < threshold ? nextafterf(least, INFINITY) : least;
}

/* The sums of w and of w^2 in any order: of a block in SIDE each. */
enum { SIDE = 8, BLOCK = 4096 };

static void moments(size_t begin, size_t end, const float *w, double *sums)
{
    for (size_t last; begin < end; begin = last) {
        double s[SIDE] = {0}, q[SIDE] = {0};
        last = begin + rc_min(BLOCK, end - begin);
        for (size_t i = begin; i < last; i += SIDE)
            for (size_t p = 0; p < rc_min(SIDE, last - i); p++) {
                s[p] += (double)w[i + p];
                q[p] += (double)w[i + p] * (double)w[i + p];
            }
        for (size_t half = SIDE / 2; half > 0; half /= 2)
            for (size_t p = 0; p < half; p++) {
                s[p] += s[p + half];
                q[p] += q[p + half];
            }
        sums[0] += s[0];
        sums[1] += q[0];
    }
}

int rc_prune_chain_portable(size_t begin, size_t end, int squares, const float *w, double mean, double *sum)
{
    if (squares == 2) {
        moments(begin, end, w, sum);
        return RC_OK;
    }
    double s = *sum;
    if (squares)
        for (size_t i = begin; i < end; i++)
            s += (w[i] - mean) * (w[i] - mean);
    else
        for (size_t i = begin; i < end; i++)
            s += (double)w[i];
    *sum = s;
    return RC_OK;
}

int rc_prune_threshold_portable(size_t begin, size_t end, const float *w, double threshold, uint8_t *mask)
{
    const float least = rc_prune_least(threshold);
    for (size_t i = begin; i < end; i++)
        mask[i] = __builtin_fabsf(w[i]) >= least;
    return RC_OK;
}
