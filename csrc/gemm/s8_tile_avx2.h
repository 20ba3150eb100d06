/* What changed since the portable file: vpmaddubsw multiplies 32 pairs of bytes and adds them up by twos, as int16 that
 * saturate. So an input is split, x = 16 * high + low, with both from -8 to 8 where x is signed: then eight sums of two
 * products with bytes from 0 to 255 fit an int16, for 8 * 2 * 8 * 255 < 2^15, and are widened once. An unsigned x has
 * halves from 0 to 15, and meets signed bytes: 8 * 2 * 15 * 128 < 2^15. Widened operands would take as many
 * multiplications (vpmaddwd), and twice the room in L1. Sixteen outputs of two rows take eight of sixteen registers. */
#define NAME(what) what##_avx2
#define TARGET RC_AVX2
#define FEW(k) rc_min(8, 2 + (k) / 256)
#define MR 2
#define ALL_ROWS(what, x_unsigned) what(x_unsigned, 1) what(x_unsigned, 2)
#define LAID int16_t /* both halves of an input: four high ones, four low ones */
#define IN_PLACE 0
#define KC_PACKED KC
#define FAR 4096
#define FLIP(x_unsigned) ((x_unsigned) ? 0u : 128u)

enum { QUADS = 8 }; /* whose sums stay int16 */

#include "s8_split_avx2.h"

/* By 32, with zeros behind the last input. */
RC_INLINE TARGET void lay(const int x_unsigned, const uint8_t *x, size_t count, int16_t *out)
{
    for (size_t p = 0; p < count; p += 32) {
        __m256i high, low;
        split(x_unsigned, bytes_or_zeros(x + p, count - p), &high, &low);
        const __m256i a = _mm256_unpacklo_epi32(high, low), b = _mm256_unpackhi_epi32(high, low);
        /* quads 0 1 | 4 5 and 2 3 | 6 7 */
        _mm256_store_si256((__m256i *)(out + p), _mm256_permute2x128_si256(a, b, 0x20));
        _mm256_store_si256((__m256i *)(out + p + 16), _mm256_permute2x128_si256(a, b, 0x31));
    }
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

RC_INLINE TARGET void fill_raw(uint32_t flip, const int8_t *w, size_t ldw, size_t rows, size_t count, uint8_t *out)
{
    const __m256i flips = _mm256_set1_epi8((char)flip);
    for (size_t p = 0; p < count; p += 32)
        for (size_t half = 0; half < 2; half++) {
            __m256i v[8];
            RC_UNROLL for (size_t r = 0; r < 8; r++) {
                const int8_t *from = w + rc_min(half * 8 + r, rows - 1) * ldw + p;
                v[r] = _mm256_xor_si256(bytes_or_zeros(from, count - p), flips);
            }
            transpose(v);
            RC_UNROLL for (size_t q = 0; q < 8; q++)
                _mm256_store_si256((__m256i *)(out + p * 16 + q * 64 + half * 32), v[q]);
        }
}

/* A vector that stays in its register, and a sum of int16 in its own, in the order in which it stands here: GCC 12
 * would load a weight anew for each row, multiply first, and store the products. */
#define KEEP(vector) __asm__("" : "+x"(vector))
#define ADD(sum, vector) __asm__ volatile("vpaddw %1, %0, %0" : "+x"(sum) : "x"(vector))

/* Add the products of some quads, at most QUADS, with sixteen outputs to the sums of mr rows. */
RC_INLINE TARGET void multiply(const int x_unsigned, const size_t mr, const size_t quads, const int16_t *x, size_t ldx,
                               const uint8_t *w, ptrdiff_t ahead, __m256i (*sums)[2])
{
    __m256i acc[MR][2][2];
    RC_UNROLL for (size_t q = 0; q < quads; q++) {
        __m256i weight[2];
        ask_for(w + (ptrdiff_t)q * 64 + ahead);
        RC_UNROLL for (size_t v = 0; v < 2; v++) {
            weight[v] = _mm256_loadu_si256((const __m256i *)(w + q * 64 + v * 32));
            KEEP(weight[v]);
        }
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            RC_UNROLL for (size_t h = 0; h < 2; h++) {
                const float *four = (const float *)(x + i * ldx + q * 4 + h * 2);
                const __m256i input = _mm256_castps_si256(_mm256_broadcast_ss(four));
                RC_UNROLL for (size_t v = 0; v < 2; v++) {
                    const __m256i product =
                        x_unsigned ? _mm256_maddubs_epi16(input, weight[v]) : _mm256_maddubs_epi16(weight[v], input);
                    if (q == 0)
                        acc[i][v][h] = product;
                    else
                        ADD(acc[i][v][h], product);
                }
            }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < 2; v++)
            RC_UNROLL for (size_t h = 0; h < 2; h++) {
                const __m256i sum = _mm256_madd_epi16(acc[i][v][h], _mm256_set1_epi16(h ? 1 : 16));
                sums[i][v] = _mm256_add_epi32(sums[i][v], sum);
            }
}

/* A tile of sixteen outputs, the first `width` of which are stored. A function of its own: in a loop over the sixteens
 * GCC 12 stores all sums in every step. */
#define SIXTEEN(x_unsigned, rows) \
    static TARGET __attribute__((noinline)) void sixteen_##x_unsigned##_##rows( \
        const struct tile *t, const uint8_t *w, ptrdiff_t ahead, size_t v, size_t width) \
    { \
        sixteen(x_unsigned, rows, t, w, ahead, v, width); \
    }

