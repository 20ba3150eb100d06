/* To integers by a scale, and back: one division or one product an element, each rounded once. And the range of runs. */
#include "places.h"

#define CODE int8_t
#define QUANTIZE rc_quantize_s8_portable
#define DEQUANTIZE rc_dequantize_s8_portable
#include "portable.h"

#define CODE int16_t
#define QUANTIZE rc_quantize_s16_portable
#define DEQUANTIZE rc_dequantize_s16_portable
#include "portable.h"

int rc_quantize_range_minmax_portable(size_t begin, size_t end, size_t rows, size_t k, size_t group, const float *x,
                                      float *low, float *high)
{
    int bad = 0;
    const size_t runs = group ? (k + group - 1) / group : k; /* in a row; or the columns */
    for (size_t r = begin; r < end; r++) {
        const size_t input = group ? r % runs * group : r, left = k - input;
        const size_t count = !group ? rows : left < group ? left : group, step = group ? 1 : k;
        const float *first = x + r / runs * k + input;
        float least = 0.0f, most = 0.0f;
        for (size_t p = 0; p < count; p++) {
            const float t = first[p * step];
            least = t < least ? t : least;
            most = t > most ? t : most;
            bad |= special(t);
        }
        low[r] = least;
        high[r] = most;
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}
