/* What changed since the portable file: 16 inputs are decoded at once. A tile of 3 x 4 elements goes over its block
 * of inputs twice, for the chains 0 to 7 and 8 to 15: 16 registers hold 12 vectors and their operands, but not 24. */
#include "narrow.h"
#if RC_X86
#include "../vec_avx2.h"

#define MR 3
#define NR 4
#define AT_ONCE 4
#define R(m, bits) ((m) == 1 ? 4 : (m) == 2 ? 2 : 1)
#define GROUPS 16
#define IN_BLOCK 1024 /* of four rows, 16 KiB of L1 */
#define ZIPS 0
#define UNIT 16
#define IN_REGISTERS 16

/* How a code of 8 bits becomes a float16 and that, times a factor, the number: by the bits of its magnitude and its
 * sign, and what these are multiplied by; and where the code under a mask is a NaN's, the bits that make it one. */
struct halves {
    __m256i magnitude, to_magnitude, sign, to_sign, nan_mask, nan, flip;
    __m256 factor;
};

/* scale : of each code of a scale (MX, NVFP4). value : of each code of 8 bits (LUT8, FP8, MX), for what is not
 * as_halves. */
struct tables {
    float scale[256], value[256];
    struct halves halves;
    int as_halves;
};

struct unit {
    char none;
};

RC_INLINE TARGET __m256 zipped(const int zip, __m256 v)
{
    (void)zip;
    return v;
}

#define unzipped zipped
#include "f32narrow.h"

#define FILL(type) \
    case type: \
        for (int c = 0; c < 256; c++) \
            t->value[c] = element_of(type, c); \
        break;

RC_INLINE TARGET void set_halves(int magnitude, int to_magnitude, int sign, int to_sign, int nan_mask, int nan,
                                 int flip, float factor, struct tables *t)
{
#define ALL(bits) _mm256_set1_epi16((int16_t)(bits))
    t->halves = (struct halves){ALL(magnitude), ALL(to_magnitude), ALL(sign), ALL(to_sign), ALL(nan_mask), ALL(nan),
                                ALL(flip), v_set1(factor)};
#undef ALL
    t->as_halves = 1;
}

/* A number of fewer bits than a float16, whose fraction and exponent are moved to the places of that, is too small by a
 * power of two; a subnormal one too. E5M2 has float16's exponents, infinity and NaNs; with one more finite exponent
 * (E5M2FNUZ) it has no room. */
RC_INLINE TARGET void fill_halves(enum rc_narrow_type type, struct tables *t)
{
    t->as_halves = 0;
    if (type == RC_NARROW_E4M3)
        set_halves(0x7F, 1 << 7, 0x80, 1 << 8, 0x7F, 0x7F, 0x4000, 0x1p8f, t);
    if (type == RC_NARROW_E5M2)
        set_halves(0x7F, 1 << 8, 0x80, 1 << 8, 0, 1, 0, 1, t);
    if (type == RC_NARROW_E4M3FNUZ)
        set_halves(0x7F, 1 << 7, 0x80, 1 << 8, 0xFF, 0x80, 0xFE00, 0x1p7f, t);
    if (type == RC_NARROW_E2M3)
        set_halves(0x1F, 1 << 7, 0x20, 1 << 10, 0, 1, 0, 0x1p14f, t);
    if (type == RC_NARROW_E3M2)
        set_halves(0x1F, 1 << 8, 0x20, 1 << 10, 0, 1, 0, 0x1p12f, t);
}

/* 16 codes as float16. */
RC_INLINE TARGET __m256i halves_of(const struct halves *h, const unsigned char *codes)
{
    const __m256i c = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)codes));
    const __m256i magnitude = _mm256_mullo_epi16(_mm256_and_si256(c, h->magnitude), h->to_magnitude);
    const __m256i sign = _mm256_mullo_epi16(_mm256_and_si256(c, h->sign), h->to_sign);
    const __m256i is_nan = _mm256_cmpeq_epi16(_mm256_and_si256(c, h->nan_mask), h->nan);
    return _mm256_xor_si256(_mm256_or_si256(magnitude, sign), _mm256_and_si256(is_nan, h->flip));
}

/* What a call looks up, of all that does not depend on the row. */
RC_INLINE TARGET void fill(const enum operation op, const struct rc_narrow *w, struct tables *t)
{
    if (op == MX)
        for (int c = 0; c < 256; c++)
            t->scale[c] = power_of(c);
    if (op == NVFP4)
        for (int c = 0; c < 128; c++)
            t->scale[c] = number_of(c, FP8_E4M3) * w->factor;
    if (op == FP8 || op == MX)
        fill_halves(w->type, t);
    if ((op == FP8 || (op == MX && w->type != RC_NARROW_E2M1)) && !t->as_halves)
        switch (w->type) {
        FILL(RC_NARROW_E4M3)
        FILL(RC_NARROW_E5M2)
        FILL(RC_NARROW_E4M3FNUZ)
        FILL(RC_NARROW_E5M2FNUZ)
        FILL(RC_NARROW_E2M3)
        FILL(RC_NARROW_E3M2)
        FILL(RC_NARROW_E2M1)
        FILL(RC_NARROW_S8)
        }
    if (op == LUT8 && !w->stride && w->entries > IN_REGISTERS)
        for (size_t c = 0; c < 256; c++)
            t->value[c] = c < w->entries ? w->codebook[c] : 0;
}

