/* What changed since the portable file: x and a panel of w are widened to int16 once, so that vpmaddwd's sum of two
 * products is exact (vpmaddubsw would save that, and saturates: 255 * 127 * 2 does not fit an int16; operands split in
 * two halves of a byte would not saturate, and take as many instructions). Four inputs of an output leave two sums side
 * by side, which are added in the end. Sixteen outputs of two rows take eight of sixteen registers: with three rows GCC
 * 12 has none for the products. */
#define NAME(what) what##_avx2
#define TARGET RC_AVX2
#define FEW(k) (2 + (k) / 256)
#define MR 2
#define ALL_ROWS(what, x_unsigned) what(x_unsigned, 1) what(x_unsigned, 2)
#define PANEL int16_t
#define LAID int16_t
#define IN_PLACE 0
#define KC_PACKED KC
#define FLIP(x_unsigned) 0u

RC_INLINE TARGET __m256i widened(const int x_unsigned, __m128i v)
{
    return x_unsigned ? _mm256_cvtepu8_epi16(v) : _mm256_cvtepi8_epi16(v);
}

RC_INLINE TARGET void lay(const int x_unsigned, const uint8_t *x, size_t count, int16_t *out)
{
    size_t p = 0;
    for (; p + 16 <= count; p += 16)
        _mm256_store_si256((__m256i *)(out + p), widened(x_unsigned, _mm_loadu_si128((const __m128i *)(x + p))));
    for (; p < count; p++)
        out[p] = x_unsigned ? x[p] : (int8_t)x[p];
    for (; p % 4; p++)
        out[p] = 0;
}

/* vpsadbw adds up unsigned bytes by eights: x + 128. */
RC_INLINE TARGET int32_t sum_of(const uint8_t *x, size_t count)
{
    __m256i sums = _mm256_setzero_si256();
    size_t p = 0;
    for (; p + 32 <= count; p += 32) {
        const __m256i v = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(x + p)), _mm256_set1_epi8(-128));
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(v, _mm256_setzero_si256()));
    }
    int64_t four[4], sum = -128 * (int64_t)p;
    _mm256_storeu_si256((__m256i *)four, sums);
    for (; p < count; p++)
        sum += (int8_t)x[p];
    return (int32_t)(uint32_t)(uint64_t)(sum + four[0] + four[1] + four[2] + four[3]);
}

RC_INLINE TARGET void sums_of_four(const uint8_t *x, size_t ldx, size_t rows, size_t count, int32_t *out)
{
    for (size_t r = 0; r < rows; r++)
        out[r] = sum_of(x + r * ldx, count);
}

RC_INLINE TARGET __m256i weights(const enum stored stored, const uint8_t *w)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)w);
    if (stored == CODES)
        return _mm256_cvtepu8_epi16(v);
    return _mm256_cvtepi8_epi16(stored == PLUS_128 ? _mm_xor_si128(v, _mm_set1_epi8(-128)) : v);
}

RC_INLINE TARGET void fill_packed(const enum stored stored, const uint8_t *w, size_t quads, int16_t *out)
{
    for (size_t p = 0; p < quads * 64; p += 16) {
        if (p % 64 == 0)
            ask_for(w + p + quads * 64); /* of the next panel */
        _mm256_store_si256((__m256i *)(out + p), weights(stored, w + p));
    }
}

