/* What changed since AVX2: vpdpbusd adds four products of bytes. In a depthwise convolution these are four rows of a
 * channel's kernel: the bytes of four rows of the image are interleaved, once for each of its columns, and that serves
 * all columns of the kernel. Interleaving leaves 64 channels in four vectors in another order, in which weights, biases
 * and scales are laid ready too; packing the results to bytes is its inverse. A table of 256 bytes is four registers.
 */
#include "../kernels.h"
#if RC_X86
#define AVERAGE_POOL rc_nn_average_pool_s8_avx512
#define ADD rc_nn_add_s8_avx512
#define MULTIPLY rc_nn_multiply_s8_avx512
#define TARGET RC_AVX512
#include "s8.h"

TARGET int rc_nn_lookup_s8_avx512(size_t begin, size_t end, const int8_t *table, const int8_t *x, int8_t *y)
{
    const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
    const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
    for (size_t i = begin; i < end; i += 64) {
        const __mmask64 some = end - i < 64 ? ((__mmask64)1 << (end - i)) - 1 : ~(__mmask64)0;
        const __m512i v = _mm512_maskz_loadu_epi8(some, x + i); /* negative ones are the table's first half */
        const __m512i low = _mm512_permutex2var_epi8(t0, v, t1), high = _mm512_permutex2var_epi8(t2, v, t3);
        _mm512_mask_storeu_epi8(y + i, some, _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), high, low));
    }
    return RC_OK;
}

/* Columns of the image that are interleaved at a time, and how many groups of four rows of the kernel times its columns
 * there may be: 16 KiB each at most on the stack, and a kernel of up to 4 rows has one group. */
enum { SPAN = 64, TAPS = 64, GROUPS = 2 };

struct interleaved {
    __m512i v[4]; /* of channel 16 L + 4 i + t, for lane L of 128 bits, the bytes 4 t .. of vector i */
};

RC_INLINE TARGET struct interleaved interleave(__m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const __m512i cd = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    return (struct interleaved){{_mm512_unpacklo_epi16(ab, cd), _mm512_unpackhi_epi16(ab, cd),
                                 _mm512_unpacklo_epi16(ab_high, cd_high), _mm512_unpackhi_epi16(ab_high, cd_high)}};
}

/* What a block of 64 channels needs, in the order of the interleaved vectors. */
struct block {
    struct interleaved weight[TAPS];
    __m512i bias[4]; /* less 128 times the sum of the weights */
    __m512d scale[4][2];
    int in_double;
};

RC_INLINE TARGET void prepare(const struct rc_windows *of, const int8_t *weight, const struct rc_to_s8 *to, size_t c0,
                              size_t width, __mmask64 some, struct block *block)
{
    const size_t groups = (of->h + 3) / 4;
    int32_t bias[4][16];
    double scale[4][16], in_order[BLOCK];
    block->in_double = block_scales(to, c0, width, (int64_t)(of->h * of->w) << 14, in_order);
    for (size_t c = 0; c < BLOCK; c++) {
        const size_t vector = c % 16 / 4, place = c / 16 * 4 + c % 4;
        bias[vector][place] = to->bias[c0 + rc_min(c, width - 1)];
        scale[vector][place] = in_order[c];
    }
    for (size_t i = 0; i < 4; i++) {
        block->bias[i] = _mm512_loadu_si512(bias[i]);
        block->scale[i][0] = _mm512_loadu_pd(scale[i]);
        block->scale[i][1] = _mm512_loadu_pd(scale[i] + 8);
    }
    __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (size_t v = 0; v < of->w; v++)
        for (size_t g = 0; g < groups; g++) {
            __m512i row[4];
            for (size_t u = 0; u < 4; u++)
                row[u] = g * 4 + u < of->h
                             ? _mm512_maskz_loadu_epi8(some, weight + ((g * 4 + u) * of->w + v) * of->c + c0)
                             : _mm512_setzero_si512();
            const struct interleaved w = interleave(row[0], row[1], row[2], row[3]);
            block->weight[v * groups + g] = w;
            for (size_t i = 0; i < 4; i++)
                sums[i] = _mm512_dpbusd_epi32(sums[i], _mm512_set1_epi8(-128), w.v[i]); /* 128, unsigned */
        }
    for (size_t i = 0; i < 4; i++)
        block->bias[i] = _mm512_sub_epi32(block->bias[i], sums[i]);
}

