/* The kernels of share, as Python sees them: a part of refcompress.h. */
/* The steps of a range (they follow each other: no threads) of Lloyd's algorithm on n >= 1 ascending values x, for k >=
 * 1 ascending centroids. Run j ends at ends[j], with the last x that is at most 0.5 * (centroids[j] + centroids[j +
 * 1]), the last one at n. If no end moved (before the first step all are UINT64_MAX), settled is set and the steps are
 * over. Then a run from a to b with totals[b] > totals[a] has its centroid at ((high[b] - high[a]) + (low[b] - low[a]))
 * / (totals[b] - totals[a]), clamped to x[a] .. x[b - 1]; the others stay. high, low and totals : n + 1 running sums,
 * as rc_share_sums makes them; totals may be NULL, then totals[i] is i. */
typedef int rc_share_kmeans(size_t begin, size_t end, size_t n, size_t k, const float *x, const double *high,
                            const double *low, const double *totals, double *centroids, uint64_t *ends,
                            int32_t *settled);

/* codes[i] (uint16_t if wide, else uint8_t) = code_of[the number of the ascending ends below w[i]], and 0 for a zero if
 * pruned, for the elements of the range. ends : 2^halvings - 1, the last ones INFINITY where there are fewer; code_of :
 * 2^halvings entries. What comes after the steps. */
typedef int rc_share_codes(size_t begin, size_t end, int halvings, const float *ends, const uint16_t *code_of,
                           int pruned, int wide, const float *w, void *codes);

/* Sorting n floats by counting, each step over a range, one range after the other (no threads), so that no step takes
 * long. keys: the next kept keys are those of w[begin..end), without its zeros if pruned; a key orders as its float
 * does, and both zeros have one. counts : 3 x RC_SHARE_DIGITS, how many keys have each value of each of the three
 * digits, from the lowest. order: the keys of the range, and the weights with them (NULL: none), each to the place of
 * its digit, which moves on by one. places : RC_SHARE_DIGITS, where the keys of each value of this digit begin. */
enum { RC_SHARE_BITS = 11, RC_SHARE_DIGITS = 2048 };
int rc_share_keys(size_t begin, size_t end, int pruned, const float *w, const float *weights, uint64_t *kept,
                  uint32_t *keys, float *kept_weights, uint64_t *counts);
int rc_share_order(size_t begin, size_t end, int digit, size_t n, const uint32_t *keys, const float *weights,
                   uint64_t *places, uint32_t *ordered, float *ordered_weights);

/* Of a range of the ascending keys, one range after the other (no threads): x[i], the float of keys[i], and the running
 * sums of weights * x, high + low, and of weights, totals. low sums what the rounding of high lost. Entry 0 of the
 * three is given as 0, and i + 1 is written. weights and totals : NULL, where all weights are 1. */
int rc_share_sums(size_t begin, size_t end, const uint32_t *keys, const float *weights, float *x, double *high,
                  double *low, double *totals);

/* The best cut of the segment x[a..b) of ascending values, b > a, and its mean: that of the reference's best_cut, to
 * the bit. What comes before the steps; one for all kernels. */
int rc_share_best_cut(size_t a, size_t b, const float *x, const double *high, const double *low, const double *totals,
                      double *gain, uint64_t *cut, double *mean);

/* Running sums for the exact solution, of a range of ascending keys, one range after the other (no threads). weights :
 * of the keys, NULL: all 1. Equal keys are one value, with the sum of their weights. values: the distinct ones.
 * points : rows of four; row j has the sums of weight * (value - middle)^2, weight * (value - middle) and weight of the
 * first j values; row 0 is 0. high and low together have twice the digits of a double, so that a row is off by its own
 * rounding alone. At first all of *sums is 0. */
struct rc_share_tally {
    double high[3], low[3];
    uint64_t count;
};
int rc_share_points(size_t begin, size_t end, const uint32_t *keys, const float *weights, double middle,
                    struct rc_share_tally *sums, float *values, double *points);

/* The cheapest way to cut the first i of n values into segments, for i in a range of 0..n, one range after the other
 * (no threads), if each segment costs its squared error and the penalty. The fourth entry of row i of points takes that
 * cost, begins[i] the place where the last segment begins. A place t waits to be such a beginning: waiting[r] serves
 * the places from first[r] to first[r + 1]. begins, waiting, first : n + 1 entries. At first all of *queue is 0. */
struct rc_share_queue {
    uint64_t head, tail, guess;
};
int rc_share_path(size_t begin, size_t end, size_t n, double penalty, double *points, uint32_t *begins,
                  uint32_t *waiting, uint32_t *first, struct rc_share_queue *queue);
