/* The kernels of prune, as Python sees them: a part of refcompress.h. Scores are float, or double where `wide`. */

/* Selection of the largest, in one pass. Two numbers, low <= high, that are expected to enclose the smallest score that
 * is kept, settle all scores but those between them. */
enum {
    RC_PRUNE_BLOCK = 4096, /* scores: a row of these kernels */
    RC_PRUNE_ROOM = 208,   /* open ones of a block: a twentieth, index and score together a tenth of its bytes */
    RC_PRUNE_PLACES = 2048, /* counts: 16 KiB, half of L1 */
};

/* What a pass leaves open. index, score : RC_PRUNE_ROOM for each block of the array; the open ones of a range of blocks
 * stand at the place of its first block, in their order, each with its index counted from the first score of the range.
 * found : two numbers for each block, 0 before; for the first block of a range how many are open and how many above, of
 * the whole range. If more are open than the range has room for, less
 * a vector of 16, they are counted all the
 * same, and what stands in index and score is of no use. */
struct rc_prune_open {
    uint32_t *index;
    void *score;
    uint64_t *found;
};

/* For the blocks of the range: mask[i] = 1 where score i is above `high`, else 0; what lies in low .. high is open.
 * size : of the whole array. RC_NOT_FINITE where some score is NaN (rc_prune_project_l0: or infinite).
 * rc_prune_magnitude compares |w|; so does rc_prune_project_l0, which writes w where it is kept, and elsewhere +0.0. */
typedef int rc_prune_select(size_t begin, size_t end, size_t size, int wide, const void *scores, double low,
                            double high, const struct rc_prune_open *open, uint8_t *mask);
typedef int rc_prune_magnitude(size_t begin, size_t end, size_t size, const float *w, double low, double high,
                               const struct rc_prune_open *open, uint8_t *mask);
typedef int rc_prune_project_l0(size_t begin, size_t end, size_t size, const float *w, double low, double high,
                                const struct rc_prune_open *open, float *v);

/* n of each m consecutive scores along the middle axis of (outer, length, inner), for the groups of the range, of which
 * each outer index has ceil(length / m): mask = 1 for the n largest, ties to the lowest index; of a last group of r
 * < m, for the ceil(n r / m) largest. m : less than 2^31. RC_NOT_FINITE where some score is NaN. */
typedef int rc_prune_nm(size_t begin, size_t end, size_t length, size_t inner, size_t n, size_t m, int wide,
                        const void *scores, uint8_t *mask);

/* Sums of the blocks, high by across, of a matrix: of the rows of blocks begin .. end those from first to last; smaller
 * at the lower and right edge. Each in double, one score after the other in C order, from +0.0. sums : of all
 * blocks. */
typedef int rc_prune_sums(size_t begin, size_t end, size_t first, size_t last, size_t rows, size_t columns, size_t high,
                          size_t across, int wide, const void *scores, double *sums);

/* The mask of the elements, for the rows of the range, from that of the blocks. */
typedef int rc_prune_spread(size_t begin, size_t end, size_t columns, size_t high, size_t across, const uint8_t *kept,
                            uint8_t *mask);

/* Scores, each computed in double and rounded once: |w| norms, a norm for each of the k columns, for the rows of the
 * range; and for its elements |w g|, -(w g), (h w^2) / 2, (f w^2) / 2. The second array is of doubles where it is
 * `wide`. RC_NOT_FINITE where some element is not finite, or a norm or f is negative. */
typedef int rc_prune_score_wanda(size_t begin, size_t end, size_t k, int wide, const float *w, const void *norms,
                                 float *scores);
typedef int rc_prune_score_taylor(size_t begin, size_t end, int wide, const float *w, const void *gradient,
                                  float *scores);
typedef int rc_prune_score_movement(size_t begin, size_t end, int wide, const float *w, const void *gradient_sum,
                                    float *scores);
typedef int rc_prune_score_obd(size_t begin, size_t end, int wide, const float *w, const void *diagonal, float *scores);
typedef int rc_prune_score_fisher(size_t begin, size_t end, int wide, const float *w, const void *squared_gradients,
                                  float *scores);

/* (count - zeros) / count and sums / count. zeros : int64_t if `whole`, else double; sums : double if `wide`, else
 * float.
 * RC_NOT_FINITE where zeros are no whole number of 0 .. count, or sums not finite. count : 1 .. 2^53, whole. */
typedef int rc_prune_score_apoz(size_t begin, size_t end, int whole, const void *zeros, double count, double *scores);
typedef int rc_prune_score_activation(size_t begin, size_t end, int wide, const void *sums, double count,
                                      double *scores);

/* *sum goes on over the range, one term after the other: of w, or if `squares` is 1 of (w - mean)^2, all in double. If
 * it is 2: of w, and sum[1] of w^2, in any order. A term then goes through at most 512 additions within its block of
 * 4096, 8 between the sums of a block, and one for each block. */
typedef int rc_prune_chain(size_t begin, size_t end, int squares, const float *w, double mean, double *sum);

/* mask = |w| >= threshold. */
typedef int rc_prune_threshold(size_t begin, size_t end, const float *w, double threshold, uint8_t *mask);

/* The least float that is not below a threshold: |w| is not below the one where it is not below the other. */
float rc_prune_least(double threshold);

/* One for all kernels, from here on. */

/* Arrays whose elements count as one sequence. */
struct rc_prune_part {
    const void *scores;
    size_t size;
};

/* *value = number `nth` (the largest is number 0) of the scores of all parts, or of their magnitudes, all of which lie
 * in low .. high; *ties = how many of those that are equal to it are among the nth + 1 largest. counts : of
 * RC_PRUNE_PLACES numbers. */
int rc_prune_nth(size_t parts, const struct rc_prune_part *part, int wide, int magnitude, double low, double high,
                 uint64_t nth, uint64_t *counts, double *value, uint64_t *ties);

/* A score as an integer, in the order of the scores (-0.0 as +0.0), and back. counts[p] += how many keys of the range
 * lie in least .. least + span and have (key - least) >> shift = p, by the least shift that leaves RC_PRUNE_PLACES. */
size_t rc_prune_shift(uint64_t span);
uint64_t rc_prune_key(int wide, int magnitude, double score);
double rc_prune_score(int wide, int magnitude, uint64_t key);
int rc_prune_count(size_t begin, size_t end, int wide, int magnitude, const void *scores, uint64_t least, uint64_t span,
                   uint64_t *counts);

/* What was open, by the smallest score that is kept: of the scores equal to it the first *ties stay, and *ties falls by
 * those. index, score : `count` of a range whose first score is number `first` of the array. mask, or else v : as the
 * kernels write them; w : of rc_prune_project_l0. */
int rc_prune_settle(size_t count, size_t first, int wide, const uint32_t *index, const void *score, double least,
                    uint64_t *ties, uint8_t *mask, const float *w, float *v);

/* The same for all scores of a range, without a pass before. */
int rc_prune_ties(size_t begin, size_t end, int wide, int magnitude, const void *scores, double least, uint64_t *ties,
                  uint8_t *mask, float *v);