/* The lanes of a vector of 8 indices, whose lowest 4 bits count. */
RC_INLINE TARGET __m256i indices(const int nibbles, const unsigned char *codes, size_t h)
{
    if (nibbles) {
        int32_t eight;
        memcpy(&eight, codes + 4 * h, sizeof eight);
        return _mm256_srlv_epi32(_mm256_set1_epi32(eight), _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    }
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(codes + 8 * h)));
}

/* Codes of two's complement in the highest bits of the lanes, with others below them. */
RC_INLINE TARGET __m256i nibbles_on_top(const unsigned char *codes)
{
    int32_t eight;
    memcpy(&eight, codes, sizeof eight);
    return _mm256_sllv_epi32(_mm256_set1_epi32(eight), _mm256_setr_epi32(28, 24, 20, 16, 12, 8, 4, 0));
}

/* Half h of the table of 16 floats of group g. */
RC_INLINE TARGET __m256 eight_of(const enum operation op, const struct rc_narrow *w, size_t g, size_t h)
{
    const __m256 e2m1 = _mm256_setr_ps(0, 0.5f, 1, 1.5f, 2, 3, 4, 6);
    if (op == MX || op == NVFP4)
        return h ? _mm256_xor_ps(e2m1, v_set1(-0.0f)) : e2m1;
    if (op == NF4)
        return v_load(w->codebook + 8 * h);
    const size_t from = rc_min(8 * h, w->entries);
    return v_load_some(w->codebook + g * w->entries + from, v_mask(rc_min(w->entries - from, 8)));
}

/* 16 inputs have one scale, so g is their group. */
RC_INLINE TARGET void decode(const struct how how, const struct rc_narrow *w, const struct tables *t,
                             const unsigned char *codes, size_t g, size_t last, const size_t c, struct unit *u, VEC *v)
{
    (void)last;
    (void)c;
    (void)u;
    const int as_halves = how.form == IN_TABLE && how.op != LUT8 && t->as_halves;
    const __m256i half = as_halves ? halves_of(&t->halves, codes) : _mm256_setzero_si256();
    RC_UNROLL for (size_t h = 0; h < 2; h++) {
        if (how.op == F16) {
            v[h] = _mm256_cvtph_ps(_mm_loadu_si128((const void *)(codes + 16 * h)));
        } else if (how.op == BF16) {
            const __m256i halves = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(codes + 16 * h)));
            v[h] = _mm256_castsi256_ps(_mm256_slli_epi32(halves, 16));
        } else if (how.op == S8) {
            __m256i q = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(codes + 8 * h)));
            if (how.form == LESS || how.form == LESS_SCALED)
                q = _mm256_sub_epi32(q, _mm256_set1_epi32(w->zero_point[g]));
            v[h] = _mm256_cvtepi32_ps(q);
        } else if (how.op == S4) {
            __m256i q = _mm256_srai_epi32(nibbles_on_top(codes + 4 * h), 28);
            if (how.form == LESS_NIBBLES)
                q = _mm256_sub_epi32(q, _mm256_set1_epi32(w->zero_point[g]));
            v[h] = _mm256_cvtepi32_ps(q);
        } else if (as_halves) {
            const __m128i eight = h ? _mm256_extracti128_si256(half, 1) : _mm256_castsi256_si128(half);
            v[h] = _mm256_mul_ps(_mm256_cvtph_ps(eight), t->halves.factor);
        } else if (how.form == IN_TABLE) {
            v[h] = _mm256_i32gather_ps(t->value, indices(0, codes, h), 4);
        } else {
            const __m256i c8 = indices(how.form == NIBBLES, codes, h);
            const __m256 low = _mm256_permutevar8x32_ps(eight_of(how.op, w, g, 0), c8);
            const __m256 high = _mm256_permutevar8x32_ps(eight_of(how.op, w, g, 1), c8);
            v[h] = _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(c8, 28)));
        }
        if (how.op == NF4 || how.op == S4 || how.form == SCALED || how.form == LESS_SCALED)
            v[h] = _mm256_mul_ps(v[h], v_set1(((const float *)w->scale)[g]));
        if (how.op == MX || how.op == NVFP4)
            v[h] = _mm256_mul_ps(v[h], v_set1(t->scale[((const uint8_t *)w->scale)[g]]));
    }
}

#include "f32narrow_kernels.h"

KERNEL(rc_gemm_f32s8_avx2, S8, s8)
KERNEL(rc_gemm_f32s4_avx2, S4, s4)
KERNEL(rc_gemm_f32f16_avx2, F16, f16)
KERNEL(rc_gemm_f32bf16_avx2, BF16, bf16)
KERNEL(rc_gemm_f32fp8_avx2, FP8, fp8)
KERNEL(rc_gemm_f32lut4_avx2, LUT4, lut4)
KERNEL(rc_gemm_f32lut8_avx2, LUT8, lut8)
KERNEL(rc_gemm_f32nf4_avx2, NF4, nf4)
KERNEL(rc_gemm_f32mx_avx2, MX, mx)
KERNEL(rc_gemm_f32nvfp4_avx2, NVFP4, nvfp4)
#endif
