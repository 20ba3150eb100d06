/* gemm_bf16bf16, the bit-level definition: the arithmetic of the instruction VDPBF16PS, in plain loops (GEMM-9.3). */
#include "../kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { CHAINS = 16, INPUTS = 2 * CHAINS };

/* The number of a pattern, its zero if it is subnormal. */
RC_INLINE float number(uint16_t pattern)
{
    const uint32_t bits = (uint32_t)(pattern & 0x7F80 ? pattern : pattern & 0x8000) << 16;
    float a;
    memcpy(&a, &bits, sizeof a);
    return a;
}

/* x * w + sum, rounded once; a zero of its sign if the result, rounded as if exponents had no end, is subnormal. Where
 * fmaf gives the smallest normal number, the result may have been less, and was rounded up to it where subnormal
 * numbers lie twice as far apart: 2^64 times as large, it is rounded as it should be. There both x * w and the sum are
 * small, for the bits of one of them reach down to 2^-149. */
RC_INLINE float step(float x, float w, float sum)
{
    const float y = fmaf(x, w, sum);
    if (!(fabsf(y) <= FLT_MIN))
        return y;
    const float larger = fmaf(x * 0x1p32f, w * 0x1p32f, sum * 0x1p64f);
    return fabsf(larger) < FLT_MIN * 0x1p64f ? copysignf(0, y) : y;
}

int rc_gemm_bf16bf16_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx,
                              const uint16_t *x, const uint16_t *w, float *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            const uint16_t *input = x + i * ldx, *weight = w + o * k;
            float acc[CHAINS] = {0};
            for (size_t first = 0; first < k; first += INPUTS) {
                for (size_t c = 0; c < CHAINS; c++) {
                    for (size_t p = first + 2 * c + 2; p-- > first + 2 * c;) /* the odd one of a pair first */
                        acc[c] = step(p < k ? number(input[p]) : 0, p < k ? number(weight[p]) : 0, acc[c]);
                }
            }
            for (size_t half = CHAINS / 2; half > 0; half /= 2)
                for (size_t c = 0; c < half; c++)
                    acc[c] += acc[c + half];
            y[i * n + o] = acc[0] + 0.0f; /* -0.0, of chains that are nothing else, becomes +0.0 */
        }
    }
    return RC_OK;
}
