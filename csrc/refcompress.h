/* All that Python may see of the kernels. The C compiler reads this file, and so does cffi, after the lines that begin
 * with '#' were dropped: so no declaration here may need the preprocessor.
 *
 * Every kernel takes its row range [begin, end) first, so that Python can split the rows among threads; it allocates
 * nothing, holds no state, and writes only what belongs to its rows. Python has checked shapes, types and layouts (all
 * arrays are C-contiguous); what other threads could change meanwhile, a kernel checks itself and says so by its
 * status.
 */
#ifndef REFCOMPRESS_H
#define REFCOMPRESS_H
#include <float.h>
#include <stddef.h>
#include <stdint.h>

#if FLT_EVAL_METHOD != 0
#error "refcompress: this compiler computes floats in a wider type (FLT_EVAL_METHOD is not 0): results have other bits"
#endif
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__)
#error "refcompress: -ffast-math, or a part of it, lets the compiler change results: build without it"
#elif defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "refcompress: -ffast-math, or a part of it, lets the compiler change results: build without it"
#elif __FINITE_MATH_ONLY__
#error "refcompress: -ffinite-math-only (of -ffast-math) lets the compiler lose NaN and infinity: build without it"
#endif

enum rc_status {
    RC_OK = 0,
    RC_BAD_INDEX = 1,   /* an index or a row pointer points outside its array */
    RC_CORRUPT = 2,     /* coded data that no encoder writes */
    RC_NOT_FINITE = 3,  /* a NaN or an infinity among the elements */
};

/* y[i, :] = sum over p in indptr[i] .. indptr[i + 1] of data[p] * x[indices[p], :], for the rows i of the range.
 * One chain per element, in storage order from +0.0: acc = fma(data[p], x[..], acc).
 * x : k rows of n; y : rows of n, of which the first width columns are computed; indices and data : nnz entries. */
typedef int rc_csr_matmul(size_t begin, size_t end, size_t width, size_t n, size_t k, size_t nnz, const int64_t *indptr,
                          const int32_t *indices, const float *data, const float *x, float *y);

/* y[i, o] = sum over p of x[i, p] * w[o, p], exact in int32, for all i and the rows o of w in the range: a thread
 * writes the columns of y that are its own. x : m rows of k; w : n rows of k; y : m rows of n.
 * Exact for k up to (2^31 - 1) / 2^14 = 131,071, and with an unsigned x up to 2^31 / (255 * 128) = 65,793. */
typedef int rc_gemm_s8s8(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                         int32_t *y);
typedef int rc_gemm_u8s8(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                         int32_t *y);

/* Scaled integers in rows of k, as the products read them: for input p of row o stands
 * scale[o * stride + g] * (values[o * k + p] - zero_point[o * stride + g]), g = p / group.
 * group : 1 to k (1 where k is 0); scale and zero_point : ceil(k / group) entries a row (a stride of 0: all rows share
 * them); values and zero_point : int8_t or int16_t, as the operation says. */
struct rc_quantized {
    size_t k, group, stride;
    const void *values;
    const float *scale;
    const void *zero_point;
};

/* y[i, o] = sum over p of x[i, p] * w[o, p], for all i and the rows o of w (int8) in the range.
 * x : m rows of w->k; y : m rows of n.
 * Sixteen chains an element (drawn in csrc/README.md), all from +0.0: within a group, input number p of the group goes
 * to inner[p mod 16] by fma(x, value - zero_point, inner); at its end acc[c] = fma(scale, inner[c], acc[c]) for all 16,
 * and inner begins anew.
 * Then one tree: t8[c] = acc[c] + acc[c + 8]; t4[c] = t8[c] + t8[c + 4]; t2[c] = t4[c] + t4[c + 2]; y = t2[0] +
 * t2[1]. */
typedef int rc_gemm_f32s8(size_t begin, size_t end, size_t m, size_t n, const float *x, const struct rc_quantized *w,
                          float *y);

/* The same of rows that have the inputs of w8 (int8) and then those of w16 (int16): y[i, outputs[o]] = the sum over
 * both. x : m rows of w8->k + w16->k inputs. The chains acc go through the groups of w8 and then through those of w16,
 * and the tree comes last. */
