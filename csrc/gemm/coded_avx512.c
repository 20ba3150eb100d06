/* What changed since AVX2: there are registers to decode codes, 64 at a time by vpshufb, while they are multiplied, and
 * to keep the sums of a group until they are scaled. */
#include "s8_tiles.h"
#if RC_X86
#include "s8_tile_avx512.h"

#define S8S4 rc_gemm_s8s4_avx512
#define S8LUT4 rc_gemm_s8lut4_avx512

RC_INLINE TARGET __m512i table_of(const uint8_t *table)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
}

RC_INLINE TARGET void decode(const uint8_t *w, size_t lines, const uint8_t *table, uint8_t *out)
{
    const __m512i low = _mm512_set1_epi8(15), of = table_of(table);
    for (size_t t = 0; t < lines; t++) {
        const __m512i v = _mm512_loadu_si512(w + t * 64);
        ask_for(w + (t + lines) * 64); /* of the next panel */
        const __m512i even = _mm512_and_si512(v, low), odd = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
        _mm512_store_si512(out + t * 128, _mm512_shuffle_epi8(of, even));
        _mm512_store_si512(out + t * 128 + 64, _mm512_shuffle_epi8(of, odd));
    }
}

/* Minus the zeros times the sum of the inputs, of sixteen outputs. */
RC_INLINE TARGET __m512i less(const int affine, const int32_t *zero, int32_t zero_of_all, int32_t x_sum)
{
    if (!affine)
        return _mm512_set1_epi32((int32_t)(0 - (uint32_t)zero_of_all * (uint32_t)x_sum));
    const __m512i product = _mm512_mullo_epi32(_mm512_loadu_si512(zero), _mm512_set1_epi32(x_sum));
    return _mm512_sub_epi32(_mm512_setzero_si512(), product);
}

RC_INLINE TARGET void to_y(const float *totals, float x_scale, size_t width, float *y)
{
    for (size_t o = 0; o < width; o += 16) {
        const __mmask16 some = width - o >= 16 ? 0xFFFF : (__mmask16)((1u << (width - o)) - 1);
        _mm512_mask_storeu_ps(y + o, some, _mm512_mul_ps(_mm512_load_ps(totals + o), _mm512_set1_ps(x_scale)));
    }
}

RC_INLINE TARGET void scale_sums(const int affine, const int32_t *sums, const struct groups *of, int32_t x_sum,
                                 size_t nv, float *totals)
{
    for (size_t v = 0; v < nv; v++) {
        const __m512i taken = less(affine, affine ? of->zero + v * of->ld : NULL, of->zero_of_all, x_sum);
        const __m512 sum = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_load_si512(sums + v * 16), taken));
        const __m512 scale = _mm512_loadu_ps(of->scale + v * of->ld);
        _mm512_store_ps(totals + v * 16, _mm512_fmadd_ps(sum, scale, _mm512_load_ps(totals + v * 16)));
    }
}