RC_INLINE TARGET void sixteen(const int x_unsigned, const size_t mr, const struct tile *t, const uint8_t *w,
                              ptrdiff_t ahead, size_t v, size_t width)
{
    const int16_t *x = t->x;
    const size_t ldx = t->ldx;
    __m256i sums[MR][2];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t b = 0; b < 2; b++)
            sums[i][b] = _mm256_sub_epi32(
                _mm256_loadu_si256((const __m256i *)(t->from + i * t->ldf + v * 16 + b * 8)),
                _mm256_set1_epi32((int32_t)t->less[i]));
    size_t q = t->quads;
    for (; q >= QUADS; q -= QUADS, x += QUADS * 4, w += QUADS * 64)
        multiply(x_unsigned, mr, QUADS, x, ldx, w, ahead, sums);
    for (; q > 0; q--, x += 4, w += 64)
        multiply(x_unsigned, mr, 1, x, ldx, w, ahead, sums);
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t b = 0; b < 2; b++) {
            int32_t *to = t->to + i * t->ldt + v * 16 + b * 8;
            if (width == 16)
                _mm256_storeu_si256((__m256i *)to, sums[i][b]);
            else
                _mm256_maskstore_epi32(to, _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)(width - 8 * b)), lanes),
                                       sums[i][b]);
        }
}

SIXTEEN(0, 1)
SIXTEEN(0, 2)
SIXTEEN(1, 1)
SIXTEEN(1, 2)

RC_INLINE TARGET void tile(const int x_unsigned, const size_t mr, const size_t nv, const struct tile *t)
{
    for (size_t v = 0; v < nv; v++) {
        const uint8_t *w = (const uint8_t *)t->panel + v * t->ldp;
        const size_t width = v + 1 < nv ? 16 : t->width;
        if (mr == 1)
            (x_unsigned ? sixteen_1_1 : sixteen_0_1)(t, w, t->ahead, v, width);
        else
            (x_unsigned ? sixteen_1_2 : sixteen_0_2)(t, w, t->ahead, v, width);
    }
}

/* A tile of one row and sixteen outputs: w is read as one stream, and asked for past the next page. */
RC_INLINE TARGET void stream(const int x_unsigned, const struct tile *t, const uint8_t *w)
{
    (x_unsigned ? sixteen_1_1 : sixteen_0_1)(t, w, 4096, 0, t->width);
}

#include "s8_tile_table.h"