typedef int rc_gemm_f32mixed(size_t begin, size_t end, size_t m, size_t n, const float *x,
                             const struct rc_quantized *w8, const struct rc_quantized *w16, const int64_t *outputs,
                             float *y);

/* y[i, o] = sum over p of x[i, p] * w[o, p], for all i and the o in the range; x : m rows of k, ldx elements apart; w :
 * n rows of k; y : m rows of n, ldy elements apart. The sixteen chains without scales, input p to acc[p mod 16] by
 * fma(x, w, acc), and the tree. If transposed, w : k rows of n, its element w[p, o]; then one chain an element, p
 * upwards from +0.0: acc = fma(x, w, acc). */
typedef int rc_gemm_f32f32(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx, size_t ldy,
                           int transposed, const float *x, const float *w, float *y);

/* int8 weights of n outputs by k inputs, packed: outputs by sixteens, and the inputs of each group by fours. For input
 * p of group g stands w[((o / 16 * groups + g) * quads + p / 4) * 64 + o % 16 * 4 + p % 4], with quads = ceil(group /
 * 4); 0 where there is no such output or input. group : 1 to k (1 where k is 0), and groups = ceil(k / group). sums :
 * of the weights of a group, n rows of groups. zero_point : n rows of groups, to be taken off each weight; or NULL. */
struct rc_packed_s8 {
    size_t n, k, group;
    const int8_t *w;
    const int32_t *sums;
    const int8_t *zero_point;
};

/* How the sums of n outputs become int8: clip(round((acc + bias) * multiplier / 2^(31 + shift)) + zero_point, lowest,
 * highest), the exact quotient rounded once, ties to even. bias : NULL for none. No acc + bias leaves int32. multiplier
 * : 0 to 2^31 - 1; shift : -30 to 31. */
struct rc_to_s8 {
    const int32_t *bias, *multiplier, *shift;
    int32_t zero_point, lowest, highest;
};

/* y[i, o], for the rows i in begin .. end and the outputs o in first .. stop, first a multiple of 16: the sum over p of
 * x[i, p] * w[o, p], to int8. x : rows of w->k; y : rows of w->n. w : of one group, without zero points. */
typedef int rc_gemm_s8s8_requantized(size_t begin, size_t end, size_t first, size_t stop, const int8_t *x,
                                     const struct rc_packed_s8 *w, const struct rc_to_s8 *to, int8_t *y);

/* The same, to float32: the sum over the groups g, ascending from +0.0, of acc[g] * (x_scale[i] * w_scale[o, g]), where
 * acc[g] is the exact sum of x * (w - zero_point) in the group; then bias[o], if there is one. The product of the
 * scales is exact in double; the product with acc, each sum and the bias are rounded to double, and the last to float.
 * w_scale : n rows of groups. */
typedef int rc_gemm_s8s8_scaled(size_t begin, size_t end, size_t first, size_t stop, const int8_t *x,
                                const float *x_scale, const struct rc_packed_s8 *w, const float *w_scale,
                                const float *bias, float *y);

/* The elements of the range of x to integers, int16_t if wide and else int8_t: element i by the multiplier and the
 * shift number i % columns; without a bias. Rounded as refcompress says (quantize/requantization.py). */
enum rc_rounding {
    RC_HALF_EVEN = 0,
    RC_HALF_AWAY = 1,
    RC_GEMMLOWP = 2,
};
typedef int rc_requantize_s32(size_t begin, size_t end, size_t columns, enum rc_rounding rounding, int wide,
                              const int32_t *x, const struct rc_to_s8 *to, void *y);

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

/* x (float32) to values (int8, int16) and back, for the elements of the range: values = clip(rint(x / scale) +
 * zero_point, lowest, highest), the quotient rounded to float32, halves to even; x = (values - zero_point) * scale,
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

/* Both in one, for the runs of the range, each of which has a scale and zero point of its own: chosen as the reference
 * does (quantize_grid.py), for symmetric ends symmetric, and written; then the values. x : rows of k >= 1 in groups of
 * 1 to k. */
