/* Template of blocks of small numbers that share a scale: MX, NF4, NVFP4. Included after these were defined:
 *
 * MX_ENCODE, MX_DECODE, NF4_ENCODE, NF4_DECODE, MAXIMA, NVFP4_ENCODE, NVFP4_DECODE   the functions' names
 * TARGET               their instruction set, or nothing
 * mx_codes(f, power, x, codes)          codes of MX_BLOCK numbers times power
 * LIMITS, limits_of(boundaries, s)      16 boundaries times s, rounded down to floats
 * level_codes(limits, x, codes)         of PIECE numbers: how many limits, which ascend, x is above
 * STEPS, steps_of(boundaries, s)        8 of them
 * step_codes(steps, x, codes)           the same of the magnitude; 8 more for x < 0 and a code above 0
 * and where it pays FAST, with
 * near_of(boundaries)                   what the next one needs, made once for a call
 * fast_codes(near, limits, s, count, x, codes, stream)   the same of as many of count numbers as it can; returns how
 *                                       many
 * and where that pays RATIOS, ratios()  what the next one needs, made once for a call
 * ratio_codes(ratios, steps, x, codes, stream)   codes of fp4_e2m1 of x / step of four blocks of PIECE, for four steps
 * level_values(levels, s, codes, x)     of PIECE codes: level * s
 * e2m1_values(s, codes, x)              number of fp4_e2m1 * s
 * sixteen_maxima(pieces, x, most)       the bits of the largest magnitudes of 16 blocks of PIECE * pieces numbers
 *
 * A number is never divided by its scale. That x / s, rounded to a float, is above the middle of two levels means that
 * the quotient itself is above a boundary that lies half a unit in the last place from the middle. The boundary has 25
 * bits and s has 24, so in double their product is exact: x is compared with that, rounded down to a float.
 *
 * Of a TURN of blocks the maxima are found first, then the scales, then the codes: one block alone is a chain of steps
 * that wait for each other.
 */
#include "../quantize/places.h"
#include "../memory.h"
#include "number.h"

enum { PIECE = 16, MX_BLOCK = 32, TURN = 32 };

RC_INLINE float next_below(float x)
{
    return float_of(bits_of(x) < 0 ? bits_of(x) + 1 : bits_of(x) - 1);
}

/* The largest double such that a quotient, rounded to a float, is above the middle (or if `with`, on it) where it is
 * above that double. Where the quotient lies in the middle of two floats the even one is taken: if that is above, the
 * double is less than the middle of them by 2^-51 of it. A product of 25 and 24 bits comes no nearer than 2^-49. */
static inline double boundary(double middle, const int with)
{
    float above = (float)middle; /* not 0, for which the next bits would be another sign's */
    if ((double)above < middle || (!with && (double)above == middle))
        above = float_of(bits_of(above) < 0 ? bits_of(above) - 1 : bits_of(above) + 1);
    const double half = ((double)next_below(above) + (double)above) / 2;
    return bits_of(above) & 1 ? half : half - (half < 0 ? -half : half) * 0x1p-51;
}

/* The bits of the largest magnitude of count numbers; NaN and infinity are above all others. */
RC_INLINE TARGET int32_t most_of(const float *x, const size_t count)
{
    int32_t most = 0;
    for (size_t p = 0; p < count; p++) {
        const int32_t magnitude = bits_of(x[p]) & INT32_MAX;
        most = magnitude > most ? magnitude : most;
    }
    return most;
}

RC_INLINE TARGET int32_t most_of_block(const float *x, size_t count)
{
    if (count == 64)
        return most_of(x, 64);
    int32_t most = 0;
    for (; count >= PIECE; count -= PIECE, x += PIECE) {
        const int32_t next = most_of(x, PIECE);
        most = next > most ? next : most;
    }
    for (size_t p = 0; p < count; p++) {
        const int32_t next = bits_of(x[p]) & INT32_MAX;
        most = next > most ? next : most;
    }
    return most;
}

enum { INFINITE = 0x7F800000 };

/* Whether all pieces of codes lie on 16 bytes, and there are many of them. */
RC_INLINE int streams_codes(size_t blocks, size_t size, size_t block, const uint8_t *codes)
{
    return size % PIECE == 0 && block % PIECE == 0 && streams(blocks * rc_min(block, size), 1, codes);
}

/* How many blocks are a turn: of long ones fewer, so that a turn stays in the nearest cache. */
RC_INLINE size_t turn_of(size_t left, size_t block)
{
    return rc_min(left, block <= 128 ? TURN : 1);
}

