/* Where the scales lie, and what is done to one element: what all kernels of the family share. */
#ifndef REFCOMPRESS_PLACES_H
#define REFCOMPRESS_PLACES_H
#include "../kernels.h"
#include <float.h>

/* Where in the rows of k, and in which group, an element lies: found once by division, then kept up to date. */
struct place {
    size_t input;    /* of the row */
    size_t in_group; /* inputs of its group that lie before it */
    size_t entry;    /* of scale and zero_point */
    size_t row;
};

static inline struct place place_of(size_t i, size_t k, size_t group, size_t stride)
{
    const size_t row = i / k, input = i % k;
    return (struct place){.input = input, .in_group = input % group, .entry = row * stride + input / group, .row = row};
}

/* How many elements from this place on share its scale, or (group 1) have scales side by side; at most left. */
static inline size_t run_of(const struct place *at, size_t k, size_t group, size_t left)
{
    const size_t of_row = k - at->input, of_group = group == 1 ? of_row : group - at->in_group;
    return rc_min(rc_min(of_group, of_row), left);
}

static inline void advance(struct place *at, size_t run, size_t k, size_t group, size_t stride)
{
    at->input += run;
    at->in_group = 0;
    at->entry += group == 1 ? run : 1;
    if (at->input == k) {
        at->input = 0;
        at->row++;
        at->entry = at->row * stride;
    }
}

/* The integer at i, int16_t if wide and else int8_t; wide is a constant wherever this is used. */
RC_INLINE int32_t integer_at(const int wide, const void *integers, size_t i)
{
    return wide ? ((const int16_t *)integers)[i] : ((const int8_t *)integers)[i];
}

RC_INLINE void put_integer(const int wide, void *integers, size_t i, int32_t value)
{
    if (wide)
        ((int16_t *)integers)[i] = (int16_t)value;
    else
        ((int8_t *)integers)[i] = (int8_t)value;
}

/* The nearest integer, ties to even, of |t| < 2^22: the sum's unit in the last place is 1, so adding rounds it, and
 * subtracting is exact. Unlike rintf it is two instructions on every machine. */
static inline float nearest(float t)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23 */
    return (t + shift) - shift;
}

/* clip(rint(x / s) + z, lowest, highest). The bounds less z are integers, so to clip before rounding is the same; they
 * lie within 2^17. Written so that a NaN becomes a number too: its conversion to an integer would be undefined. */
static inline int32_t to_integer(float x, float s, int32_t z, int32_t lowest, int32_t highest)
{
    const float low = (float)(lowest - z), high = (float)(highest - z);
    float t = x / s;
    t = t > low ? t : low;
    t = t < high ? t : high;
    return (int32_t)nearest(t) + z;
}

/* Scale and zero point for a range, as the reference chooses them: in double, the scale rounded to float, at least the
 * smallest normal, and 1 for zeros alone; then the zero point for that scale. Symmetric is what has symmetric ends. */
static inline int32_t scale_and_zero_point(float low, float high, int32_t lowest, int32_t highest, float *scale)
{
    const double shift = 6755399441055744.0; /* 1.5 * 2^52: as in nearest(); |low / scale| is at most 2^17 */
    const int symmetric = lowest == -highest;
    const double wide = symmetric ? (double)(-low > high ? -low : high) / highest
                                  : ((double)high - (double)low) / (highest - lowest);
    const float s = (float)wide;
    *scale = wide == 0.0 ? 1.0f : s < FLT_MIN ? FLT_MIN : s;
    if (symmetric)
        return 0;
    const double z = (lowest - (double)low / (double)*scale + shift) - shift;
    return z > highest ? highest : z < lowest ? lowest : (int32_t)z;
}

/* A run of the rows of k in groups: where it begins, how long it is, and what is left of its row from there on. */
struct run {
    size_t first, count, left;
};

static inline struct run run_at(size_t r, size_t k, size_t group)
{
    const size_t runs = (k + group - 1) / group, input = r % runs * group, left = k - input; /* runs in a row */
    return (struct run){.first = r / runs * k + input, .count = rc_min(left, group), .left = left};
}

static inline struct run next_run(struct run at, size_t k, size_t group)
{
    const size_t left = at.left == at.count ? k : at.left - at.count;
    return (struct run){.first = at.first + at.count, .count = rc_min(left, group), .left = left};
}

/* The difference of two int16 is exact in a float; the product is rounded once, and clipped where it overflows. */
static inline float to_real(int32_t value, float s, int32_t z)
{
    const float t = (float)(value - z) * s;
    return t > FLT_MAX ? FLT_MAX : t < -FLT_MAX ? -FLT_MAX : t;
}

/* The bin of |x| among those from 0 to the largest, which is in the last one. */
static inline size_t bin_of(float x, double largest, size_t bins)
{
    return rc_min((size_t)((double)__builtin_fabsf(x) / largest * (double)bins), bins - 1);
}

/* Whether x is NaN or infinite: only then is x - x not 0. */
static inline int special(float x)
{
    return !(x - x == 0.0f);
}
#endif