RC_INLINE TARGET void coded_row(const enum kind kind, const uint8_t *x, const struct groups *of, const uint8_t *w,
                                const uint8_t *table, const int32_t *x_sums, float *totals)
{
    const __m512i low = _mm512_set1_epi8(15), values = table_of(table);
    const size_t quads = of->quads, step = kind == BYTES ? 1 : 2; /* quads of a line */
    __m512 total = _mm512_setzero_ps();
    for (size_t g = 0; g < of->count; g++) {
        /* Four sums of each output hide the latency of vpdpbusd. */
        __m512i acc[4] = {less(of->zero != NULL, of->zero + (of->zero ? g * 16 : 0), of->zero_of_all, x_sums[g])};
        acc[1] = acc[2] = acc[3] = _mm512_setzero_si512();
        size_t q = 0;
        for (; q + 4 <= quads; q += 4)
            RC_UNROLL for (size_t c = 0; c < 4; c += step, w += 64) {
                ask_for(w + 4096);
                const __m512i v = _mm512_loadu_si512(w);
                if (kind == BYTES) {
                    acc[c] = _mm512_dpbusd_epi32(acc[c], v, four_inputs(x + (q + c) * 4));
                    continue;
                }
                __m512i even = _mm512_and_si512(v, low), odd = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
                if (kind == LOOKUP) {
                    even = _mm512_shuffle_epi8(values, even);
                    odd = _mm512_shuffle_epi8(values, odd);
                }
                acc[c] = _mm512_dpbusd_epi32(acc[c], even, four_inputs(x + (q + c) * 4));
                acc[c + 1] = _mm512_dpbusd_epi32(acc[c + 1], odd, four_inputs(x + (q + c + 1) * 4));
            }
        for (; q < quads; q += step, w += 64) {
            const __m512i v = _mm512_loadu_si512(w);
            if (kind == BYTES) {
                acc[0] = _mm512_dpbusd_epi32(acc[0], v, four_inputs(x + q * 4));
                continue;
            }
            acc[0] = _mm512_dpbusd_epi32(acc[0], _mm512_shuffle_epi8(values, _mm512_and_si512(v, low)),
                                         four_inputs(x + q * 4));
            const __m512i odd = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
            if (q + 1 < quads)
                acc[1] = _mm512_dpbusd_epi32(acc[1], _mm512_shuffle_epi8(values, odd), four_inputs(x + (q + 1) * 4));
        }
        const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(acc[0], acc[1]), _mm512_add_epi32(acc[2], acc[3]));
        total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(of->scale + g * 16), total);
        x += quads * 4;
    }
    _mm512_store_ps(totals, total);
}

/* A panel of bytes, or if in_codes lines of codes as they are packed, which are decoded on the way: an even number of
 * quads, and nv at most 2, for that takes registers. */
RC_INLINE TARGET void coded_tile(const int in_codes, const int affine, const size_t mr, const size_t nv,
                                 const uint8_t *x, size_t ldx, const struct groups *of, const uint8_t *panel,
                                 size_t ldp, const uint8_t *table, const int32_t *x_sums, size_t ldsums, float *totals)
{
    const size_t at_once = in_codes ? 2 : 1, steps = of->quads / at_once, ld = of->ld, ldq = of->of_panel - steps * 64;
    const __m512i low = _mm512_set1_epi8(15), values = in_codes ? table_of(table) : low;
    const float *scale = of->scale;
    const int32_t *zero = of->zero, zero_of_all = of->zero_of_all;
    /* Rows by threes from a pointer: an offset for each of eight would not fit the registers. */
    const uint8_t *third[3] = {x, x + 3 * ldx, x + 6 * ldx};
    RC_UNROLL for (size_t r = 1; r < 3; r++)
        __asm__("" : "+r"(third[r])); /* which the compiler would see through */
    __m512i acc[MR][NV];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            acc[i][v] = less(affine, affine ? zero + v * ld : NULL, zero_of_all, x_sums[i * ldsums]);
    /* One loop over the quads of all groups: in a loop in a loop GCC 12 stores all sums in every step. */
    size_t left = steps;
    for (size_t s = of->count * steps; s > 0; s--, panel += 64) {
        __m512i line[NV], weight[NV];
        RC_UNROLL for (size_t v = 0; v < nv; v++) {
            line[v] = _mm512_loadu_si512(panel + v * ldp);
            if (in_codes)
                ask_for(panel + v * ldp + 2048);
        }
        RC_UNROLL for (size_t half = 0; half < at_once; half++) {
            RC_UNROLL for (size_t v = 0; v < nv; v++) {
                const __m512i code = half ? _mm512_srli_epi16(line[v], 4) : line[v];
                weight[v] = in_codes ? _mm512_shuffle_epi8(values, _mm512_and_si512(code, low)) : code;
            }
            RC_UNROLL for (size_t i = 0; i < mr; i++) {
                const __m512i input = four_inputs(third[i / 3] + i % 3 * ldx + half * 4);
                RC_UNROLL for (size_t v = 0; v < nv; v++)
                    acc[i][v] = _mm512_dpbusd_epi32(acc[i][v], weight[v], input);
            }
        }
        RC_UNROLL for (size_t r = 0; r < (mr + 2) / 3; r++)
            third[r] += 4 * at_once;
        if (--left)
            continue;
        left = steps;
        panel += ldq;
        RC_UNROLL for (size_t v = 0; v < nv; v++) {
            const __m512 scales = _mm512_loadu_ps(scale + v * ld);
            RC_UNROLL for (size_t i = 0; i < mr; i++) {
                float *to = totals + i * NR + v * 16;
                _mm512_store_ps(to, _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i][v]), scales, _mm512_load_ps(to)));
            }
        }
        if (s == 1)
            break;
        scale += 16;
        x_sums++;
        if (affine)
            zero += 16;
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            RC_UNROLL for (size_t v = 0; v < nv; v++)
                acc[i][v] = less(affine, affine ? zero + v * ld : NULL, zero_of_all, x_sums[i * ldsums]);
    }
}