/* Asks for numbers of the next turn, while those of this one, which their maxima have brought, become codes. */
RC_INLINE void prefetch_next(const float *x, size_t count, size_t block)
{
    const size_t turn = rc_min(block <= 128 ? TURN * block : block, 4096) * sizeof *x; /* half of L1 at most */
    prefetch((const float *)((uintptr_t)x + turn - AHEAD), count * sizeof *x);
}

/* Whether rows are cut into blocks of one length that are whole pieces: then blocks follow each other. */
RC_INLINE int even(size_t size, size_t block)
{
    return size % block == 0 && block % PIECE == 0;
}

RC_INLINE TARGET struct run maxima(struct run at, size_t blocks, size_t size, size_t block, const float *x,
                                   int32_t *most)
{
    size_t i = 0;
    if (block <= 4 * PIECE && even(size, block))
        for (; i + 16 <= blocks; i += 16) {
            const float *from = x + at.first + i * block;
            switch (block / PIECE) {
            case 1: sixteen_maxima(1, from, most + i); break;
            case 2: sixteen_maxima(2, from, most + i); break;
            case 4: sixteen_maxima(4, from, most + i); break;
            default: sixteen_maxima(3, from, most + i);
            }
        }
    if (i)
        at = run_at((at.first + i * block) / block, size, block);
    for (; i < blocks; i++, at = next_run(at, size, block))
        most[i] = most_of_block(x + at.first, at.count);
    return at;
}

RC_INLINE TARGET int mx_encode(const struct format f, size_t begin, size_t end, size_t size, const float *x,
                               uint8_t *codes, uint8_t *scales)
{
    const int32_t largest = (1 << (f.exponent + f.mantissa)) - 1 - f.specials;
    const int32_t emax = f.exponent ? (largest >> f.mantissa) - ((1 << (f.exponent - 1)) - 1) : 0;
    int32_t worst = 0;
    struct run at = run_at(begin, size, MX_BLOCK);
    const int stream = streams_codes(end - begin, size, MX_BLOCK, codes + at.first);
    for (size_t r = begin; r < end;) {
        const size_t blocks = turn_of(end - r, MX_BLOCK);
        int32_t most[TURN] = {0};
        float power[TURN];
        uint8_t stored[TURN];
        maxima(at, blocks, size, MX_BLOCK, x, most);
        for (size_t i = 0; i < TURN; i++) {
            int32_t exponent = (most[i] >> 23) - emax;
            exponent = select_int(exponent < 0, 0, exponent);
            exponent = select_int(most[i] == 0, 127, exponent);
            /* 2^(127 - exponent); of 254 it is subnormal */
            power[i] = float_of(select_int(exponent == 254, 1 << 22, (254 - exponent) << 23));
            stored[i] = (uint8_t)exponent;
            worst = most[i] > worst ? most[i] : worst;
        }
        memcpy(scales + r, stored, blocks);
        size_t i = 0;
        if (size % MX_BLOCK == 0)
            for (; i < blocks; i++, at.first += MX_BLOCK) {
                uint8_t out[MX_BLOCK];
                prefetch_next(x + at.first, MX_BLOCK, MX_BLOCK);
                mx_codes(f, power[i], x + at.first, out);
                store(codes + at.first, out, sizeof out, stream);
            }
        for (; i < blocks; i++, at = next_run(at, size, MX_BLOCK)) {
            uint8_t out[MX_BLOCK];
            if (at.count == MX_BLOCK) {
                mx_codes(f, power[i], x + at.first, out);
                store(codes + at.first, out, sizeof out, stream);
            } else {
                float in[MX_BLOCK] = {0};
                memcpy(in, x + at.first, at.count * sizeof *x);
                mx_codes(f, power[i], in, out);
                memcpy(codes + at.first, out, at.count);
            }
        }
        r += blocks;
    }
    end_streaming(stream);
    return worst >= INFINITE ? RC_NOT_FINITE : RC_OK;
}

RC_INLINE TARGET void mx_values(const struct format f, const uint8_t *codes, float power, float *x)
{
    if (f.exponent == 2 && f.mantissa == 1) {
        e2m1_values(power, codes, x);
        e2m1_values(power, codes + PIECE, x + PIECE);
        return;
    }
    for (size_t p = 0; p < MX_BLOCK; p++)
        x[p] = (f.exponent ? number_of(codes[p], f) : (float)(int8_t)codes[p] * 0x1p-6f) * power;
}

