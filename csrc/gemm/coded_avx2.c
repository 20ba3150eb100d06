/* What changed since the portable file: sixteen outputs of three rows at a time, by the tiles of s8_tile_avx2.h; codes
 * are looked up 32 at a time, by vpshufb. */
#include "s8_tiles.h"
#if RC_X86
#include "s8_tile_avx2.h"

#define S8S4 rc_gemm_s8s4_avx2
#define S8LUT4 rc_gemm_s8lut4_avx2

RC_INLINE TARGET void decode(const uint8_t *w, size_t lines, const uint8_t *table, uint8_t *out)
{
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i of = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    for (size_t t = 0; t < lines * 2; t++) {
        const __m256i v = _mm256_loadu_si256((const __m256i *)(w + t * 32));
        const __m256i even = _mm256_and_si256(v, low), odd = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
        uint8_t *to = out + t / 2 * 128 + t % 2 * 32;
        _mm256_store_si256((__m256i *)to, _mm256_shuffle_epi8(of, even));
        _mm256_store_si256((__m256i *)(to + 64), _mm256_shuffle_epi8(of, odd));
    }
}

RC_INLINE TARGET void scale_sums(const int affine, const int32_t *sums, const struct groups *of, int32_t x_sum,
                                 size_t nv, float *totals)
{
    const __m256i x = _mm256_set1_epi32(x_sum);
    for (size_t o = 0; o < nv * 16; o += 8) {
        const size_t at = o / 16 * of->ld + o % 16;
        const __m256i zero = affine ? _mm256_loadu_si256((const __m256i *)(of->zero + at))
                                    : _mm256_set1_epi32(of->zero_of_all);
        const __m256i sum =
            _mm256_sub_epi32(_mm256_load_si256((const __m256i *)(sums + o)), _mm256_mullo_epi32(zero, x));
        const __m256 scale = _mm256_loadu_ps(of->scale + at);
        _mm256_store_ps(totals + o, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, _mm256_load_ps(totals + o)));
    }
}

RC_INLINE TARGET void to_y(const float *totals, float x_scale, size_t width, float *y)
{
    size_t o = 0;
    for (; o + 8 <= width; o += 8)
        _mm256_storeu_ps(y + o, _mm256_mul_ps(_mm256_load_ps(totals + o), _mm256_set1_ps(x_scale)));
    for (; o < width; o++)
        y[o] = totals[o] * x_scale;
}

#include "coded_rows.h"
#endif