typedef int rc_quantize_runs_s8(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest,
                                const float *x, float *scale, int8_t *zero_point, int8_t *values);
typedef int rc_quantize_runs_s16(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest,
                                 const float *x, float *scale, int16_t *zero_point, int16_t *values);

/* The small floating-point formats, as formats/floats.py describes them; codes are uint16_t for the first two, else
 * uint8_t. */
enum rc_float_format {
    RC_FLOAT16 = 0,
    RC_BFLOAT16 = 1,
    RC_FP8_E4M3 = 2,
    RC_FP8_E5M2 = 3,
    RC_FP6_E2M3 = 4,
    RC_FP6_E3M2 = 5,
    RC_FP4_E2M1 = 6,
};

/* x (float32) to codes and back, for the elements of the range. Rounded to nearest, halves to even; a NaN becomes the
 * format's one code for it (there is none in x where the format has none). What rounds to beyond the largest finite
 * number, and infinity, becomes that number if saturate or if the format has nothing else, else the next code:
 * infinity, or NaN. */
typedef int rc_floats_encode(size_t begin, size_t end, enum rc_float_format format, int saturate, const float *x,
                             void *codes);
typedef int rc_floats_decode(size_t begin, size_t end, enum rc_float_format format, const void *codes, float *x);

/* Unsigned integers of size bytes (2, 4 or 8) to as many planes of a byte an element, for the elements of the range,
 * and back: plane 0 has the highest byte of each, after its bits were turned. RC_PLANES_ROTATE : by one to the left, so
 * that the highest comes lowest. RC_PLANES_FOLD : the integers of two's complement 0, -1, 1, -2, ... to 0, 1, 2, 3,
 * ... */
enum rc_planes_turn {
    RC_PLANES_AS_IT_IS = 0,
    RC_PLANES_ROTATE = 1,
    RC_PLANES_FOLD = 2,
};
typedef int rc_planes_split(size_t begin, size_t end, size_t size, enum rc_planes_turn turn, const void *patterns,
                            uint8_t *const *planes);
typedef int rc_planes_join(size_t begin, size_t end, size_t size, enum rc_planes_turn turn,
                           const uint8_t *const *planes, void *patterns);

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

/* The Huffman family is one chain of steps (a step is a symbol of every lane), so its ranges are not for threads: they
 * are gone through in order, one after the other, so that Python can look after signals between them. */

/* Optimal lengths of at most limit bits, at most 2^limit of the counts not 0, their sum below 2^63.
 * Workspace: weights, 3 * alphabet; order, alphabet; kinds, 2 * alphabet * limit. */
typedef int rc_huffman_lengths(size_t alphabet, unsigned limit, const uint64_t *counts, uint64_t *weights,
                               uint16_t *order, uint8_t *kinds, uint8_t *lengths);

/* The canonical codes of these lengths, each at most 15. */
typedef int rc_huffman_code(size_t alphabet, const uint8_t *lengths, uint16_t *codes);

/* What goes from one range of steps to the next. */
struct rc_huffman_lanes {
    uint32_t bits[64];  /* the bits that each lane holds, the next one lowest */
    uint32_t held[64];  /* how many they are */
    uint64_t position;  /* decoding: words taken; encoding: words still to be written */
};

/* Symbols (uint16_t if wide, else uint8_t) to words, in two passes over ranges of steps that cover all of them.
 * First with words NULL, ranges in rising order: fills the table, finds a symbol without a code (RC_BAD_INDEX), and
 * leaves in state->position the number of words. Then with so many words, ranges in falling order: writes them, the
 * last first. Workspace: table, 65536 entries if wide, else 256; state. */
typedef int rc_huffman_encode(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                              const uint8_t *lengths, const uint16_t *codes, unsigned longest, int wide,
                              const void *symbols, uint32_t *table, struct rc_huffman_lanes *state, uint16_t *words);

/* Words to symbols (uint16_t if wide, else uint8_t), ranges of steps in rising order; the first one fills the table.
 * Workspace: table, 2^longest entries; state. */
