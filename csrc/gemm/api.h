/* The kernels of gemm, as Python sees them: a part of refcompress.h. */
/* y[i, o] = sum over p of x[i, p] * w[o, p], exact in int32, for all i and the rows o of w in the range: a thread
 * writes the columns of y that are its own. x : m rows of k; w : n rows of k; y : m rows of n.
 * Exact for k up to (2^31 - 1) / 2^14 = 131,071, and with an unsigned x up to 2^31 / (255 * 128) = 65,793. */
typedef int rc_gemm_s8s8(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                         int32_t *y);
typedef int rc_gemm_u8s8(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                         int32_t *y);

/* Scaled integers in rows of k, as gemm_f32mixed reads them: for input p of row o stands
 * scale[o * stride + g] * (values[o * k + p] - zero_point[o * stride + g]), g = p / group.
 * group : 1 to k (1 where k is 0); scale and zero_point : ceil(k / group) entries a row (a stride of 0: all rows share
 * them); values and zero_point : int8_t or int16_t, as the operation says. */
struct rc_quantized {
    size_t k, group, stride;
    const void *values;
    const float *scale;
    const void *zero_point;
};

/* The elements of gemm_f32fp8 and gemm_f32mx, a code of 8 bits each. FNUZ: no infinity and no -0, whose code is the
 * NaN. S8 : an integer in units of 1 / 64. */
enum rc_narrow_type {
    RC_NARROW_E4M3 = 0,
    RC_NARROW_E5M2 = 1,
    RC_NARROW_E4M3FNUZ = 2,
    RC_NARROW_E5M2FNUZ = 3,
    RC_NARROW_E2M3 = 4,
    RC_NARROW_E3M2 = 5,
    RC_NARROW_E2M1 = 6,
    RC_NARROW_S8 = 7,
};

/* Narrow weights in rows of k inputs, `row` bytes from one row to the next. With g = o * stride + p / group, and c the
 * code of input p of row o, the weight is, in the operation
 * gemm_f32s8, s4      scale[g] * (c - zero_point[g]), two's complement; at most the largest float, if that overflows
 * gemm_f32f16, bf16   the number c
 * gemm_f32fp8         the number c of the type
 * gemm_f32lut4, lut8  codebook[g * entries + c]
 * gemm_f32nf4         scale[g] * codebook[c]
 * gemm_f32mx          2^(scale[g] - 127) * c of the type, scale : uint8_t; NaN where it is 255
 * gemm_f32nvfp4       c of E2M1 * (scale[g], a code of E4M3 * factor)
 * each product rounded to float.
 * group : 1 to k (1 where k is 0). stride : ceil(k / group), or 0 where all rows share the scales of the first. nibbles
 * : whether codes of 4 bits lie two in a byte, the first one in the low half. clipped : whether some product overflows.
 * zeros : whether all zero points are 0. entries : at most 16 for lut4, else at most 256; a code beyond them is a 0. */
struct rc_narrow {
    size_t k, group, stride, row, entries;
    const void *codes, *scale;
    const int8_t *zero_point;
    const float *codebook;
    float factor;
    enum rc_narrow_type type;
    int nibbles, clipped, zeros;
};

/* y[i, o] = sum over p of x[i, p] * w[o, p], for all i and the rows o of w in the range: the bits of gemm_f32f32 of the
 * weights as floats. x : m rows of w->k, ldx elements apart; y : m rows, ldy elements apart.
 * gemm_f32s8 with one group scales its sums: input p goes to inner[p mod 16] by fma(x, c - zero_point, inner), then
 * acc[i] = scale * inner[i] for all 16, and the tree. */
typedef int rc_gemm_f32narrow(size_t begin, size_t end, size_t m, size_t ldx, size_t ldy, const float *x,
                              const struct rc_narrow *w, float *y);
typedef rc_gemm_f32narrow rc_gemm_f32s8, rc_gemm_f32s4, rc_gemm_f32f16, rc_gemm_f32bf16, rc_gemm_f32fp8;
typedef rc_gemm_f32narrow rc_gemm_f32lut4, rc_gemm_f32lut8, rc_gemm_f32nf4, rc_gemm_f32mx, rc_gemm_f32nvfp4;

/* The same of rows that have the inputs of w8 (int8) and then those of w16 (int16): y[i, outputs[o]] = the sum over
 * both. x : m rows of w8->k + w16->k inputs; y : m rows of n.
 * Sixteen chains an element (drawn in csrc/README.md), all from +0.0: within a group, input number p of the group goes
 * to inner[p mod 16] by fma(x, value - zero_point, inner); at its end acc[c] = fma(scale, inner[c], acc[c]) for all 16,
 * and inner begins anew. The chains acc go through the groups of w8 and then through those of w16. Then one tree: t8[c]
 * = acc[c] + acc[c + 8]; t4[c] = t8[c] + t8[c + 4]; t2[c] = t4[c] + t4[c + 2]; y = t2[0] + t2[1] + 0.0. */
