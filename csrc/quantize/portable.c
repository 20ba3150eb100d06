/* To integers by a scale, and back: one division or one product an element, each rounded once. And the range of
 * runs. */
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

/* From here on the constant `wide` says of what type the integers are: int16_t, else int8_t. What a run shares is read
 * before it: values may be of a character type, and a store to them could, for all that the compiler knows, change the
 * scale. */
RC_INLINE int quantize(const int wide, size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest,
                       int32_t highest, const float *x, const float *scale, const void *zero_point, void *values)
{
    int bad = 0;
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        float s = scale[at.entry];
        int32_t z = integer_at(wide, zero_point, at.entry);
        for (size_t p = 0; p < run; p++) {
            if (group == 1) {
                s = scale[at.entry + p];
                z = integer_at(wide, zero_point, at.entry + p);
            }
            put_integer(wide, values, i + p, to_integer(x[i + p], s, z, lowest, highest));
            bad |= special(x[i + p]);
        }
        advance(&at, run, k, group, stride);
        i += run;
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}

RC_INLINE int quantize_runs(const int wide, size_t begin, size_t end, size_t k, size_t group, int32_t lowest,
                            int32_t highest, const float *x, float *scale, void *zero_point, void *values)
{
    int bad = 0;
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end; r++, at = next_run(at, k, group)) {
        float low, high, s;
        bad |= minmax(x + at.first, at.count, 1, &low, &high);
        const int32_t z = scale_and_zero_point(low, high, lowest, highest, &s);
        scale[r] = s;
        put_integer(wide, zero_point, r, z);
        for (size_t p = at.first; p < at.first + at.count; p++)
            put_integer(wide, values, p, to_integer(x[p], s, z, lowest, highest));
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}

RC_INLINE int dequantize(const int wide, size_t begin, size_t end, size_t k, size_t group, size_t stride,
                         const void *values, const float *scale, const void *zero_point, float *x)
{
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        float s = scale[at.entry];
        int32_t z = integer_at(wide, zero_point, at.entry);
        for (size_t p = 0; p < run; p++) {
            if (group == 1) {
                s = scale[at.entry + p];
                z = integer_at(wide, zero_point, at.entry + p);
            }
            x[i + p] = to_real(integer_at(wide, values, i + p), s, z);
        }
        advance(&at, run, k, group, stride);
        i += run;
    }
    return RC_OK;
}

int rc_quantize_s8_portable(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest,
                            int32_t highest, const float *x, const float *scale, const int8_t *zero_point,
                            int8_t *values)
{
    return quantize(0, begin, end, k, group, stride, lowest, highest, x, scale, zero_point, values);
}

int rc_quantize_runs_s8_portable(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest,
                                 const float *x, float *scale, int8_t *zero_point, int8_t *values)
{
    return quantize_runs(0, begin, end, k, group, lowest, highest, x, scale, zero_point, values);
}

int rc_dequantize_s8_portable(size_t begin, size_t end, size_t k, size_t group, size_t stride, const int8_t *values,
                              const float *scale, const int8_t *zero_point, float *x)
{
    return dequantize(0, begin, end, k, group, stride, values, scale, zero_point, x);
}

int rc_quantize_s16_portable(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest,
                             int32_t highest, const float *x, const float *scale, const int16_t *zero_point,
                             int16_t *values)
{
    return quantize(1, begin, end, k, group, stride, lowest, highest, x, scale, zero_point, values);
}

int rc_quantize_runs_s16_portable(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest,
                                  const float *x, float *scale, int16_t *zero_point, int16_t *values)
{
    return quantize_runs(1, begin, end, k, group, lowest, highest, x, scale, zero_point, values);
}

int rc_dequantize_s16_portable(size_t begin, size_t end, size_t k, size_t group, size_t stride, const int16_t *values,
                               const float *scale, const int16_t *zero_point, float *x)
{
    return dequantize(1, begin, end, k, group, stride, values, scale, zero_point, x);
}

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