/* Eight rows of eight int32 to eight columns. */
RC_INLINE TARGET void transpose(__m256i *v)
{
    __m256i t[8], u[8];
    RC_UNROLL for (size_t i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    RC_UNROLL for (size_t i = 0; i < 8; i += 4)
        RC_UNROLL for (size_t c = 0; c < 2; c++) {
            u[i + 2 * c] = _mm256_unpacklo_epi64(t[i + c], t[i + 2 + c]);
            u[i + 2 * c + 1] = _mm256_unpackhi_epi64(t[i + c], t[i + 2 + c]);
        }
    RC_UNROLL for (size_t c = 0; c < 4; c++) {
        v[c] = _mm256_permute2x128_si256(u[c], u[4 + c], 0x20);
        v[4 + c] = _mm256_permute2x128_si256(u[c], u[4 + c], 0x31);
    }
}

RC_INLINE TARGET void fill_raw(uint32_t flip, const int8_t *w, size_t ldw, size_t rows, size_t count, int16_t *out)
{
    (void)flip; /* 0 */
    for (size_t p = 0; p < count; p += 32)
        for (size_t half = 0; half < 2; half++) {
            __m256i v[8];
            for (size_t r = 0; r < 8; r++) {
                const int8_t *from = w + rc_min(half * 8 + r, rows - 1) * ldw + p;
                int8_t some[32] = {0};
                if (count - p < 32) {
                    memcpy(some, from, count - p);
                    from = some;
                }
                v[r] = _mm256_loadu_si256((const __m256i *)from);
            }
            transpose(v);
            for (size_t q = 0; q < 8; q++) {
                __m256i *to = (__m256i *)(out + p * 16 + q * 64 + half * 32);
                _mm256_store_si256(to, _mm256_cvtepi8_epi16(_mm256_castsi256_si128(v[q])));
                _mm256_store_si256(to + 1, _mm256_cvtepi8_epi16(_mm256_extracti128_si256(v[q], 1)));
            }
        }
}

/* Sums of sixteen outputs, two of four inputs side by side, as they belong: less what is taken off, from what they
 * begin with, and as many as there are. */
RC_INLINE TARGET void store_sums(const __m256i *acc, const int32_t *from, uint32_t less, int32_t *to, size_t width)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    RC_UNROLL for (size_t b = 0; b < 2; b++) {
        /* vphaddd leaves the outputs 0 1 4 5 | 2 3 6 7 */
        const __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[2 * b], acc[2 * b + 1]), 0xD8);
        const __m256i begun = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(from + 8 * b)),
                                               _mm256_set1_epi32((int32_t)less));
        const __m256i some = _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)width - 8 * (int32_t)b), lanes);
        if (width == 16)
            _mm256_storeu_si256((__m256i *)(to + 8 * b), _mm256_add_epi32(sum, begun));
        else
            _mm256_maskstore_epi32(to + 8 * b, some, _mm256_add_epi32(sum, begun));
    }
}

/* A tile of sixteen outputs. A function of its own: in a loop over the sixteens GCC 12 stores all sums in every
 * step. */
#define SIXTEEN(rows) \
    static TARGET __attribute__((noinline)) void sixteen_##rows(const struct tile *t, size_t v, size_t width) \
    { \
        sixteen(rows, t, v, width); \
    }

/* A vector that stays in its register, and a sum of int32 in its own: GCC 12 would load a weight anew for each row, and
 * move all sums in every step. */
#define KEEP(vector) __asm__("" : "+x"(vector))
#define ADD(sum, vector) __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(vector))

RC_INLINE TARGET void sixteen(const size_t mr, const struct tile *t, size_t v, size_t width)
{
    const int16_t *x = t->x, *w = (const int16_t *)t->panel + v * t->ldp;
    const size_t ldx = t->ldx;
    __m256i acc[MR][4];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t b = 0; b < 4; b++)
            acc[i][b] = _mm256_setzero_si256();
    for (size_t q = t->quads; q > 0; q--, x += 4, w += 64) {
        __m256i input[MR];
        RC_UNROLL for (size_t i = 0; i < mr; i++) {
            int64_t four;
            memcpy(&four, x + i * ldx, sizeof four);
            input[i] = _mm256_set1_epi64x(four);
        }
        RC_UNROLL for (size_t b = 0; b < 4; b++) {
            __m256i weight = _mm256_load_si256((const __m256i *)(w + b * 16));
            KEEP(weight);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                ADD(acc[i][b], _mm256_madd_epi16(input[i], weight));
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        store_sums(acc[i], t->from + i * t->ldf + v * 16, t->less[i], t->to + i * t->ldt + v * 16, width);
}

SIXTEEN(1)
SIXTEEN(2)

RC_INLINE TARGET void tile(const int x_unsigned, const size_t mr, const size_t nv, const struct tile *t)
{
    (void)x_unsigned;
    for (size_t v = 0; v < nv; v++)
        (mr == 1 ? sixteen_1 : sixteen_2)(t, v, v + 1 < nv ? 16 : t->width);
}

/* A tile of one row and sixteen outputs, of packed bytes: as they are widened anew for each row, one row takes no
 * panel. */
RC_INLINE TARGET void stream(const int x_unsigned, const struct tile *t, const uint8_t *w)
{
    const int16_t *x = t->x;
    __m256i acc[4];
    RC_UNROLL for (size_t b = 0; b < 4; b++)
        acc[b] = _mm256_setzero_si256();
    for (size_t q = t->quads; q > 0; q--, x += 4, w += 64) {
        int64_t four;
        memcpy(&four, x, sizeof four);
        ask_for(w + 4096); /* past the next page */
        RC_UNROLL for (size_t b = 0; b < 4; b++)
            acc[b] = _mm256_add_epi32(
                acc[b], _mm256_madd_epi16(_mm256_set1_epi64x(four),
                                          weights(x_unsigned ? AS_THEY_ARE : PLUS_128, w + b * 16)));
    }
    store_sums(acc, t->from, t->less[0], t->to, t->width);
}

#include "s8_tile_table.h"
