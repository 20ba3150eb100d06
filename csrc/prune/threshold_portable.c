/* The standard deviation's sums, one term after the other, and what is not below a threshold. */
#include "../kernels.h"
#include <math.h>

float rc_prune_least(double threshold)
{
    const float least = (float)threshold;
    return (double)least < threshold ? nextafterf(least, INFINITY) : least;
}

int rc_prune_chain_portable(size_t begin, size_t end, int squares, const float *w, double mean, double *sum)
{
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
