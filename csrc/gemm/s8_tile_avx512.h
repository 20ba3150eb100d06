/* What changed since AVX2: vpdpbusd adds four products of bytes to each of sixteen outputs in one instruction, and
 * neither is widened. 32 registers hold the sums of 8 rows and 48 outputs, and their operands: a step of 24 products
 * has 11 loads. */
#define NAME(what) what##_avx512
#define TARGET RC_AVX512
#define FEW(k) (2 + (k) / 256)
#define MR 8
#define ALL_ROWS(what, x_unsigned) \
    what(x_unsigned, 1) what(x_unsigned, 2) what(x_unsigned, 3) what(x_unsigned, 4) what(x_unsigned, 5) \
        what(x_unsigned, 6) what(x_unsigned, 7) what(x_unsigned, 8)
#define LAID uint8_t
#define IN_PLACE 1
#define KC_PACKED (L2 / 2 / NR / 64 * 64)
#define FAR 2048
#define FLIP(x_unsigned) ((x_unsigned) ? 0u : 128u)

RC_INLINE TARGET __m512i bytes(const void *from, size_t count)
{
    return count >= 64 ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi8(((__mmask64)1 << count) - 1, from);
}

RC_INLINE TARGET void lay(const int x_unsigned, const uint8_t *x, size_t count, uint8_t *out)
{
    (void)x_unsigned, (void)x, (void)count, (void)out; /* inputs are read where they are */
}

/* Neighbours are interleaved and added twice, which leaves the sums of a, b, c, d side by side. */
RC_INLINE TARGET __m128i sums_over_lanes(const __m512i *v)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    const __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

RC_INLINE TARGET void sums_of_four(const uint8_t *x, size_t ldx, size_t rows, size_t count, int32_t *out)
{
    const __m512i ones = _mm512_set1_epi8(1);
    const uint8_t *row[4];
    __m512i sum[4];
    RC_UNROLL for (size_t r = 0; r < 4; r++) {
        row[r] = x + rc_min(r, rows - 1) * ldx;
        sum[r] = _mm512_setzero_si512();
    }
    for (size_t p = 0; p < count; p += 64) {
        const __mmask64 some = ~(__mmask64)0 >> (64 - rc_min(64, count - p));
        RC_UNROLL for (size_t r = 0; r < 4; r++)
            sum[r] = _mm512_dpbusd_epi32(sum[r], ones, _mm512_maskz_loadu_epi8(some, row[r] + p));
    }
    _mm_storeu_si128((__m128i *)out, sums_over_lanes(sum));
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

RC_INLINE TARGET __m512i four_inputs(const void *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

/* acc + the products of four inputs with sixteen outputs: the unsigned side comes first. */
RC_INLINE TARGET __m512i dot(const int x_unsigned, __m512i acc, __m512i x, __m512i w)
{
    return x_unsigned ? _mm512_dpbusd_epi32(acc, x, w) : _mm512_dpbusd_epi32(acc, w, x);
}

RC_INLINE __mmask16 lanes(size_t count)
{
    return (__mmask16)(0xFFFFu >> (16 - count));
}

RC_INLINE TARGET void tile(const int x_unsigned, const size_t mr, const size_t nv, const struct tile *t)
{
    const uint8_t *x = t->x, *w = t->panel;
    const size_t ldx = t->ldx, ldw = t->ldp;
    const ptrdiff_t ahead = t->ahead;
    __m512i acc[MR][NV], weight[NV];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            acc[i][v] = _mm512_sub_epi32(_mm512_loadu_si512(t->from + i * t->ldf + v * 16),
                                         _mm512_set1_epi32((int32_t)t->less[i]));
    for (size_t q = t->quads; q > 0; q--, x += 4, w += 64) {
        RC_UNROLL for (size_t v = 0; v < nv; v++) {
            weight[v] = _mm512_loadu_si512(w + v * ldw);
            ask_for(w + v * ldw + ahead);
        }
        RC_UNROLL for (size_t i = 0; i < mr; i++) {
            const __m512i input = four_inputs(x + i * ldx);
            RC_UNROLL for (size_t v = 0; v < nv; v++)
                acc[i][v] = dot(x_unsigned, acc[i][v], input, weight[v]);
        }
    }
    if (t->rest) {
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            weight[v] = _mm512_loadu_si512(w + v * ldw);
        RC_UNROLL for (size_t i = 0; i < mr; i++) {
            const __m512i input = _mm512_set1_epi32(t->rest[i]);
            RC_UNROLL for (size_t v = 0; v < nv; v++)
                acc[i][v] = dot(x_unsigned, acc[i][v], input, weight[v]);
        }
    }
    const __mmask16 some = lanes(t->width);
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < nv; v++) {
            int32_t *to = t->to + i * t->ldt + v * 16;
            if (v + 1 < nv)
                _mm512_storeu_si512(to, acc[i][v]);
            else
                _mm512_mask_storeu_epi32(to, some, acc[i][v]);
        }
}

/* A tile of one row and sixteen outputs: w is read as one stream, whose speed is what counts. Four sums of each output,
 * of every fourth quad, hide the latency of vpdpbusd. */
RC_INLINE TARGET void stream(const int x_unsigned, const struct tile *t, const uint8_t *w)
{
    const uint8_t *x = t->x;
    __m512i acc[4] = {_mm512_sub_epi32(_mm512_loadu_si512(t->from), _mm512_set1_epi32((int32_t)t->less[0]))};
    acc[1] = acc[2] = acc[3] = _mm512_setzero_si512();
    size_t q = t->quads;
    for (; q >= 4; q -= 4, x += 16, w += 256)
        RC_UNROLL for (size_t c = 0; c < 4; c++) {
            acc[c] = dot(x_unsigned, acc[c], four_inputs(x + c * 4), _mm512_loadu_si512(w + c * 64));
        }
    for (; q > 0; q--, x += 4, w += 64)
        acc[0] = dot(x_unsigned, acc[0], four_inputs(x), _mm512_loadu_si512(w));
    if (t->rest)
        acc[1] = dot(x_unsigned, acc[1], _mm512_set1_epi32(t->rest[0]), _mm512_loadu_si512(w));
    _mm512_mask_storeu_epi32(t->to, lanes(t->width), _mm512_add_epi32(_mm512_add_epi32(acc[0], acc[1]),
                                                                      _mm512_add_epi32(acc[2], acc[3])));
}

#include "s8_tile_table.h"
