/* To int8 by a scale, and back: one division or one product an element, each rounded once. */
#include "../kernels.h"
#include <float.h>

/* Where in the rows of k, and in which group, an element lies: found once by division, then kept up to date. */
struct place {
    size_t input;    /* of the row */
    size_t in_group; /* inputs of its group that lie before it */
    size_t entry;    /* of scale and zero_point */
    size_t row;
};

static struct place place_of(size_t i, size_t k, size_t group, size_t stride)
{
    const size_t row = i / k, input = i % k;
    return (struct place){.input = input, .in_group = input % group, .entry = row * stride + input / group, .row = row};
}

/* How many elements from this place on share its scale; at most left. */
static size_t run_of(const struct place *at, size_t k, size_t group, size_t left)
{
    const size_t of_group = group - at->in_group, of_row = k - at->input;
    const size_t run = of_group < of_row ? of_group : of_row;
    return run < left ? run : left;
}

static void advance(struct place *at, size_t run, size_t k, size_t stride)
{
    at->input += run;
    at->in_group = 0;
    at->entry++;
    if (at->input == k) {
        at->input = 0;
        at->row++;
        at->entry = at->row * stride;
    }
}

/* The nearest integer, halves to even, of |t| < 2^22: the sum's unit in the last place is 1, so adding rounds it, and
 * subtracting is exact. Unlike rintf it is two instructions on every machine, and the compiler makes vectors of it. */
static inline float nearest(float t)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23 */
    return (t + shift) - shift;
}

int rc_quantize_s8_portable(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest,
                            const float *x, const float *scale, const int8_t *zero_point, int8_t *values)
{
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        const float s = scale[at.entry];
        const float z = (float)zero_point[at.entry], low = (float)lowest;
        for (size_t p = i; p < i + run; p++) {
            /* What is beyond 512 is clipped whatever the zero point. Written so that a NaN, which only another thread
             * can bring here, becomes a number too: its conversion to int8_t would be undefined. */
            float t = x[p] / s;
            t = t > -512.0f ? t : -512.0f;
            t = t < 512.0f ? t : 512.0f;
            t = nearest(t) + z;
            t = t > low ? t : low;
            t = t < 127.0f ? t : 127.0f;
            values[p] = (int8_t)t;
        }
        advance(&at, run, k, stride);
        i += run;
    }
    return RC_OK;
}

int rc_dequantize_s8_portable(size_t begin, size_t end, size_t k, size_t group, size_t stride, const int8_t *values,
                              const float *scale, const int8_t *zero_point, float *x)
{
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        const float s = scale[at.entry];
        const int z = zero_point[at.entry];
        for (size_t p = i; p < i + run; p++) {
            float t = (float)(values[p] - z) * s;
            t = t > -FLT_MAX ? t : -FLT_MAX;
            x[p] = t < FLT_MAX ? t : FLT_MAX;
        }
        advance(&at, run, k, stride);
        i += run;
    }
    return RC_OK;
}
