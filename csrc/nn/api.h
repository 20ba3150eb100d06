/* The kernels of nn, as Python sees them: a part of refcompress.h. */
/* int8 images of rows by columns by c, and windows on them: output row r, column s begins at row r * stride0 - pad0 and
 * column s * stride1 - pad1, and its elements are dilation0 rows and dilation1 columns apart. fill : stands outside. */
struct rc_windows {
    size_t rows, columns, c, h, w, stride0, stride1, dilation0, dilation1, pad0, pad1, out_rows, out_columns;
    int32_t fill;
};

/* Each channel with its own kernel, for the rows of the range, of out_rows an image. weight : h by w by c. x and y :
 * images side by side. */
typedef int rc_nn_depthwise_s8(size_t begin, size_t end, const struct rc_windows *of, const int8_t *x,
                               const int8_t *weight, const struct rc_to_s8 *to, int8_t *y);

/* The sum of x - fill over each window, to int8 by the multiplier and the shift of the output's position. */
typedef int rc_nn_average_pool_s8(size_t begin, size_t end, const struct rc_windows *of, const int8_t *x,
                                  const struct rc_to_s8 *to, int8_t *y);

/* clip(round(((a - a_zero) * a_factor + (b - b_zero) * b_factor) / 2^shift) + zero_point, lowest, highest), ties to
 * even. Factors below 2^22, shift at most 24: all fits an int32. */
struct rc_sum_s8 {
    int32_t a_zero, b_zero, a_factor, b_factor, shift, zero_point, lowest, highest;
};
typedef int rc_nn_add_s8(size_t begin, size_t end, const struct rc_sum_s8 *how, const int8_t *a, const int8_t *b,
                         int8_t *y);

/* clip(round((a - a_zero) * (b - b_zero) * multiplier / 2^(31 + shift)) + zero_point, lowest, highest), ties to even;
 * of multiplier and shift the first. */
typedef int rc_nn_multiply_s8(size_t begin, size_t end, int32_t a_zero, int32_t b_zero, const struct rc_to_s8 *to,
                              const int8_t *a, const int8_t *b, int8_t *y);

/* y = table[x + 128]. */
typedef int rc_nn_lookup_s8(size_t begin, size_t end, const int8_t *table, const int8_t *x, int8_t *y);

/* The functions of one number: reference/nn/activation.py writes them out, in float64 with one rounding to float32. */
enum rc_nn_function {
    RC_NN_EXP = 0,
    RC_NN_TANH = 1,
    RC_NN_SIGMOID = 2,
    RC_NN_ERF = 3,
    RC_NN_GELU = 4,
    RC_NN_GELU_TANH = 5,
    RC_NN_SILU = 6,
};

/* y = function(x) for the elements of the range. */
typedef int rc_nn_activation(size_t begin, size_t end, enum rc_nn_function function, const float *x, float *y);

/* Functions of rows of n, in float64: sums go to sixteen chains, element p to chain p mod 16, from +0.0, and the tree
 * of gemm_f32f32 adds them up; one rounding to float32 comes last. weight and bias : n elements, or NULL.
 * softmax: e = e^(x - max x), y = e * (1 / sum of e). layer_norm: d = x - (sum of x) / n, r = 1 / sqrt((sum of d * d) /
 * n + epsilon), y = d * r * weight + bias. rms_norm: the same of d = x, without bias. */
typedef int rc_nn_softmax(size_t begin, size_t end, size_t n, const float *x, float *y);
typedef int rc_nn_layer_norm(size_t begin, size_t end, size_t n, double epsilon, const float *x, const float *weight,
                             const float *bias, float *y);
typedef int rc_nn_rms_norm(size_t begin, size_t end, size_t n, double epsilon, const float *x, const float *weight,
                           float *y);

/* A kernel of h by w cells over n images of c channels, rows and columns: its cell (i, j) at the place (row, column) of
 * the output lies on (row * row_stride + i * row_dilation - top, column * column_stride + j * column_dilation - left).
 * Images and outputs have the axes (n, rows, columns, c) if channels_last, else (n, c, rows, columns). count_pads :
 * whether a mean counts cells in the pads. */
struct rc_window {
    size_t n, c, rows, columns, out_rows, out_columns, h, w;
    size_t row_stride, column_stride, top, left, bottom, right, row_dilation, column_dilation;
    int channels_last, count_pads;
};

/* The cells under each place, as a row of y in the order (c, h, w), or (h, w, c) if channels_last; a copy of fill
 * stands beside the image. Elements of size bytes, 1 or 4. The range is of the n * out_rows rows of places. */
typedef int rc_nn_patches(size_t begin, size_t end, const struct rc_window *window, size_t size, const void *fill,
                          const void *x, void *y);

/* The largest cell that lies on the image, and the mean of these; the range is of n * out_rows rows if channels_last,
 * else of n * c * out_rows. max_pool: float (size 4) or int8_t (size 1), row by row from the lowest number: a cell
 * becomes the result if it is larger, or NaN. average_pool: the sum in double, row by row from +0.0; one division. */
typedef int rc_nn_max_pool(size_t begin, size_t end, const struct rc_window *window, size_t size, const void *x,
                           void *y);
typedef int rc_nn_average_pool(size_t begin, size_t end, const struct rc_window *window, const float *x, float *y);

/* A convolution of each channel by itself: one chain over the cells, row by row, from +0.0: acc = fma(weight, cell,
 * acc), where a cell beside the image is 0; then y = acc + bias, if there is one. The range is as for the pools.
 * weight : (c, h, w), or (h, w, c) if channels_last. */
typedef int rc_nn_depthwise_f32(size_t begin, size_t end, const struct rc_window *window, const float *x,
                                const float *weight, const float *bias, float *y);