#include "coded_rows.h"

/* Up to 64 codes of sixteen rows; the last row stands for those past it. */
RC_INLINE TARGET void pack_some(const size_t bits, const uint8_t *codes, size_t ldc, size_t rows, size_t some,
                                __m512i flips, uint8_t *to)
{
    const __mmask64 there = ~(__mmask64)0 >> (64 - some);
    const __mmask32 halves = (__mmask32)(((uint64_t)1 << (some + 1) / 2) - 1);
    __m512i v[16];
    RC_UNROLL for (size_t r = 0; r < 16; r++) {
        const uint8_t *row = codes + rc_min(r, rows - 1) * ldc;
        if (bits == 8) {
            v[r] = _mm512_maskz_loadu_epi8(there, row);
        } else {
            const __m512i wide = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(halves, row));
            v[r] = _mm512_and_si512(_mm512_or_si512(wide, _mm512_slli_epi16(wide, 4)), _mm512_set1_epi8(15));
        }
        v[r] = _mm512_xor_si512(v[r], flips);
    }
    transpose(v);
    RC_UNROLL for (size_t t = 0; t < 8; t++)
        if (t * 8 < some)
            _mm512_storeu_si512(to + t * 64, _mm512_or_si512(v[2 * t], _mm512_slli_epi16(v[2 * t + 1], 4)));
}

RC_INLINE TARGET void pack_codes(const size_t bits, size_t begin, size_t end, size_t n, size_t k, size_t group,
                                 const uint8_t *codes, size_t ldc, uint8_t flip, uint8_t *packed)
{
    const size_t groups = (k + group - 1) / group, lines = ((group + 3) / 4 + 1) / 2;
    for (size_t b = begin; b < end; b++)
        for (size_t g = 0; g < groups; g++) {
            const size_t count = rc_min(group, k - g * group);
            for (size_t p = 0; p < count; p += 64)
                pack_some(bits, codes + b * 16 * ldc + (g * group + p) * bits / 8, ldc, rc_min(16, n - b * 16),
                          rc_min(64, count - p), _mm512_set1_epi8((char)flip),
                          packed + ((b * groups + g) * lines + p / 8) * 64);
        }
}

TARGET int rc_gemm_coded_pack_avx512(size_t begin, size_t end, size_t n, size_t k, size_t group, size_t bits,
                                     const uint8_t *codes, size_t ldc, uint8_t flip, uint8_t *packed)
{
    if (bits == 8)
        pack_codes(8, begin, end, n, k, group, codes, ldc, flip, packed);
    else if (group % 2 && group < k) /* groups begin within a byte */
        return rc_gemm_coded_pack_portable(begin, end, n, k, group, bits, codes, ldc, flip, packed);
    else
        pack_codes(4, begin, end, n, k, group, codes, ldc, flip, packed);
    return RC_OK;
}

TARGET int rc_gemm_s8_lay_avx512(size_t begin, size_t end, size_t k, size_t group, size_t ldx, const int8_t *x,
                                 size_t ldl, int8_t *laid, int32_t *sums)
{
    const size_t groups = (k + group - 1) / group, padded = (group + 3) / 4 * 4;
    for (size_t i = begin; i < end; i++)
        for (size_t g = 0; g < groups; g++) {
            const uint8_t *from = (const uint8_t *)x + i * ldx + g * group;
            const size_t count = rc_min(group, k - g * group);
            int32_t four[4];
            sums_of_four(from, ldx, 1, count, four);
            sums[i * groups + g] = four[0];
            if (laid) {
                memcpy(laid + i * ldl + g * padded, from, count);
                memset(laid + i * ldl + g * padded + count, 0, padded - count);
            }
        }
    return RC_OK;
}
#endif
