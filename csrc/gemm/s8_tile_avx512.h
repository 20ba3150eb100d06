/* What changed since AVX2: vpdpbusd adds four products of bytes to each of sixteen outputs in one instruction, and
 * neither is widened. 32 registers hold the sums of 8 rows and 48 outputs, and their operands: a step of 24 products has
 * 11 loads. */
#define NAME(what) what##_avx512
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

#include "s8_tile_table.h"