typedef int rc_gemm_f32mixed(size_t begin, size_t end, size_t m, size_t n, const float *x,
                             const struct rc_quantized *w8, const struct rc_quantized *w16, const int64_t *outputs,
                             float *y);

/* A matrix n by k of both widths, for products of at most 2^13 multiply-adds. columns : whether its columns have one of
 * them each (of all n rows low has the first `lows` inputs of `order`, and high the others), or its rows (low has the
 * outputs that order begins with). none8, none16 : weights of no inputs. outputs : the numbers from 0 to n - 1. */
struct rc_mixed {
    size_t n, k, lows;
    int columns;
    const struct rc_quantized *low, *high, *none8, *none16;
    const int64_t *order, *outputs;
};
int rc_short_gemm_f32mixed(rc_gemm_f32mixed *kernel, size_t m, const struct rc_mixed *w, const float *x, float *y);

/* y[i, o] = sum over p of x[i, p] * w[o, p], for all i and the o in the range; x : m rows of k, ldx elements apart; w :
 * n rows of k; y : m rows of n, ldy elements apart. The sixteen chains without scales, input p to acc[p mod 16] by
 * fma(x, w, acc), and the tree. If transposed, w : k rows of n, its element w[p, o]; then one chain an element, p
 * upwards from +0.0: acc = fma(x, w, acc). */
typedef int rc_gemm_f32f32(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx, size_t ldy,
                           int transposed, const float *x, const float *w, float *y);

/* int8 weights of n outputs by k inputs, packed: as w + 128, or for unsigned inputs as they are; outputs by sixteens,
 * and the inputs of each group by fours. For input p of group g stands w[((o / 16 * groups + g) * quads + p / 4) * 64 +
 * o % 16 * 4 + p % 4], with quads = ceil(group / 4); where there is no such output or input, anything. group : 1 to k
 * (1 where k is 0), and groups = ceil(k / group). zero_point : n rows of groups, to be taken off each weight; or
 * NULL. */
struct rc_packed_s8 {
    size_t n, k, group;
    const uint8_t *w;
    const int8_t *zero_point;
};

/* Pack w, n rows of k, for outputs 16 * begin to 16 * end. flip : bits that are turned over in each weight: 128 makes
 * it w + 128. */
typedef int rc_gemm_s8_pack(size_t begin, size_t end, size_t n, size_t k, size_t group, const int8_t *w, uint8_t flip,
                            uint8_t *packed);

/* gemm_s8s8 and gemm_u8s8 of weights that were packed, as w + 128 and as they are, for the rows i in begin .. end and
 * the outputs o in first .. stop, first a multiple of 16. x : rows of w->k, which begin ldx elements apart; w : of one
 * group, without zero points; y : rows of w->n. */
typedef int rc_gemm_s8s8_packed(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                const struct rc_packed_s8 *w, int32_t *y);
typedef int rc_gemm_u8s8_packed(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const uint8_t *x,
                                const struct rc_packed_s8 *w, int32_t *y);

/* gemm_s8s8 with the sum to int8. */
typedef int rc_gemm_s8s8_requantized(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                     const struct rc_packed_s8 *w, const struct rc_to_s8 *to, int8_t *y);

/* The same, to float32: the sum over the groups g, ascending from +0.0, of acc[g] * (x_scale[i] * w_scale[o, g]), where
 * acc[g] is the exact sum of x * (w - zero_point) in the group; then bias[o], if there is one. The product of the
 * scales is exact in double; the product with acc, each sum and the bias are rounded to double, and the last to float.
 * w_scale : n rows of groups. */
typedef int rc_gemm_s8s8_scaled(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                const float *x_scale, const struct rc_packed_s8 *w, const float *w_scale,
                                const float *bias, float *y);

/* y[i, o] = the sum over p of x[i, p] * w[o, p], for all i and the rows o of w in the range; x : m rows of k; w : n
 * rows of k, those of x ldx elements apart; y : m rows of n. x and w : bfloat16, the upper halves of floats. The
 * arithmetic is that of the instruction VDPBF16PS. Inputs are filled up with zeros to a multiple of 32. Sixteen chains,
 * from +0.0: chain c goes through the pairs of the inputs 32 j + 2 c and 32 j + 2 c + 1, j upwards; of a pair the
 * second comes first. Each step is acc = flush(x * w + acc), with a subnormal x or w taken for a zero of its sign;
 * flush rounds to nearest, ties to even, and then a result below 2^-126 is a zero of its sign. (Rounded to 24 bits:
 * what rounds up to 2^-126 stays.) The tree is that of the other products, and flushes nothing. */
typedef int rc_gemm_bf16bf16(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx, const uint16_t *x,
                             const uint16_t *w, float *y);

/* Weights of n outputs by k inputs as codes, packed as those of struct rc_packed_s8 are: of 8 bits a byte each, with
 * quads lines of 64 bytes a group; of 4 bits in ceil(quads / 2) lines, quad number 2 t in the low halves of the bytes
 * of line t and quad 2 t + 1 in the high halves. A code of 4 bits stands for table[code], one of 8 bits for itself;
 * then zero is taken off. identity : whether table[c] is c. scale and zero, which is NULL where zero_of_all serves
 * all : for output o and group g at [(o / 16 * groups + g) * 16 + o % 16], and something for outputs that are not
 * there. */