/* Interleave the columns from `column` on of an output's rows, of which some may lie above or below the image. */
RC_INLINE TARGET void interleave_columns(const struct rc_windows *of, const int8_t *x, size_t r, size_t column,
                                         size_t count, size_t c0, __mmask64 some, struct interleaved *out)
{
    const size_t groups = (of->h + 3) / 4, first = r % of->out_rows * of->stride0 - of->pad0;
    const int8_t *image = x + r / of->out_rows * of->rows * of->columns * of->c + c0;
    const __m512i flip = _mm512_set1_epi8(-128), fill = _mm512_xor_si512(_mm512_set1_epi8((int8_t)of->fill), flip);
    for (size_t g = 0; g < groups; g++) {
        const int8_t *from[4];
        for (size_t u = 0; u < 4; u++) {
            const size_t row = first + (g * 4 + u) * of->dilation0;
            from[u] = g * 4 + u < of->h && row < of->rows ? image + row * of->columns * of->c : NULL;
        }
        for (size_t j = 0; j < count; j++) {
            const size_t at = column + j; /* below 0 is beyond all columns */
            __m512i row[4];
            RC_UNROLL for (size_t u = 0; u < 4; u++)
                row[u] = from[u] && at < of->columns
                             ? _mm512_xor_si512(_mm512_maskz_loadu_epi8(some, from[u] + at * of->c), flip)
                             : fill;
            out[j * groups + g] = interleave(row[0], row[1], row[2], row[3]);
        }
    }
}

RC_INLINE TARGET __m512i rounded(__m512i sum, const __m512d *scale)
{
    const __m512d low = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(sum)), scale[0]);
    const __m512d high = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(sum, 1)), scale[1]);
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtpd_epi32(low)), _mm512_cvtpd_epi32(high), 1);
}

RC_INLINE TARGET void four_to_s8(const __m512i *sums, const struct block *block, const struct rc_to_s8 *to, size_t c0,
                                 size_t width, __mmask64 some, int8_t *y)
{
    if (!block->in_double) {
        int32_t spread[4][16];
        memcpy(spread, sums, sizeof spread);
        for (size_t c = 0; c < width; c++)
            y[c] = rc_to_s8_one(spread[c % 16 / 4][c / 16 * 4 + c % 4], to, c0 + c);
        return;
    }
    const __m512i zero = _mm512_set1_epi16((int16_t)to->zero_point);
    const __m512i ab = _mm512_packs_epi32(rounded(sums[0], block->scale[0]), rounded(sums[1], block->scale[1]));
    const __m512i cd = _mm512_packs_epi32(rounded(sums[2], block->scale[2]), rounded(sums[3], block->scale[3]));
    __m512i all = _mm512_packs_epi16(_mm512_adds_epi16(ab, zero), _mm512_adds_epi16(cd, zero));
    all = _mm512_max_epi8(all, _mm512_set1_epi8((int8_t)to->lowest));
    all = _mm512_min_epi8(all, _mm512_set1_epi8((int8_t)to->highest));
    _mm512_mask_storeu_epi8(y, some, all);
}

TARGET int rc_nn_depthwise_s8_avx512(size_t begin, size_t end, const struct rc_windows *windows, const int8_t *x,
                                     const int8_t *weight, const struct rc_to_s8 *how, int8_t *y)
{
    const struct rc_windows of = *windows;
    const struct rc_to_s8 to = *how;
    const size_t groups = (of.h + 3) / 4, reach = (of.w - 1) * of.dilation1 + 1;
    if (groups > GROUPS || groups * of.w > TAPS || reach > SPAN)
        return rc_nn_depthwise_s8_avx2(begin, end, windows, x, weight, how, y);
    struct block block;
    struct interleaved columns[SPAN * GROUPS];
    const size_t at_once = (SPAN - reach) / of.stride1 + 1;

    for (size_t c0 = 0; c0 < of.c; c0 += BLOCK) {
        const size_t width = rc_min(of.c - c0, BLOCK);
        const __mmask64 some = width == BLOCK ? ~(__mmask64)0 : ((__mmask64)1 << width) - 1;
        prepare(&of, weight, &to, c0, width, some, &block);
        for (size_t r = begin; r < end; r++)
            for (size_t s0 = 0; s0 < of.out_columns; s0 += at_once) {
                const size_t count = rc_min(of.out_columns - s0, at_once);
                interleave_columns(&of, x, r, s0 * of.stride1 - of.pad1, (count - 1) * of.stride1 + reach, c0, some,
                                   columns);
                for (size_t s = 0; s < count; s++) {
                    __m512i sums[4] = {block.bias[0], block.bias[1], block.bias[2], block.bias[3]};
                    for (size_t v = 0; v < of.w; v++)
                        for (size_t g = 0; g < groups; g++) {
                            const struct interleaved *in = columns + (s * of.stride1 + v * of.dilation1) * groups + g;
                            const struct interleaved *w = block.weight + v * groups + g;
                            RC_UNROLL for (size_t i = 0; i < 4; i++)
                                sums[i] = _mm512_dpbusd_epi32(sums[i], in->v[i], w->v[i]);
                        }
                    four_to_s8(sums, &block, &to, c0, width, some,
                               y + (r * of.out_columns + s0 + s) * of.c + c0);
                }
            }
    }
    return RC_OK;
}
#endif
