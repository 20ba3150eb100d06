/* A layer's bias in the units of its sums, and back: the bit-level definition, and the only one. */
#include "../kernels.h"

int rc_quantize_bias_s32_portable(size_t begin, size_t end, double most, const float *bias,
                                  const double *unit, int32_t *values)
{
    const double shift = 6755399441055744.0, far = 4503599627370496.0; /* 1.5 * 2^52, 2^52 */
    int good = 1;
    for (size_t i = begin; i < end; i++) {
        double q = (double)bias[i] / unit[i];
        q = q > -far ? q : -far; /* beyond int32 all the same */
        q = q < far ? q : far;
        q = (q + shift) - shift; /* the sum's unit in the last place is 1 (2 at its ends): ties to even */
        const int fits = q >= -most && q <= most;
        good &= fits;
        values[i] = (int32_t)(fits ? q : 0.0);
    }
    return good ? RC_OK : RC_BAD_VALUE;
}

int rc_dequantize_bias_s32_portable(size_t begin, size_t end, const int32_t *values, const double *unit,
                                    float *bias)
{
    for (size_t i = begin; i < end; i++) {
        const double b = (double)values[i] * unit[i];
        bias[i] = (float)(b > FLT_MAX ? FLT_MAX : b < -FLT_MAX ? -FLT_MAX : b);
    }
    return RC_OK;
}