typedef int rc_huffman_decode(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                              const uint8_t *lengths, const uint16_t *codes, unsigned longest, size_t n_words,
                              const uint16_t *words, uint32_t *table, struct rc_huffman_lanes *state, int wide,
                              void *symbols);

/* The rangecoder family is one chain too: its ranges are of codes, row by row, gone through in order; the first one
 * prepares the state. stretch : the 4096 logits of probabilities, reference/rangecoder/model.py. Workspace: columns, k
 * of them, or NULL where there is one row; state. */
enum {
    RC_RANGECODER_CONTEXTS = 7, /* slots that contribute to the probability of a flag */
    RC_RANGECODER_BUCKETS = 8,  /* sizes of a count, and so sets of weights */
    RC_RANGECODER_TABLES = 640, /* slots of all tables: rangecoder/portable.c lists them */
    RC_RANGECODER_TREE = 256,   /* nodes of the tree of values */
};

struct rc_rangecoder_slot {
    uint16_t p; /* the probability of a one, in 1 / 65536 */
    uint8_t n;  /* the bits that it has seen, up to 60 */
    uint8_t count; /* a column's: the codes in it that are not 0, up to 20 */
};

struct rc_rangecoder {
    uint32_t low, high, value;
    uint32_t in_row;   /* codes that are not 0 in this row */
    uint64_t position; /* encoding: the bytes that this range wrote; decoding: those taken, past the end too */
    int32_t weights[RC_RANGECODER_BUCKETS][RC_RANGECODER_CONTEXTS];
    struct rc_rangecoder_slot overall, line, column;
    struct rc_rangecoder_slot tables[RC_RANGECODER_TABLES], tree[RC_RANGECODER_TREE];
};

/* codes below alphabet (2 to 256, or 1) to bytes: those of this range, at most 12 a code and 4. What is left in low and
 * high ends the sequence. */
typedef int rc_rangecoder_encode(size_t begin, size_t end, size_t k, unsigned alphabet, const int16_t *stretch,
                                 const uint8_t *codes, struct rc_rangecoder_slot *columns, struct rc_rangecoder *state,
                                 uint8_t *bytes);

/* n bytes to codes; RC_CORRUPT where a code is not below alphabet, or needs bytes beyond the last that the encoder
 * wrote. Whether the last ones are those that end a sequence is left to the caller. */
typedef int rc_rangecoder_decode(size_t begin, size_t end, size_t k, unsigned alphabet, const int16_t *stretch,
                                 size_t n, const uint8_t *bytes, struct rc_rangecoder_slot *columns,
                                 struct rc_rangecoder *state, uint8_t *codes);

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

/* A whole call of a product in one argument, made ready beforehand: where it has eight rows and eight columns, to hand
 * over its operands one by one takes longer than the work. rc_call_<operation> runs the kernel on all of its rows, in
 * the default mode (below). */
struct rc_csr_matmul_call {
    rc_csr_matmul *kernel;
    size_t m, n, k, nnz;
    const int64_t *indptr;
    const int32_t *indices;
    const float *data, *x;
    float *y;
};
struct rc_gemm_s8s8_call {
    rc_gemm_s8s8 *kernel;
    size_t m, n, k;
    const int8_t *x, *w;
    int32_t *y;
};
struct rc_gemm_u8s8_call {
    rc_gemm_u8s8 *kernel;
    size_t m, n, k;
    const uint8_t *x;
    const int8_t *w;
    int32_t *y;
};
struct rc_gemm_f32s8_call {
    rc_gemm_f32s8 *kernel;
    size_t m, n;
    const float *x;
    const struct rc_quantized *w;
    float *y;
};
int rc_call_csr_matmul(const struct rc_csr_matmul_call *call);
int rc_call_gemm_s8s8(const struct rc_gemm_s8s8_call *call);
int rc_call_gemm_u8s8(const struct rc_gemm_u8s8_call *call);
int rc_call_gemm_f32s8(const struct rc_gemm_f32s8_call *call);

