/* The bit-level definition of narrow weights: the float that the code of one input stands for, as refcompress.h writes
 * it. Wider files decode many at once, and use this where a group has another size than theirs. */
#ifndef RC_NARROW_H
#define RC_NARROW_H
#include "../floats/number.h"
#include <float.h>

/* The operations; a constant wherever it is used. */
enum operation { S8, S4, F16, BF16, FP8, LUT4, LUT8, NF4, MX, NVFP4 };

/* fnuz: all codes but that of -0 are numbers, of the type without specials and a bias one higher. */
RC_INLINE float fnuz(int32_t code, struct format f)
{
    const float half = 0.5f * number_of(code, f); /* exact: the lowest is 2^-17 */
    return float_of(select_int(code == 128, 0x7FC00000, bits_of(half)));
}

/* A code of 8 bits. */
RC_INLINE float element_of(const enum rc_narrow_type type, int32_t code)
{
    switch (type) {
    case RC_NARROW_E4M3: return number_of(code, FP8_E4M3);
    case RC_NARROW_E5M2: return number_of(code, FP8_E5M2);
    case RC_NARROW_E4M3FNUZ: return fnuz(code, (struct format){4, 3, 0, 0, 0});
    case RC_NARROW_E5M2FNUZ: return fnuz(code, (struct format){5, 2, 0, 0, 0});
    case RC_NARROW_E2M3: return number_of(code, FP6_E2M3);
    case RC_NARROW_E3M2: return number_of(code, FP6_E3M2);
    case RC_NARROW_E2M1: return number_of(code, FP4_E2M1);
    case RC_NARROW_S8: return (float)((code ^ 128) - 128) / 64;
    }
    return 0;
}

/* 2^(code - 127), or NaN: E8M0. Its lowest is a subnormal float. */
RC_INLINE float power_of(int32_t code)
{
    return float_of(select_int(code == 255, 0x7FC00000, select_int(code == 0, 1 << 22, code << 23)));
}

/* scale * steps, at most the largest float. */
RC_INLINE float clipped(float scale, float steps)
{
    const float product = scale * steps;
    return product > FLT_MAX ? FLT_MAX : product < -FLT_MAX ? -FLT_MAX : product;
}

/* The bits of a code. */
RC_INLINE size_t width_of(const enum operation op, const int nibbles)
{
    return op == F16 || op == BF16 ? 16 : nibbles ? 4 : 8;
}

RC_INLINE int32_t code_at(const enum operation op, const int nibbles, const unsigned char *row, size_t p)
{
    if (op == F16 || op == BF16) {
        uint16_t code;
        memcpy(&code, row + 2 * p, sizeof code);
        return code;
    }
    return nibbles ? row[p / 2] >> 4 * (p % 2) & 15 : row[p];
}

RC_INLINE float weight_of(const enum operation op, const struct rc_narrow *w, size_t o, size_t p)
{
    const size_t g = o * w->stride + p / w->group;
    const int32_t c = code_at(op, w->nibbles, (const unsigned char *)w->codes + o * w->row, p);
    switch (op) {
    case S8: return clipped(((const float *)w->scale)[g], (float)((c ^ 128) - 128 - w->zero_point[g]));
    case S4: return clipped(((const float *)w->scale)[g], (float)((c ^ 8) - 8 - w->zero_point[g]));
    case F16: return number_of(c, FLOAT16);
    case BF16: return number_of(c, BFLOAT16);
    case FP8: return element_of(w->type, c);
    case LUT4: case LUT8: return (size_t)c < w->entries ? w->codebook[g * w->entries + (size_t)c] : 0;
    case NF4: return ((const float *)w->scale)[g] * w->codebook[c & 15];
    case MX: return power_of(((const uint8_t *)w->scale)[g]) * element_of(w->type, c);
    case NVFP4:
        return number_of(c, FP4_E2M1) * (number_of(((const uint8_t *)w->scale)[g], FP8_E4M3) * w->factor);
    }
    return 0;
}

/* Whether the sums of a row are scaled at their end: then they are of c - zero_point. */
RC_INLINE int scales_sums(const enum operation op, const struct rc_narrow *w)
{
    return op == S8 && w->k > 0 && w->group >= w->k;
}
#endif
