/* What changed since AVX2: vpdpbusd adds four products of bytes to each of sixteen outputs in one instruction. It wants
 * one side unsigned: x is laid ready as x + 128, and 128 times the sum of an output's weights is taken off with the
 * bias. 32 registers hold the sums of 8 rows and 48 outputs, and their operands: a step
 * of 24 products has 11 loads. */
#include "../kernels.h"
#if RC_X86

#define NAME(what) what##_avx512
#define S8S8 rc_gemm_s8s8_avx512
#define U8S8 rc_gemm_u8s8_avx512
#define S8S8_PACKED rc_gemm_s8s8_packed_avx512
#define U8S8_PACKED rc_gemm_u8s8_packed_avx512
#define REQUANTIZED rc_gemm_s8s8_requantized_avx512
#define SCALED rc_gemm_s8s8_scaled_avx512
#define FEW_S8S8 rc_few_avx512_s8s8
#define FEW_U8S8 rc_few_avx512_u8s8
#define TARGET RC_AVX512
#define FEW(k) (2 + (k) / 256)
#define MR 8
#define ALL_ROWS(what, x_unsigned) \
    what(x_unsigned, 1) what(x_unsigned, 2) what(x_unsigned, 3) what(x_unsigned, 4) what(x_unsigned, 5) \
        what(x_unsigned, 6) what(x_unsigned, 7) what(x_unsigned, 8)
#define PANEL uint8_t
#define LAID uint8_t
#define IN_PLACE 1
#define FLIP(x_unsigned) ((x_unsigned) ? 0u : 128u)
#include "s8_tiles.h"

RC_INLINE TARGET __m512i bytes(const void *from, size_t count)
{
    return count >= 64 ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi8(((__mmask64)1 << count) - 1, from);
}

RC_INLINE TARGET void lay(const enum as as, const uint8_t *x, size_t count, uint8_t *out)
{
    const __m512i flip = _mm512_set1_epi8(as == UNSIGNED_LESS_128 ? -128 : 0);
    for (size_t p = 0; p < count; p += 64) {
        const __m512i v = bytes(x + p, count - p);
        /* Zeros behind the last input, whatever is added to the inputs. */
        const __mmask64 some = count - p >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (count - p)) - 1;
        _mm512_store_si512(out + p, _mm512_maskz_mov_epi8(some, _mm512_xor_si512(v, flip)));
    }
}

RC_INLINE TARGET uint32_t sum_of(const int x_unsigned, const uint8_t *x, size_t count)
{
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i sum = _mm512_setzero_si512();
    for (size_t p = 0; p < count; p += 64) {
        const __m512i v = bytes(x + p, count - p);
        sum = x_unsigned ? _mm512_dpbusd_epi32(sum, v, ones) : _mm512_dpbusd_epi32(sum, ones, v);
    }
    return (uint32_t)_mm512_reduce_add_epi32(sum);
}

