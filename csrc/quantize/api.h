/* The kernels of quantize, as Python sees them: a part of refcompress.h. */
/* How the sums of n outputs become int8: clip(round((acc + bias) * multiplier / 2^(31 + shift)) + zero_point, lowest,
 * highest), the exact quotient rounded once, ties to even. bias : NULL for none. No acc + bias leaves int32. multiplier
 * : 0 to 2^31 - 1; shift : -30 to 31. */
struct rc_to_s8 {
    const int32_t *bias, *multiplier, *shift;
    int32_t zero_point, lowest, highest;
};

/* The elements of the range of x to integers, int16_t if wide and else int8_t: element i by the multiplier and the
 * shift number i % columns; without a bias. Rounded as refcompress says (quantize/requantization.py). */
enum rc_rounding {
    RC_HALF_EVEN = 0,
    RC_HALF_AWAY = 1,
    RC_GEMMLOWP = 2,
};
typedef int rc_requantize_s32(size_t begin, size_t end, size_t columns, enum rc_rounding rounding, int wide,
                              const int32_t *x, const struct rc_to_s8 *to, void *y);

/* x (float32) to values (int8, int16) and back, for the elements of the range: values = clip(rint(x / scale) +
 * zero_point, lowest, highest), the quotient rounded to float32, ties to even; x = (values - zero_point) * scale,
 * rounded once, and if that overflows the largest finite float. RC_NOT_FINITE where some x is not: the values are then
 * of no use. Rows of k >= 1, in groups of 1 to k; scale and zero_point : as for gemm_f32s8. lowest <= zero_point <=
 * highest. */
typedef int rc_quantize_s8(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest,
                           int32_t highest, const float *x, const float *scale, const int8_t *zero_point,
                           int8_t *values);
typedef int rc_dequantize_s8(size_t begin, size_t end, size_t k, size_t group, size_t stride, const int8_t *values,
                             const float *scale, const int8_t *zero_point, float *x);
typedef int rc_quantize_s16(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest,
                            int32_t highest, const float *x, const float *scale, const int16_t *zero_point,
                            int16_t *values);
typedef int rc_dequantize_s16(size_t begin, size_t end, size_t k, size_t group, size_t stride, const int16_t *values,
                              const float *scale, const int16_t *zero_point, float *x);

/* low = min(x, 0) and high = max(x, 0) of the runs of the range; x : rows of k >= 1. With a group of 1 to k, a row has
 * ceil(k / group) runs of group elements each, the last one of what is left; with a group of 0 each column is a run.
 * A zero is +0.0 or -0.0. RC_NOT_FINITE where some x is not finite. */
typedef int rc_quantize_range_minmax(size_t begin, size_t end, size_t rows, size_t k, size_t group, const float *x,
                                     float *low, float *high);

/* The pass of prune/api.h over |x|, for the blocks of the range: it writes no mask, but min(x, 0) and max(x, 0) of
 * block b to ends[2 b] and ends[2 b + 1]. RC_NOT_FINITE where some x is not finite. */
typedef int rc_quantize_range_percentile(size_t begin, size_t end, size_t size, const float *x, double low, double high,
                                  const struct rc_prune_open *open, float *ends);

/* Ranges of the runs of the range; x : rows of k >= 1, in groups of 1 to k; low, high : min(x, 0) and max(x, 0) of each
 * run, in double, which become the part of them that lies in -t .. t.
 * ranks : t = number `nth` of the magnitudes of the run, the smallest being number 0; of the last run of a row, of
 * which it is shorter, number `last`.
 * mse : t = max(-low, high) i / steps for i of steps, steps - 1, .. 1, the first with the least error. It is the sum of
 * (dequantize(quantize(x)) - x)^2 in double, for the grid of that range (rc_quantize_runs_s8), in NumPy's order: of up
 * to 128 terms eight sums, of more the sum of two halves, the first a multiple of 8. If `begun`, a run's first term is
 * added to the sum of the others, as in groups. */
typedef int rc_quantize_range_ranks(size_t begin, size_t end, size_t k, size_t group, size_t nth, size_t last,
                                         const float *x, double *low, double *high);
typedef int rc_quantize_range_mse(size_t begin, size_t end, size_t k, size_t group, size_t steps, int begun,
                                  int32_t lowest, int32_t highest, const float *x, double *low, double *high);

/* errors[i] = the error of x[begin .. end], as above, by grid number i of `grids`. */
typedef int rc_quantize_errors(size_t begin, size_t end, size_t grids, int32_t lowest, int32_t highest, const float *x,
                               const float *scale, const int32_t *zero_point, double *errors);

/* counts[j] += how many x of the range have floor(|x| / largest * bins) = j; the largest |x| are in the last bin. */
typedef int rc_quantize_range_kl(size_t begin, size_t end, size_t bins, const float *x, double largest,
                                 uint64_t *counts);

/* What the search for the least divergence needs beside x, for each thread; one for all kernels. counts, places, ranks,
 * several, before, entropy : of bins + 1; marks : of bins / 64 + 1; logs : of RC_KL_LOGS. */
