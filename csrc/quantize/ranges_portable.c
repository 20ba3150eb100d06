/* The searches of a range: the error of a grid in NumPy's order of sums, a histogram. */
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