/* Sixteen rows of sixteen int32 to sixteen columns. */
RC_INLINE TARGET void transpose(__m512i *v)
{
    __m512i t[16];
    RC_UNROLL for (size_t i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    RC_UNROLL for (size_t i = 0; i < 16; i += 4)
        RC_UNROLL for (size_t c = 0; c < 2; c++) {
            v[i + 2 * c] = _mm512_unpacklo_epi64(t[i + c], t[i + 2 + c]);
            v[i + 2 * c + 1] = _mm512_unpackhi_epi64(t[i + c], t[i + 2 + c]);
        }
    RC_UNROLL for (size_t c = 0; c < 4; c++) {
        const __m512i a = _mm512_shuffle_i32x4(v[c], v[4 + c], 0x88), b = _mm512_shuffle_i32x4(v[c], v[4 + c], 0xDD);
        const __m512i d = _mm512_shuffle_i32x4(v[8 + c], v[12 + c], 0x88);
        const __m512i e = _mm512_shuffle_i32x4(v[8 + c], v[12 + c], 0xDD);
        t[c] = _mm512_shuffle_i32x4(a, d, 0x88);
        t[c + 8] = _mm512_shuffle_i32x4(a, d, 0xDD);
        t[c + 4] = _mm512_shuffle_i32x4(b, e, 0x88);
        t[c + 12] = _mm512_shuffle_i32x4(b, e, 0xDD);
    }
    RC_UNROLL for (size_t i = 0; i < 16; i++)
        v[i] = t[i];
}

RC_INLINE TARGET void fill_raw(uint32_t flip, const int8_t *w, size_t ldw, size_t rows, size_t count, uint8_t *out)
{
    const __m512i flips = _mm512_set1_epi8((char)flip);
    for (size_t p = 0; p < count; p += 64) {
        __m512i v[16];
        RC_UNROLL for (size_t r = 0; r < 16; r++)
            v[r] = _mm512_xor_si512(bytes(w + rc_min(r, rows - 1) * ldw + p, count - p), flips);
        transpose(v);
        RC_UNROLL for (size_t q = 0; q < 16; q++)
            _mm512_storeu_si512(out + p * 16 + q * 64, v[q]);
    }
}

RC_INLINE TARGET void fill_packed(const uint8_t *w, size_t quads, uint8_t *out)
{
    (void)w, (void)quads, (void)out; /* a panel of bytes is used where it is */
}

RC_INLINE TARGET void tile(const int x_unsigned, const size_t mr, const size_t nv, const uint8_t *x, size_t ldx,
                           size_t quads, const uint8_t *w, size_t ldw, ptrdiff_t ahead, int32_t *sums)
{
    __m512i acc[MR][NV];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            acc[i][v] = _mm512_load_si512(sums + i * NR + v * 16);
    for (size_t q = 0; q < quads; q++) {
        __m512i weight[NV];
        RC_UNROLL for (size_t v = 0; v < nv; v++) {
            weight[v] = _mm512_loadu_si512(w + v * ldw + q * 64);
            ask_for(w + v * ldw + q * 64 + ahead);
        }
        RC_UNROLL for (size_t i = 0; i < mr; i++) {
            int32_t four;
            memcpy(&four, x + i * ldx + q * 4, sizeof four);
            const __m512i input = _mm512_set1_epi32(four);
            RC_UNROLL for (size_t v = 0; v < nv; v++)
                acc[i][v] = x_unsigned ? _mm512_dpbusd_epi32(acc[i][v], input, weight[v])
                                       : _mm512_dpbusd_epi32(acc[i][v], weight[v], input);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            _mm512_store_si512(sums + i * NR + v * 16, acc[i][v]);
}

/* One row of x and sixteen outputs: w is read as one stream, whose speed is what counts. Four sums of each output, of
 * every fourth quad, hide the latency of vpdpbusd. */
RC_INLINE TARGET void stream(const uint8_t *x, size_t quads, const uint8_t *w, int32_t *sums)
{
    __m512i acc[4] = {_mm512_load_si512(sums)};
    acc[1] = acc[2] = acc[3] = _mm512_setzero_si512();
    size_t q = 0;
    for (; q + 4 <= quads; q += 4)
        RC_UNROLL for (size_t c = 0; c < 4; c++) {
            int32_t four;
            memcpy(&four, x + (q + c) * 4, sizeof four);
            ask_for(w + (q + c) * 64 + 4096); /* past the next page */
            acc[c] = _mm512_dpbusd_epi32(acc[c], _mm512_loadu_si512(w + (q + c) * 64), _mm512_set1_epi32(four));
        }
    for (; q < quads; q++) {
        int32_t four;
        memcpy(&four, x + q * 4, sizeof four);
        acc[0] = _mm512_dpbusd_epi32(acc[0], _mm512_loadu_si512(w + q * 64), _mm512_set1_epi32(four));
    }
    _mm512_store_si512(sums,
                       _mm512_add_epi32(_mm512_add_epi32(acc[0], acc[1]), _mm512_add_epi32(acc[2], acc[3])));
}

RC_INLINE TARGET void finish(int32_t *sums, const int32_t *start, uint32_t less, size_t nv)
{
    const __m512i taken = _mm512_set1_epi32((int32_t)less);
    for (size_t v = 0; v < nv * 16; v += 16) {
        const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + v), _mm512_load_si512(start + v));
        _mm512_store_si512(sums + v, _mm512_sub_epi32(sum, taken));
    }
}

RC_INLINE TARGET void to_s32(const int32_t *sums, size_t width, int32_t *y)
{
    for (size_t o = 0; o < width; o += 16) {
        const __mmask16 some = width - o >= 16 ? 0xFFFF : (__mmask16)((1u << (width - o)) - 1);
        _mm512_mask_storeu_epi32(y + o, some, _mm512_load_si512(sums + o));
    }
}

RC_INLINE TARGET __m256i eight(const int32_t *sums, const double *scale)
{
    return _mm512_cvtpd_epi32(_mm512_mul_pd(_mm512_cvtepi32_pd(_mm256_load_si256((const __m256i *)sums)),
                                            _mm512_load_pd(scale)));
}

/* Sixteen sums, scaled in double, rounded to integers, ties to even, and packed to int16: 0 - 3, 8 - 11 | 4 - 7, .. */
RC_INLINE TARGET __m256i rounded(const int32_t *sums, const double *scale)
{
    return _mm256_packs_epi32(eight(sums, scale), eight(sums + 8, scale + 8));
}

/* Up to 32 of them, with the zero point: packing saturates, as clipping would. */
RC_INLINE TARGET __m512i half_of_row(const int32_t *sums, const double *scale, size_t width, __m512i zero)
{
    const __m512i first = _mm512_castsi256_si512(rounded(sums, scale));
    return _mm512_adds_epi16(width > 16 ? _mm512_inserti64x4(first, rounded(sums + 16, scale + 16), 1) : first, zero);
}

/* Packing has mixed the fours: `order` brings them back. */
RC_INLINE TARGET void to_s8(const int32_t *sums, const double *scale, int32_t zero_point, int32_t lowest,
                            int32_t highest, size_t width, int8_t *y)
{
    const __m512i zero = _mm512_set1_epi16((int16_t)zero_point);
    const __m512i order = _mm512_setr_epi32(0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15);
    const __m512i a = half_of_row(sums, scale, width, zero);
    const __m512i b = width > 32 ? half_of_row(sums + 32, scale + 32, width - 32, zero) : a;
    __m512i all = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(a, b));
    all = _mm512_min_epi8(_mm512_max_epi8(all, _mm512_set1_epi8((int8_t)lowest)), _mm512_set1_epi8((int8_t)highest));
    _mm512_mask_storeu_epi8(y, width == 64 ? ~(__mmask64)0 : ((__mmask64)1 << width) - 1, all);
}

