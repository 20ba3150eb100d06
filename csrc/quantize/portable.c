/* To integers by a scale, and back: one division or one product an element, each rounded once. And the range of runs. */
#include "places.h"

/* The range of count elements, step apart; returns whether some are not finite. */
static int minmax(const float *x, size_t count, size_t step, float *low, float *high)
{
    int bad = 0;
    float least = 0.0f, most = 0.0f;
    for (size_t p = 0; p < count; p++) {
        const float t = x[p * step];
        least = t < least ? t : least;
        most = t > most ? t : most;
        bad |= special(t);
    }
    *low = least;
    *high = most;
    return bad;
}

#define CODE int8_t
#define QUANTIZE rc_quantize_s8_portable
#define QUANTIZE_RUNS rc_quantize_runs_s8_portable
#define DEQUANTIZE rc_dequantize_s8_portable
#include "portable.h"

#define CODE int16_t
#define QUANTIZE rc_quantize_s16_portable
#define QUANTIZE_RUNS rc_quantize_runs_s16_portable
#define DEQUANTIZE rc_dequantize_s16_portable
#include "portable.h"

int rc_quantize_range_minmax_portable(size_t begin, size_t end, size_t rows, size_t k, size_t group, const float *x,
                                      float *low, float *high)
{
    int bad = 0;
    for (size_t r = begin; r < end; r++) {
        const struct run at = group ? run_at(r, k, group) : (struct run){.first = r, .count = rows};
        bad |= minmax(x + at.first, at.count, group ? 1 : k, low + r, high + r);
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}