enum { RC_KL_LOGS = 4096 };
struct rc_kl_room {
    uint64_t *counts, *marks, *before;
    uint32_t *places, *ranks, *several;
    double *entropy, *logs;
};

/* The m of levels .. bins for which room->counts leave the least divergence; of equal ones the largest. levels : a
 * power of two. */
size_t rc_quantize_kl_least(size_t bins, size_t levels, const struct rc_kl_room *room);

/* The same for runs, with the runs and ends of rc_quantize_range_ranks; t = (m + 1/2) max(-low, high) / bins. Runs of
 * up to `few` are counted without the histogram kernel. */
int rc_quantize_kl_runs(rc_quantize_range_kl *histogram, size_t begin, size_t end, size_t k, size_t group,
                        size_t levels, size_t bins, size_t few, const float *x, const struct rc_kl_room *room,
                        double *low, double *high);

/* Both in one, for the runs of the range, each of which has a scale and zero point of its own: chosen as the reference
 * does (quantize_grid.py), for symmetric ends symmetric, and written; then the values. x : rows of k >= 1 in groups of
 * 1 to k. */
typedef int rc_quantize_runs_s8(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest,
                                const float *x, float *scale, int8_t *zero_point, int8_t *values);
typedef int rc_quantize_runs_s16(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest,
                                 const float *x, float *scale, int16_t *zero_point, int16_t *values);

/* Weights to -1 and 1, or to -1, 0 and 1, with a scale for each run of the range; x : rows of k >= 1 in groups of 1 to
 * k. binary : values = 1 where x >= 0, else -1; scale = the mean of |x|. ternary : values = the sign of x where |x| >
 * delta, else 0; scale = the mean of those |x|, and 1 where there are none; delta is deltas[run], or where that is NULL
 * threshold times the sum of |x|, divided by their count. Sums are in double, in NumPy's order as above, and a scale is
 * rounded once to float, at least FLT_MIN. RC_NOT_FINITE where some x is not. */
typedef int rc_quantize_binary(size_t begin, size_t end, size_t k, size_t group, const float *x, float *scale,
                               int8_t *values);
typedef int rc_quantize_ternary(size_t begin, size_t end, size_t k, size_t group, double threshold,
                                const double *deltas, const float *x, float *scale, int8_t *values);

/* The same of x[begin .. end], where one scale is for so many that threads share them: the sum of the |x| > delta,
 * their count, and the values; of a delta below 0 the sum of all, and the values are binary. values : NULL for none,
 * with a delta below 0. */
typedef int rc_quantize_few_sum(size_t begin, size_t end, double delta, const float *x, double *sum, uint64_t *count,
                                int8_t *values);

/* The delta where the |x| above it have the largest sum / sqrt(count), of equal ones the one that keeps the fewest: 0,
 * or the largest that becomes 0. Of each row of the range, n ascending magnitudes; or of one long row, of which a range
 * is looked at from its end down, one range after the other (no threads). At first all of *search is 0. One for all
 * kernels. */
struct rc_few_search {
    double sum, most, delta;
};
int rc_quantize_best_deltas(size_t begin, size_t end, size_t n, const float *ascending, double *deltas);
int rc_quantize_best_delta(size_t begin, size_t end, size_t n, const float *ascending, struct rc_few_search *search);

/* A bias to int32 and back, each by its unit: values = rint(bias / unit), bias = float(values * unit), the largest
 * finite float where that overflows. RC_BAD_VALUE where |values| would be above most. */
typedef int rc_quantize_bias_s32(size_t begin, size_t end, double most, const float *bias, const double *unit,
                                 int32_t *values);
typedef int rc_dequantize_bias_s32(size_t begin, size_t end, const int32_t *values, const double *unit, float *bias);

/* Rows of size int8 to and from rows of ceil(size bits / 8) bytes, as refcompress says (formats/packed.py): value p has
 * the bits from p bits on. bits : 1 to 7. The range is of eights of values, ceil(size / 8) a row. RC_BAD_VALUE where a
 * value does not fit: the bytes are then of no use. */
typedef int rc_quantize_pack(size_t begin, size_t end, size_t size, int bits, const int8_t *values, uint8_t *data);
typedef int rc_quantize_unpack(size_t begin, size_t end, size_t size, int bits, const uint8_t *data, int8_t *values);

/* Of the parts from begin to end of `count` elements, 2^15 elements each: sums[2 i] = the sum of the squares of x - y,
 * sums[2 i + 1] that of the squares of x. Differences and squares are rounded to double, and added in NumPy's order: up
 * to 128 terms eight sums, term p to sum p mod 8, then ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)), then one after the
 * other the last terms that make no eight; fewer than 8 one after the other; of more the sum of two halves, the first
 * n / 2 terms rounded down to a multiple of 8. */
typedef int rc_quantize_changes(size_t begin, size_t end, size_t count, const float *x, const float *y, double *sums);
