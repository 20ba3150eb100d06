/* Template of the operations on int8, in plain loops: blocks of 64 elements, of which the compiler makes vectors.
 * Included after these were defined:
 *
 * AVERAGE_POOL, ADD, MULTIPLY   the functions' names
 * TARGET               their instruction set
 */
#include "../requantize.h"
#include <string.h>

enum { BLOCK = 64 };

/* Up to 64 sums to int8, by the outputs from o on. */
RC_INLINE TARGET void block_to_s8(const int32_t *sums, const struct rc_to_s8 *to, size_t o, const int in_double,
                                  const double *scale, size_t width, int8_t *y)
{
    if (in_double) {
        int8_t out[BLOCK];
        for (size_t c = 0; c < BLOCK; c++)
            out[c] = (int8_t)rc_clip(rc_nearest_of(sums[c] * scale[c]) + to->zero_point, to->lowest, to->highest);
        memcpy(y, out, width);
        return;
    }
    for (size_t c = 0; c < width; c++)
        y[c] = rc_to_s8_one(sums[c], to, o + c);
}

/* Prepare the scales of up to 64 outputs; return whether they serve. */
RC_INLINE TARGET int block_scales(const struct rc_to_s8 *to, size_t o, size_t width, int64_t most, double *scale)
{
    int in_double = 1;
    for (size_t c = 0; c < BLOCK; c++) {
        const size_t at = o + rc_min(c, width - 1);
        const int64_t b = to->bias ? to->bias[at] : 0;
        in_double &= rc_exact_in_double(to, at, most + (b < 0 ? -b : b));
        scale[c] = rc_scale_of(to->multiplier[at], to->shift[at]);
    }
    return in_double;
}

/* Where the element (u, v) of a window lies, NULL if outside. */
RC_INLINE TARGET const int8_t *element(const struct rc_windows *of, const int8_t *x, size_t r, size_t s, size_t u,
                                       size_t v)
{
    const size_t image = r / of->out_rows;
    const size_t row = r % of->out_rows * of->stride0 + u * of->dilation0 - of->pad0; /* below 0 is above all rows */
    const size_t column = s * of->stride1 + v * of->dilation1 - of->pad1;
    if (row >= of->rows || column >= of->columns)
        return NULL;
    return x + ((image * of->rows + row) * of->columns + column) * of->c;
}

TARGET int AVERAGE_POOL(size_t begin, size_t end, const struct rc_windows *windows, const int8_t *x,
                                    const struct rc_to_s8 *how, int8_t *y)
{
    const struct rc_windows of = *windows;
    const struct rc_to_s8 to = *how;
    for (size_t r = begin; r < end; r++)
        for (size_t s = 0; s < of.out_columns; s++) {
            const size_t at = r % of.out_rows * of.out_columns + s;
            const int in_double = rc_exact_in_double(&to, at, (int64_t)255 * (int64_t)(of.h * of.w));
            double scale[BLOCK];
            for (size_t c = 0; c < BLOCK; c++)
                scale[c] = rc_scale_of(to.multiplier[at], to.shift[at]);
            for (size_t c0 = 0; c0 < of.c; c0 += BLOCK) {
                const size_t width = rc_min(of.c - c0, BLOCK);
                int32_t sums[BLOCK] = {0};
                for (size_t u = 0; u < of.h; u++)
                    for (size_t v = 0; v < of.w; v++) {
                        const int8_t *from = element(&of, x, r, s, u, v);
                        if (from && width == BLOCK)
                            for (size_t c = 0; c < BLOCK; c++)
                                sums[c] += from[c0 + c] - of.fill;
                        else if (from)
                            for (size_t c = 0; c < width; c++)
                                sums[c] += from[c0 + c] - of.fill;
                    }
                int8_t *out = y + (r * of.out_columns + s) * of.c + c0;
                if (in_double)
                    block_to_s8(sums, &to, 0, 1, scale, width, out);
                else
                    for (size_t c = 0; c < width; c++)
                        out[c] = rc_to_s8_one(sums[c], &to, at);
            }
        }
    return RC_OK;
}

RC_INLINE int32_t sum_of_two(int32_t a, int32_t b, const struct rc_sum_s8 *how)
{
    const int32_t t = (a - how->a_zero) * how->a_factor + (b - how->b_zero) * how->b_factor, s = how->shift;
    const int32_t almost_half = s ? (1 << s >> 1) - 1 : 0;
    return ((t + almost_half + (t >> s & (s > 0))) >> s) + how->zero_point;
}

TARGET int ADD(size_t begin, size_t end, const struct rc_sum_s8 *sum, const int8_t *a, const int8_t *b,
                           int8_t *y)
{
    const struct rc_sum_s8 how = *sum;
    size_t i = begin;
    for (; i + BLOCK <= end; i += BLOCK) {
        int8_t out[BLOCK];
        for (size_t c = 0; c < BLOCK; c++) {
            const int32_t t = sum_of_two(a[i + c], b[i + c], &how);
            out[c] = (int8_t)(t < how.lowest ? how.lowest : t > how.highest ? how.highest : t);
        }
        memcpy(y + i, out, BLOCK);
    }
    for (; i < end; i++)
        y[i] = (int8_t)rc_clip(sum_of_two(a[i], b[i], &how), how.lowest, how.highest);
    return RC_OK;
}

/* 17 bits of a product of two differences times 31 of the multiplier: exact in double. */
TARGET int MULTIPLY(size_t begin, size_t end, int32_t a_zero, int32_t b_zero, const struct rc_to_s8 *how,
                                const int8_t *a, const int8_t *b, int8_t *y)
{
    const struct rc_to_s8 to = *how;
    const double scale = rc_scale_of(*to.multiplier, *to.shift);
    size_t i = begin;
    for (; i + BLOCK <= end; i += BLOCK) {
        int8_t out[BLOCK];
        for (size_t c = 0; c < BLOCK; c++) {
            const int32_t t = rc_nearest_of((a[i + c] - a_zero) * (b[i + c] - b_zero) * scale) + to.zero_point;
            out[c] = (int8_t)(t < to.lowest ? to.lowest : t > to.highest ? to.highest : t);
        }
        memcpy(y + i, out, BLOCK);
    }
    for (; i < end; i++)
        y[i] = (int8_t)rc_clip(rc_nearest_of((a[i] - a_zero) * (b[i] - b_zero) * scale) + to.zero_point, to.lowest,
                               to.highest);
    return RC_OK;
}
