/* What changed since the portable file: eight or sixteen outputs of up to eight rows at a time, and four inputs of each
 * by vpmaddubsw. It saturates, but not with weights from 0 to 15: eight sums of two products fit an int16, for
 * 8 * 2 * 15 * 128 < 2^15, and are widened once. Codes are decoded as they are multiplied: those that are their own
 * values take one such sum, all others the low and the high four bits of what they stand for, a sum each. */
#include "s8_tiles.h"
#if RC_X86

#define TARGET RC_AVX2

enum { QUADS = 8 }; /* whose sums stay int16 */

/* Sums of one part of the weights, or of two. So many rows of them fit the registers, of eight outputs; of up to half
 * as many rows there are sixteen outputs. */
#define MR ((size_t)8)
#define PARTS(kind) ((size_t)((kind) == NIBBLES ? 1 : 2))
#define ROWS(kind) (MR / PARTS(kind))
#define EIGHTS(kind, mr) ((size_t)((mr) * 2 <= ROWS(kind) ? 2 : 1))

/* Four inputs, or a sum of them, in each lane. */
RC_INLINE TARGET __m256i four_inputs(const void *x)
{
    return _mm256_castps_si256(_mm256_broadcast_ss(x));
}

/* The parts of the weights of eight outputs, from the quad that is the first or second of a line, or in a line of its
 * own. */
RC_INLINE TARGET void decode(const enum kind kind, const size_t second, const uint8_t *line, const __m256i *tables,
                             __m256i *part)
{
    const __m256i low = _mm256_set1_epi8(15), v = _mm256_loadu_si256((const __m256i *)line);
    const __m256i halves[2] = {_mm256_and_si256(v, low), _mm256_and_si256(_mm256_srli_epi16(v, 4), low)};
    for (size_t p = 0; p < PARTS(kind); p++)
        part[p] = kind == LOOKUP ? _mm256_shuffle_epi8(tables[p], halves[second]) : halves[kind == BYTES ? p : second];
}

/* A sum of int16 in its own register, in the order in which it stands here: GCC 12 would multiply first, and store the
 * products. */
#define ADD(sum, vector) __asm__ volatile("vpaddw %1, %0, %0" : "+x"(sum) : "x"(vector))

/* The products of some quads, at most QUADS, of mr rows. third : rows of x by threes from a pointer, for
 * an offset for each of eight would not fit the registers. */
RC_INLINE TARGET void multiply(const enum kind kind, const size_t mr, const size_t quads, const uint8_t *const *third,
                               size_t ldx, const uint8_t *w, const __m256i *tables, __m256i (*sums)[2])
{
    const size_t nv = EIGHTS(kind, mr), parts = PARTS(kind);
    __m256i acc[MR][2][2];
    RC_UNROLL for (size_t q = 0; q < quads; q++) {
        __m256i weight[2][2];
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            decode(kind, q % 2, w + (kind == BYTES ? q : q / 2) * 64 + v * 32, tables, weight[v]);
        if (kind == BYTES || q % 2 == 0)
            ask_for(w + (kind == BYTES ? q : q / 2) * 64 + 4096);
        RC_UNROLL for (size_t i = 0; i < mr; i++) {
            const __m256i input = four_inputs(third[i / 3] + i % 3 * ldx + q * 4);
            RC_UNROLL for (size_t v = 0; v < nv; v++)
                RC_UNROLL for (size_t p = 0; p < parts; p++) {
                    const __m256i product = _mm256_maddubs_epi16(weight[v][p], input);
                    if (q == 0)
                        acc[i][v][p] = product;
                    else
                        ADD(acc[i][v][p], product);
                }
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            RC_UNROLL for (size_t p = 0; p < parts; p++) {
                const __m256i sum = _mm256_madd_epi16(acc[i][v][p], _mm256_set1_epi16(p ? 16 : 1));
                sums[i][v] = p ? _mm256_add_epi32(sums[i][v], sum) : sum;
            }
}

/* Add the sums of group g, less zero times the sums of the inputs and times the scales, to the totals. */
RC_INLINE TARGET void scale_sums(const size_t mr, const size_t nv, __m256i (*sums)[2], const struct groups *of,
                                 const int32_t *x_sums, size_t g, float *totals)
{
    RC_UNROLL for (size_t v = 0; v < nv; v++) {
        const __m256 scale = _mm256_loadu_ps(of->scale + g * 16 + v * 8);
        const __m256i zero = of->zero ? _mm256_loadu_si256((const __m256i *)(of->zero + g * 16 + v * 8))
                                      : _mm256_set1_epi32(of->zero_of_all);
        RC_UNROLL for (size_t i = 0; i < mr; i++) {
            const __m256i x_sum = four_inputs(x_sums + i * of->count + g);
            const __m256i sum = _mm256_sub_epi32(sums[i][v], _mm256_mullo_epi32(zero, x_sum));
            float *to = totals + i * 16 + v * 8;
            _mm256_store_ps(to, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, _mm256_load_ps(to)));
        }
    }
}

/* The products of mr rows with eight outputs or sixteen, for each group, scaled and added to totals, rows of sixteen.
 * w : packed codes. */
RC_INLINE TARGET void tile(const enum kind kind, const size_t mr, const uint8_t *x, size_t ldx, const struct groups *of,
                           const uint8_t *w, const __m256i *tables, const int32_t *x_sums, float *totals)
{
    const size_t nv = EIGHTS(kind, mr);
    const uint8_t *third[3] = {x, x + 3 * ldx, x + 6 * ldx};
    RC_UNROLL for (size_t r = 1; r < 3; r++)
        __asm__("" : "+r"(third[r])); /* which the compiler would see through */
    for (size_t g = 0; g < of->count; g++) {
        __m256i sums[MR][2], part[MR][2];
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            RC_UNROLL for (size_t v = 0; v < nv; v++)
                sums[i][v] = _mm256_setzero_si256();
        for (size_t left = of->quads, now; left > 0; left -= now) {
            now = left >= QUADS ? QUADS : left >= 2 ? 2 : 1;
            if (now == QUADS)
                multiply(kind, mr, QUADS, third, ldx, w, tables, part);
            else if (now == 2)
                multiply(kind, mr, 2, third, ldx, w, tables, part);
            else
                multiply(kind, mr, 1, third, ldx, w, tables, part);
            RC_UNROLL for (size_t r = 0; r < (mr + 2) / 3; r++)
                third[r] += now * 4;
            w += (kind == BYTES ? now : (now + 1) / 2) * 64;
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                RC_UNROLL for (size_t v = 0; v < nv; v++)
                    sums[i][v] = _mm256_add_epi32(sums[i][v], part[i][v]);
        }
        scale_sums(mr, nv, sums, of, x_sums, g, totals);
    }
}

/* A function for each size of a tile, as in s8_tile_table.h. */
typedef void tile_function(const uint8_t *x, size_t ldx, const struct groups *of, const uint8_t *w,
                           const __m256i *tables, const int32_t *x_sums, float *totals);
#define TILE(kind, mr) \
    static TARGET void tile_##kind##_##mr(const uint8_t *x, size_t ldx, const struct groups *of, const uint8_t *w, \
                                          const __m256i *tables, const int32_t *x_sums, float *totals) \
    { \
        tile(kind, mr, x, ldx, of, w, tables, x_sums, totals); \
    }
