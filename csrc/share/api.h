/* The kernels of share, as Python sees them: a part of refcompress.h. */
/* The steps of a range (they follow each other: no threads) of Lloyd's algorithm on n >= 1 ascending values x, for k >=
 * 1 ascending centroids. Run j ends at ends[j], with the last x that is at most 0.5 * (centroids[j] + centroids[j +
 * 1]), the last one at n. If no end moved (before the first step all are UINT64_MAX), settled is set and the steps are
 * over. Then a run from a to b with totals[b] > totals[a] has its centroid at (sums[b] - sums[a]) / (totals[b] -
 * totals[a]), clamped to x[a] .. x[b - 1]; the others stay. sums and totals : n + 1 running sums of weights * x and of
 * weights. */
typedef int rc_share_kmeans(size_t begin, size_t end, size_t n, size_t k, const double *x, const double *sums,
                            const double *totals, double *centroids, uint64_t *ends, int32_t *settled);

/* codes[i] (uint16_t if wide, else uint8_t) = code_of[the number of the count ascending ends below w[i]], and 0 for a
 * zero if pruned, for the elements of the range. code_of : count + 1 entries. What comes after the steps; one for all
 * kernels. */
int rc_share_codes(size_t begin, size_t end, size_t count, const double *ends, const uint16_t *code_of, int pruned,
                   int wide, const float *w, void *codes);

/* Sorting n floats by counting, each step over a range, one range after the other (no threads), so that no step takes
 * long. keys: the next kept keys are those of w[begin..end), without its zeros if pruned; a key orders as its float
 * does, and both zeros have one. counts : 3 x RC_SHARE_DIGITS, how many keys have each value of each of the three
 * digits, from the lowest. order: the keys of the range, and the weights with them (NULL: none), each to the place of
 * its digit, which moves on by one. places : RC_SHARE_DIGITS, where the keys of each value of this digit begin. values:
 * x[i], the float of keys[i], as a double. */
enum { RC_SHARE_BITS = 11, RC_SHARE_DIGITS = 2048 };
int rc_share_keys(size_t begin, size_t end, int pruned, const float *w, const float *weights, uint64_t *kept,
                  uint32_t *keys, float *kept_weights, uint64_t *counts);
int rc_share_order(size_t begin, size_t end, int digit, size_t n, const uint32_t *keys, const float *weights,
                   uint64_t *places, uint32_t *ordered, float *ordered_weights);
int rc_share_values(size_t begin, size_t end, const uint32_t *keys, double *x);

/* The best cut of a run of n >= 1 ascending values x with weights omega, and its mean (clamped to x[0] .. x[n - 1]).
 * With S and W the running sums of omega * (x - mean) and of omega, from the left, a cut after j < n - 1 gains S[j]^2 /
 * W[j] + (S[n - 1] - S[j])^2 / (W[n - 1] - W[j]), 0 where one of the two weights is not above 0; cut is the first best
 * j, plus 1. A run whose whole weight is not above 0 gains 0 and has its first value as mean. What comes before the
 * steps; one for all kernels. */
int rc_share_best_cut(size_t n, const double *x, const double *omega, double *gain, uint64_t *cut, double *mean);

/* Where the last of the best j + 1 segments of the first i of n values begins, for all j >= 1 and i: places, rows of
 * n + 1 entries, of which row j + 1 is written. A row has that many levels, row j those from (j - 1) * levels on,
 * and the range is of levels, which follow each other (no threads). Level l of a row solves the places i = j + step,
 * j + 3 * step, ... up to n, with step = 2^(levels - 1 - l); n < 2^levels. It looks at each t between the answers of
 * the solved neighbours at the distance of step, and takes the lowest t with the least D[t] + max(Q - S * S / W, 0),
 * Q, S and W the differences of their entries i and t; the quotient is 0 where W is not above 0. q, s and w : n + 1
 * running sums. d : 2 rows of n + 1, row 1 the costs of one segment; row j reads row j mod 2 and writes the other.
 * What comes in place of the steps in the exact solution; one for all kernels. */
int rc_share_best_begins(size_t begin, size_t end, size_t levels, size_t n, const double *q, const double *s,
                         const double *w, double *d, uint64_t *places);