RC_INLINE TARGET int mx_decode(const struct format f, size_t begin, size_t end, size_t size, const uint8_t *codes,
                               const uint8_t *scales, float *x)
{
    struct run at = run_at(begin, size, MX_BLOCK);
    for (size_t r = begin; r < end; r++, at = next_run(at, size, MX_BLOCK)) {
        const int32_t scale = scales[r];
        const float power = float_of(scale == 255 ? 0x7FC00000 : scale == 0 ? 1 << 22 : scale << 23);
        float out[MX_BLOCK]; /* of our own: nothing overlaps it, for all that the compiler knows */
        if (at.count == MX_BLOCK) {
            mx_values(f, codes + at.first, power, out);
            memcpy(x + at.first, out, sizeof out);
        } else {
            uint8_t in[MX_BLOCK] = {0};
            memcpy(in, codes + at.first, at.count);
            mx_values(f, in, power, out);
            memcpy(x + at.first, out, at.count * sizeof *x);
        }
    }
    return RC_OK;
}

static const struct format INTEGER = {0};

TARGET int MX_ENCODE(size_t begin, size_t end, size_t size, enum rc_mx_format format, const float *x,
                     uint8_t *codes, uint8_t *scales)
{
    switch (format) {
    case RC_MXFP8_E4M3: return mx_encode(FP8_E4M3, begin, end, size, x, codes, scales);
    case RC_MXFP8_E5M2: return mx_encode(FP8_E5M2, begin, end, size, x, codes, scales);
    case RC_MXFP6_E2M3: return mx_encode(FP6_E2M3, begin, end, size, x, codes, scales);
    case RC_MXFP6_E3M2: return mx_encode(FP6_E3M2, begin, end, size, x, codes, scales);
    case RC_MXFP4_E2M1: return mx_encode(FP4_E2M1, begin, end, size, x, codes, scales);
    case RC_MXINT8: break;
    }
    return mx_encode(INTEGER, begin, end, size, x, codes, scales);
}

TARGET int MX_DECODE(size_t begin, size_t end, size_t size, enum rc_mx_format format,
                     const uint8_t *codes, const uint8_t *scales, float *x)
{
    switch (format) {
    case RC_MXFP8_E4M3: return mx_decode(FP8_E4M3, begin, end, size, codes, scales, x);
    case RC_MXFP8_E5M2: return mx_decode(FP8_E5M2, begin, end, size, codes, scales, x);
    case RC_MXFP6_E2M3: return mx_decode(FP6_E2M3, begin, end, size, codes, scales, x);
    case RC_MXFP6_E3M2: return mx_decode(FP6_E3M2, begin, end, size, codes, scales, x);
    case RC_MXFP4_E2M1: return mx_decode(FP4_E2M1, begin, end, size, codes, scales, x);
    case RC_MXINT8: break;
    }
    return mx_decode(INTEGER, begin, end, size, codes, scales, x);
}

TARGET int NF4_ENCODE(size_t begin, size_t end, size_t size, size_t block, const float *levels,
                      const float *x, uint8_t *codes, float *scales)
{
    int32_t worst = 0;
    double boundaries[PIECE];
    for (size_t i = 0; i < PIECE - 1; i++)
        boundaries[i] = boundary(((double)levels[i] + (double)levels[i + 1]) / 2, 0);
    boundaries[PIECE - 1] = 2; /* above all that there is */
    struct run at = run_at(begin, size, block);
    const int stream = streams_codes(end - begin, size, block, codes + at.first);
#ifdef FAST
    const NEAR near = near_of(boundaries);
#endif
    for (size_t r = begin; r < end;) {
        const size_t blocks = turn_of(end - r, block);
        int32_t most[TURN] = {0};
        maxima(at, blocks, size, block, x, most);
        for (size_t i = 0; i < blocks; i++, at = next_run(at, size, block)) {
            const float *from = x + at.first, s = most[i] ? float_of(most[i]) : 1.0f;
            uint8_t *to = codes + at.first, out[PIECE];
            worst = most[i] > worst ? most[i] : worst;
            scales[r + i] = s;
            const LIMITS limits = limits_of(boundaries, s);
            size_t p = 0;
#ifdef FAST
            prefetch_next(from, at.count, block);
            p = fast_codes(near, limits, s, at.count, from, to, stream);
#endif
            for (; p + PIECE <= at.count; p += PIECE) {
                prefetch_next(from + p, PIECE, block);
                level_codes(limits, from + p, out);
                store(to + p, out, sizeof out, stream);
            }
            if (p < at.count) {
                float in[PIECE] = {0};
                memcpy(in, from + p, (at.count - p) * sizeof *x);
                level_codes(limits, in, out);
                memcpy(to + p, out, at.count - p);
            }
        }
        r += blocks;
    }
    end_streaming(stream);
    return worst >= INFINITE ? RC_NOT_FINITE : RC_OK;
}

TARGET int NF4_DECODE(size_t begin, size_t end, size_t size, size_t block, const float *levels,
                      const uint8_t *codes, const float *scales, float *x)
{
    struct run at = run_at(begin, size, block);
    for (size_t r = begin; r < end; r++, at = next_run(at, size, block)) {
        size_t p = at.first;
        const size_t last = at.first + at.count;
        for (; p + PIECE <= last; p += PIECE)
            level_values(levels, scales[r], codes + p, x + p);
        for (; p < last; p++)
            x[p] = levels[codes[p] & 15] * scales[r];
    }
    return RC_OK;
}