struct rc_coded {
    size_t n, k, group, bits;
    const uint8_t *codes;
    uint8_t table[16];
    int identity;
    const float *scale;
    const int32_t *zero;
    int32_t zero_of_all;
};

/* Codes in n rows, ldc bytes apart, packed for outputs 16 * begin to 16 * end as 4 bits. bits : those of a code in the
 * rows, 4 (the low half of a byte first) or 8. flip : bits that are turned over in each code. */
typedef int rc_gemm_coded_pack(size_t begin, size_t end, size_t n, size_t k, size_t group, size_t bits,
                               const uint8_t *codes, size_t ldc, uint8_t flip, uint8_t *packed);

/* Of rows of x, ldx elements apart: the sums of their groups, rows of ceil(k / group); and, unless laid is NULL, the
 * rows themselves, ldl elements apart, each group with zeros up to a multiple of 4. */
typedef int rc_gemm_s8_lay(size_t begin, size_t end, size_t k, size_t group, size_t ldx, const int8_t *x, size_t ldl,
                           int8_t *laid, int32_t *sums);

/* y[i, o], for the rows i in begin .. end and the outputs o in first .. stop, first a multiple of 16: the chain over
 * the groups g, ascending from +0.0, total = fma((float)acc[g], scale[o, g], total), times x_scale[i]. acc[g] is the
 * exact sum of x * (value - zero) in the group. x and x_sums : as laid and sums above; y : rows of w->n. */
typedef int rc_gemm_s8s4(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                         const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, float *y);
typedef int rc_gemm_s8lut4(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                           const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, float *y);

/* Products of the outputs first .. stop, first a multiple of 16, and m rows of x, by weights as they are: at_once
 * outputs at a time, a multiple of 16, are packed to `room`, of the bytes that so many packed outputs take, and
 * multiplied. What follows is the pack's and the kernel's; w : as packed, but for the weights or codes themselves. */
int rc_plain_s8s8_requantized(rc_gemm_s8_pack *pack, const int8_t *raw, size_t at_once, uint8_t *room,
                              rc_gemm_s8s8_requantized *kernel, size_t first, size_t stop, size_t m, size_t ldx,
                              const int8_t *x, const struct rc_packed_s8 *w, const struct rc_to_s8 *to, int8_t *y);
int rc_plain_s8s8_scaled(rc_gemm_s8_pack *pack, const int8_t *raw, size_t at_once, uint8_t *room,
                         rc_gemm_s8s8_scaled *kernel, size_t first, size_t stop, size_t m, size_t ldx, const int8_t *x,
                         const float *x_scale, const struct rc_packed_s8 *w, const float *w_scale, const float *bias,
                         float *y);
int rc_plain_s8s4(rc_gemm_coded_pack *pack, size_t bits, const uint8_t *codes, size_t ldc, uint8_t flip, size_t at_once,
                  uint8_t *room, rc_gemm_s8s4 *kernel, size_t first, size_t stop, size_t m, size_t ldx, const int8_t *x,
                  const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, float *y);

/* The same for a few rows of x, by the kernel of gemm_s8s8, at_once outputs at a time. room : m * at_once sums; w : of
 * one group, without zero points; its packed weights are not read. */
int rc_few_s8s8_requantized(rc_gemm_s8s8 *product, const int8_t *raw, size_t at_once, int32_t *room, size_t first,
                            size_t stop, size_t m, const int8_t *x, const struct rc_packed_s8 *w,
                            const struct rc_to_s8 *to, int8_t *y);
int rc_few_s8s8_scaled(rc_gemm_s8s8 *product, const int8_t *raw, size_t at_once, int32_t *room, size_t first,
                       size_t stop, size_t m, const int8_t *x, const float *x_scale, const struct rc_packed_s8 *w,
                       const float *w_scale, const float *bias, float *y);

/* Products so short that packing the weights would take longer, of at most 2^13 multiply-adds and elements: all of m
 * rows of x and n outputs, by the weights as they lie, in the default mode. RC_BAD_VALUE, and nothing computed, where a
 * scale of x is not finite or below 2^-126, or where bias, multiplier or shift is not aligned, or out of the range that
 * gemm_s8s8_requantized has for it.
 * table : what each code of 4 bits stands for, w->entries of them for each scale, or 0: the same for all; w->codebook
 * is not read. */
int rc_short_s8s4(size_t m, size_t n, const int8_t *x, const float *x_scale, const struct rc_narrow *w,
                  const int8_t *table, float *y);
int rc_short_s8s8_scaled(size_t m, size_t n, const int8_t *x, const float *x_scale, const struct rc_quantized *w,
                         const float *bias, float *y);
int rc_short_s8s8_requantized(rc_gemm_s8s8 *kernel, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                              const int32_t *bias, const int32_t *multiplier, const int32_t *shift, int zero_point,
                              int lowest, int highest, int8_t *y);
