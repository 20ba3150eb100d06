/* The kernels of layers whose Hessian is known, as Python sees them: a part of refcompress.h.
 *
 * u : the upper triangular factor of the inverse Hessian of k inputs, cut into panels of RC_PANEL columns: panel p is k
 * rows of the columns from p * RC_PANEL on, of which the rows up to the diagonal are read, and 0 stands where there is
 * no column. moved : ceil(rows / RC_TILE) tiles of padded columns of RC_TILE rows, padded the next multiple of RC_PANEL
 * from k on: what a weight is when its turn comes, and then what its change moves the later ones by. Each of these is
 *
 *     moved[j] = moved[j] - moved[i] * u[i][j]        for i = 0, 1, ... j - 1
 *
 * in double: each product is rounded, and then each difference. */
enum { RC_TILE = 16, RC_PANEL = 8 };

/* The rows of the range of w, m rows of k floats, to integers by GPTQ, input turns[i] the i-th. With now = moved[i], w
 * the weight and s and z its scale and zero point: q = clip(rint(float(now) / s) + z, lowest, highest), or z where w is
 * 0; then moved[i] = (now - s * (q - z)) / u[i][i]. float() takes what is beyond float to the largest one. Scales lie
 * as for gemm_f32s8: entry row * stride + input / group. With refit a scale and a zero point are chosen (as
 * rc_quantize_runs_s8 does) when the first input of a group has its turn, from the group as it then is, and written;
 * turns ascend then, and stride is ceil(k / group). moved : room for the rows of the range; done : ceil(k / RC_PANEL)
 * zeros, how many columns have moved each panel. */
typedef int rc_quantize_gptq(size_t begin, size_t end, size_t k, size_t group, size_t stride, int refit, int32_t lowest,
                             int32_t highest, const float *w, const double *u, const int64_t *turns, float *scale,
                             int8_t *zero_point, double *moved, uint64_t *done, int8_t *values);

/* The rows of the range of a layer of k inputs by SparseGPT: columns first .. last - 1, which begin a block. moved are
 * the tiles of the range, in which first = 0 lays w, m rows of k floats; as they are left, they are there again in the
 * next call, whose first is this last. done : as above. A weight whose mask is 0 is moved to 0: moved[j] / u[j][j] is
 * what it moves the others by, and its result is 0; another moves nothing, and its result is moved[j], rounded to float
 * (infinite beyond it). In the end the columns last .. next - 1 have been moved by all before them.
 *
 * Where group is not 0, the mask is written: of each group columns (first is the first of a group) count have a 1, of a
 * last group of r columns ceil(count * r / group), those of the largest (moved[j] / u[j][j])^2 when its first column
 * has its turn; of equal ones the first. scores : RC_TILE * min(group, k) numbers. */
typedef int rc_prune_sparsegpt(size_t begin, size_t end, size_t k, size_t first, size_t last, size_t next, size_t group,
                               size_t count, const float *w, const double *u, double *moved, uint64_t *done,
                               double *scores, uint8_t *mask, float *weights);

/* The rows of the range of w, m rows of k floats, by OBS: `count` weights of each row are removed, one by one. inverse
 * : of the damped Hessian, k by k; least : the smallest that an entry of its diagonal may be. With now the row, at
 * first w, and d[j] = max(inverse[j][j], least[j]), a step removes the q whose now[q]^2 / (2 d[q]) is least, of equal
 * ones the last, and then
 *
 *     now[j] = now[j] - now[q] / d[q] * inverse[q][j]
 *     inverse[i][j] = inverse[i][j] - inverse[q][i] * (inverse[q][j] / d[q])
 *
 * Each product is rounded, and then each difference. order, loss : m by count, which weights went and what each cost.
 * room : 2 count + 5 rows of k doubles, k rounded up to an odd multiple of RC_OBS_COLUMNS; places : 2 k numbers. */
enum { RC_OBS_COLUMNS = 64 };
typedef int rc_prune_obs(size_t begin, size_t end, size_t k, size_t count, const float *w, const double *inverse,
                         const double *least, double *room, uint32_t *places, int64_t *order, double *loss);

/* A step of AdaRound's descent for a range of `size` elements, as the reference states it (quantize/adaround.py). From
 * v comes x = rint((clip(down + r(v), low, high) - steps) * unit), whose halves of seven bits go to x[i] and
 * x[size + i]. Before that v takes a step if sums are given: the products of the high halves of x, and then of the low
 * ones, with the high halves of the Hessian and with its low ones. power : of |2 r - 1|; 0 for no regularizer. */
struct rc_adaround {
    int power;
    double regularizer, rate;
    const float *down, *steps, *low, *high;
    const double *unit, *slope;
    const int32_t *by_high, *by_low; /* the sums, or NULL */
};
typedef int rc_quantize_adaround(size_t begin, size_t end, size_t size, const struct rc_adaround *by, double *v,
                                 double *mean, double *square, int8_t *x);