TARGET int MAXIMA(size_t begin, size_t end, size_t size, size_t block, const float *x, float *most)
{
    int32_t worst = 0;
    struct run at = run_at(begin, size, block);
    for (size_t r = begin; r < end;) {
        const size_t blocks = turn_of(end - r, block);
        int32_t bits[TURN] = {0};
        at = maxima(at, blocks, size, block, x, bits);
        for (size_t i = 0; i < TURN; i++)
            worst = bits[i] > worst ? bits[i] : worst;
        memcpy(most + r, bits, blocks * sizeof *most);
        r += blocks;
    }
    return worst >= INFINITE ? RC_NOT_FINITE : RC_OK;
}

/* The middles of two numbers of fp4_e2m1 that follow each other; what lies there becomes the one of the even code. */
static const float MIDDLES[] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f};

TARGET int NVFP4_ENCODE(size_t begin, size_t end, size_t size, float factor, const float *most,
                        const float *x, uint8_t *codes, uint8_t *scales)
{
    const float unit = 6.0f * factor; /* 6 : the largest fp4_e2m1 */
    double boundaries[8];
    for (size_t i = 0; i < 7; i++)
        boundaries[i] = boundary((double)MIDDLES[i], (int)(i & 1));
    boundaries[7] = 8; /* beyond all that counts */
#ifdef RATIOS
    const RATIOS all = ratios();
#endif
    struct run at = run_at(begin, size, PIECE);
    const int stream = streams_codes(end - begin, size, PIECE, codes + at.first);
    for (size_t r = begin; r < end;) {
        const size_t blocks = turn_of(end - r, PIECE);
        float of_block[TURN] = {0}, step[TURN];
        uint8_t scale[TURN];
        memcpy(of_block, most + r, blocks * sizeof *most);
        for (size_t i = 0; i < TURN; i++) {
            int32_t code = code_of(of_block[i] / unit, FP8_E4M3, 0x7E);
            code = select_int(of_block[i] == 0.0f, 0x38, select_int(code > 1, code, 1)); /* 0x38 : 1 */
            scale[i] = (uint8_t)code;
            step[i] = number_of(code, FP8_E4M3) * factor;
        }
        memcpy(scales + r, scale, blocks);
        size_t i = 0;
#ifdef RATIOS
        if (size % PIECE == 0)
            for (; i + 4 <= blocks; i += 4, at.first += 4 * PIECE)
                ratio_codes(all, step + i, x + at.first, codes + at.first, stream);
#endif
        if (size % PIECE == 0)
            for (; i < blocks; i++, at.first += PIECE) {
                uint8_t out[PIECE];
                prefetch(x + at.first, PIECE * sizeof *x);
                step_codes(steps_of(boundaries, step[i]), x + at.first, out);
                store(codes + at.first, out, sizeof out, stream);
            }
        for (; i < blocks; i++, at = next_run(at, size, PIECE)) {
            const STEPS steps = steps_of(boundaries, step[i]);
            uint8_t out[PIECE];
            if (at.count == PIECE) {
                step_codes(steps, x + at.first, out);
                store(codes + at.first, out, sizeof out, stream);
            } else {
                float in[PIECE] = {0};
                memcpy(in, x + at.first, at.count * sizeof *x);
                step_codes(steps, in, out);
                memcpy(codes + at.first, out, at.count);
            }
        }
        r += blocks;
    }
    end_streaming(stream);
    return RC_OK;
}

TARGET int NVFP4_DECODE(size_t begin, size_t end, size_t size, float factor, const uint8_t *codes,
                        const uint8_t *scales, float *x)
{
    struct run at = run_at(begin, size, PIECE);
    for (size_t r = begin; r < end;) {
        const size_t blocks = turn_of(end - r, PIECE);
        float step[TURN];
        uint8_t scale[TURN] = {0};
        memcpy(scale, scales + r, blocks);
        for (size_t i = 0; i < TURN; i++)
            step[i] = number_of(scale[i], FP8_E4M3) * factor;
        for (size_t i = 0; i < blocks; i++, at = next_run(at, size, PIECE)) {
            if (at.count == PIECE) {
                e2m1_values(step[i], codes + at.first, x + at.first);
            } else {
                uint8_t in[PIECE] = {0};
                float out[PIECE];
                memcpy(in, codes + at.first, at.count);
                e2m1_values(step[i], in, out);
                memcpy(x + at.first, out, at.count * sizeof *x);
            }
        }
        r += blocks;
    }
    return RC_OK;
}