TILE(NIBBLES, 1) TILE(NIBBLES, 2) TILE(NIBBLES, 3) TILE(NIBBLES, 4)
TILE(NIBBLES, 5) TILE(NIBBLES, 6) TILE(NIBBLES, 7) TILE(NIBBLES, 8)
TILE(LOOKUP, 1) TILE(LOOKUP, 2) TILE(LOOKUP, 3) TILE(LOOKUP, 4)
TILE(BYTES, 1) TILE(BYTES, 2) TILE(BYTES, 3) TILE(BYTES, 4)
static tile_function *const tiles[3][MR] = {
    [NIBBLES] = {tile_NIBBLES_1, tile_NIBBLES_2, tile_NIBBLES_3, tile_NIBBLES_4, tile_NIBBLES_5, tile_NIBBLES_6,
                 tile_NIBBLES_7, tile_NIBBLES_8},
    [LOOKUP] = {tile_LOOKUP_1, tile_LOOKUP_2, tile_LOOKUP_3, tile_LOOKUP_4},
    [BYTES] = {tile_BYTES_1, tile_BYTES_2, tile_BYTES_3, tile_BYTES_4},
};

RC_INLINE TARGET void to_y(const float *totals, float x_scale, size_t width, float *y)
{
    size_t o = 0;
    for (; o + 8 <= width; o += 8)
        _mm256_storeu_ps(y + o, _mm256_mul_ps(_mm256_load_ps(totals + o), _mm256_set1_ps(x_scale)));
    for (; o < width; o++)
        y[o] = totals[o] * x_scale;
}

TARGET int rc_gemm_s8s4_avx2(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                             const int32_t *x_sums, const float *x_scale, const struct rc_coded *weights, float *y)
{
    const struct rc_coded w = *weights;
    const enum kind kind = w.bits == 8 ? BYTES : w.identity ? NIBBLES : LOOKUP;
    const size_t groups = (w.k + w.group - 1) / w.group, quads = (w.group + 3) / 4;
    const size_t bytes = (w.bits == 8 ? quads : (quads + 1) / 2) * 64;
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)w.table));
    const __m256i tables[2] = {_mm256_and_si256(table, low), _mm256_and_si256(_mm256_srli_epi16(table, 4), low)};
    float totals[MR * 16] __attribute__((aligned(64)));
    for (size_t i0 = begin; i0 < end; i0 += MC_CODED)
        for (size_t o = first; o < stop; o += 16) {
            const size_t width = rc_min(stop - o, 16), last = rc_min(end, i0 + MC_CODED), at = o * groups;
            for (size_t i = i0, mr; i < last; i += mr) {
                mr = rc_min(last - i, ROWS(kind));
                memset(totals, 0, mr * 16 * sizeof *totals);
                for (size_t v = 0; v < width; v += EIGHTS(kind, mr) * 8) {
                    const struct groups of = {groups, quads, 0, 0, w.scale + at + v, w.zero ? w.zero + at + v : NULL,
                                              w.zero_of_all};
                    tiles[kind][mr - 1]((const uint8_t *)x + i * ldx, ldx, &of, w.codes + at / 16 * bytes + v * 4,
                                        tables, x_sums + i * groups, totals + v);
                }
                for (size_t r = 0; r < mr; r++)
                    to_y(totals + r * 16, x_scale[i + r], width, y + (i + r) * w.n + o);
            }
        }
    return RC_OK;
}

TARGET int rc_gemm_s8lut4_avx2(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                               const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, float *y)
{
    return rc_gemm_s8s4_avx2(begin, end, first, stop, ldx, x, x_sums, x_scale, w, y);
}
#endif