/* The mode of this thread's floating-point unit: its rounding, and what becomes of subnormals. 0 : the default one, to
 * nearest and as IEEE 754 has them. Any other number is for rc_set_mode alone, which brings that mode back. */
uint64_t rc_mode(void);
void rc_set_mode(uint64_t mode);

/* A call by the kernel, in the default mode: Python calls a function that it knows by name in less than half the time
 * that a pointer takes it. */
int rc_run_csr_matmul(rc_csr_matmul *kernel, size_t begin, size_t end, size_t width, size_t n, size_t k, size_t nnz,
                      const int64_t *indptr, const int32_t *indices, const float *data, const float *x, float *y);
int rc_run_gemm_s8s8(rc_gemm_s8s8 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x,
                     const int8_t *w, int32_t *y);
int rc_run_gemm_u8s8(rc_gemm_u8s8 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x,
                     const int8_t *w, int32_t *y);
int rc_run_gemm_f32s8(rc_gemm_f32s8 *kernel, size_t begin, size_t end, size_t m, size_t n, const float *x,
                      const struct rc_quantized *w, float *y);

/* gemm_f32f32, transposed, of the matrices of the range: y[i] = x[i] w[i], of m by k and k by n, side by side. Of the
 * many small products of attention, a call of each would take longer than its work. */
int rc_batch_gemm_f32f32(rc_gemm_f32f32 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const float *x,
                         const float *w, float *y);

/* One row an instruction set; NULL where it has no kernel of its own, and the next narrower one serves. */
struct rc_kernels {
    const char *isa;
    rc_csr_matmul *csr_matmul;
    rc_gemm_s8s8 *gemm_s8s8;
    rc_gemm_u8s8 *gemm_u8s8;
    rc_gemm_f32s8 *gemm_f32s8;
    rc_gemm_f32mixed *gemm_f32mixed;
    rc_gemm_f32f32 *gemm_f32f32;
    rc_gemm_s8s8_requantized *gemm_s8s8_requantized;
    rc_gemm_s8s8_scaled *gemm_s8s8_scaled;
    rc_requantize_s32 *requantize_s32;
    rc_nn_depthwise_s8 *nn_depthwise_s8;
    rc_nn_average_pool_s8 *nn_average_pool_s8;
    rc_nn_add_s8 *nn_add_s8;
    rc_nn_multiply_s8 *nn_multiply_s8;
    rc_nn_lookup_s8 *nn_lookup_s8;
    rc_quantize_s8 *quantize_s8;
    rc_dequantize_s8 *dequantize_s8;
    rc_quantize_s16 *quantize_s16;
    rc_dequantize_s16 *dequantize_s16;
    rc_quantize_range_minmax *quantize_range_minmax;
    rc_quantize_runs_s8 *quantize_runs_s8;
    rc_quantize_runs_s16 *quantize_runs_s16;
    rc_floats_encode *floats_encode;
    rc_floats_decode *floats_decode;
    rc_planes_split *planes_split;
    rc_planes_join *planes_join;
    rc_share_kmeans *share_kmeans;
    rc_huffman_lengths *huffman_lengths;
    rc_huffman_code *huffman_code;
    rc_huffman_encode *huffman_encode;
    rc_huffman_decode *huffman_decode;
    rc_rangecoder_encode *rangecoder_encode;
    rc_rangecoder_decode *rangecoder_decode;
    rc_nn_activation *nn_activation;
    rc_nn_softmax *nn_softmax;
    rc_nn_layer_norm *nn_layer_norm;
    rc_nn_rms_norm *nn_rms_norm;
    rc_nn_patches *nn_patches;
    rc_nn_max_pool *nn_max_pool;
    rc_nn_average_pool *nn_average_pool;
    rc_nn_depthwise_f32 *nn_depthwise_f32;
};

/* The row of a level (0 is portable, then wider and wider), or NULL past the last one that was compiled. */
const struct rc_kernels *rc_kernels_at(size_t level);

/* Whether this processor, and its operating system, can run the kernels of that level. */
int rc_supported(size_t level);

/* The compiler that built this library, and its version. */
const char *rc_compiler(void);
#endif