RC_INLINE TARGET __m512d add_scaled(__m256i sum, __m512d x_scale, __m256 w_scale, __m512d total)
{
    const __m512d scale = _mm512_mul_pd(x_scale, _mm512_cvtps_pd(w_scale));
    return _mm512_add_pd(total, _mm512_mul_pd(_mm512_cvtepi32_pd(sum), scale));
}

RC_INLINE TARGET void scaled(const int32_t *sums, float x_scale, const float *w_scale, size_t nv, double *totals)
{
    const __m512d of_row = _mm512_set1_pd((double)x_scale);
    for (size_t o = 0; o < nv * 16; o += 8)
        _mm512_store_pd(totals + o, add_scaled(_mm256_load_si256((const __m256i *)(sums + o)), of_row,
                                               _mm256_load_ps(w_scale + o), _mm512_load_pd(totals + o)));
}

RC_INLINE TARGET __m256 eight_floats(const double *totals, const float *bias, __mmask8 some)
{
    __m512d total = _mm512_load_pd(totals);
    if (bias)
        total = _mm512_add_pd(total, _mm512_cvtps_pd(_mm256_maskz_loadu_ps(some, bias)));
    return _mm512_cvtpd_ps(total);
}

RC_INLINE TARGET void to_floats(const double *totals, const float *bias, size_t width, float *y)
{
    for (size_t o = 0; o < width; o += 8) {
        const __mmask8 some = width - o < 8 ? (__mmask8)((1u << (width - o)) - 1) : 0xFF;
        _mm256_mask_storeu_ps(y + o, some, eight_floats(totals + o, bias ? bias + o : NULL, some));
    }
}

RC_INLINE TARGET void scaled_to_floats(const int32_t *sums, float x_scale, const double *w_scale, const double *bias,
                                       size_t width, float *y)
{
    const __m512d of_row = _mm512_set1_pd((double)x_scale);
    for (size_t o = 0; o < width; o += 8) {
        const __mmask8 some = width - o < 8 ? (__mmask8)((1u << (width - o)) - 1) : 0xFF;
        const __m512d sum = _mm512_cvtepi32_pd(_mm256_load_si256((const __m256i *)(sums + o)));
        const __m512d product = _mm512_mul_pd(sum, _mm512_mul_pd(of_row, _mm512_load_pd(w_scale + o)));
        _mm256_mask_storeu_ps(y + o, some, _mm512_cvtpd_ps(_mm512_add_pd(product, _mm512_load_pd(bias + o))));
    }
}

#include "s8_rows.h"

TARGET int rc_gemm_s8_pack_avx512(size_t begin, size_t end, size_t n, size_t k, size_t group, const int8_t *w,
                                  uint8_t *packed, int32_t *sums)
{
    const size_t groups = (k + group - 1) / group, quads = (group + 3) / 4;
    for (size_t b = begin; b < end; b++) {
        const size_t rows = rc_min(16, n - b * 16);
        for (size_t g = 0; g < groups; g++) {
            const size_t count = rc_min(group, k - g * group);
            const int8_t *from = w + b * 16 * k + g * group;
            uint8_t *to = packed + (b * groups + g) * quads * 64;
            fill_raw(128, from, k, rows, count / 64 * 64, to);
            if (count % 64) { /* sixteen quads at a time do not fit any more */
                uint8_t rest[1024] __attribute__((aligned(64)));
                const size_t whole = count / 64 * 64;
                fill_raw(128, from + whole, k, rows, count - whole, rest);
                memcpy(to + whole * 16, rest, (count - whole + 3) / 4 * 64);
            }
            for (size_t r = 0; r < rows; r++)
                sums[(b * 16 + r) * groups + g] = (int32_t)sum_of(0, (const uint8_t *)from + r * k, count);
        }
    }
    return RC_OK;
}
#endif
