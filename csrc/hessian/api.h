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
 * turns ascend then, and stride is ceil(k / group). moved : room for the rows of the range. */
typedef int rc_quantize_gptq(size_t begin, size_t end, size_t k, size_t group, size_t stride, int refit, int32_t lowest,
                             int32_t highest, const float *w, const double *u, const int64_t *turns, float *scale,
                             int8_t *zero_point, double *moved, int8_t *values);
