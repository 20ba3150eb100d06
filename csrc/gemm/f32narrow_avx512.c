/* What changed since AVX2: 64 inputs are decoded at once. Codes of 4 bits choose from a register of 16 floats, which is
 * made once for all inputs that share a scale. Codes of 8 bits choose bytes from tables of 256 in four registers each:
 * four tables for a codebook, two for elements, whose floats end in 16 zeros. */
#include "narrow.h"
#if RC_X86
#include "../vec_avx512.h"
#include "sums_avx512.h"

#define STORE_SUMS store_sums
#define AT_ONCE 8
#define GROUPS 4
#define IN_BLOCK 4096 /* of eight rows, 128 KiB of L2 */
#define ZIPS 1
/* Of one row of x with codes of 16 bits memory is the limit, which gives most to eight rows. */
#define R(m, bits) ((m) == 1 && (bits) == 16 ? 8 : (m) <= 4 ? 4 : 3)
#define UNIT 64
#define IN_REGISTERS 32

/* scale : of each code of a scale (MX, NVFP4). steps[z] : what codes stand for with the zero point z - 8 (S4).
 * byte[b][c] : byte b of the float of code c, from the lowest (LUT8), or of its upper half (FP8, MX). */
struct tables {
    float scale[256], steps[16][16];
    uint8_t byte[4][256];
};

/* Of a unit: the registers that its codes choose from, or what they chose. */
struct unit {
    __m512 v[4];
    __m512i lower, higher;
};

/* The halves of 16 inputs zipped: 0, 8, 1, 9, ... A shift of all eight bytes of 16 codes of 4 bits brings code i to
 * lane 2 i and code 8 + i to the lane after it. */
RC_INLINE TARGET __m512 zipped(const int zip, __m512 v)
{
    const __m512i order = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
    return zip ? _mm512_permutexvar_ps(order, v) : v;
}

RC_INLINE TARGET __m512 unzipped(const int zip, __m512 v)
{
    const __m512i order = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    return zip ? _mm512_permutexvar_ps(order, v) : v;
}

#include "f32narrow.h"

#define FILL(type) \
    case type: \
        for (int c = 0; c < 256; c++) \
            value[c] = element_of(type, c); \
        break;

/* The elements of a type, and of their upper halves both bytes. */
RC_INLINE TARGET void fill_elements(enum rc_narrow_type type, struct tables *t)
{
    float value[256];
    switch (type) {
    FILL(RC_NARROW_E4M3)
    FILL(RC_NARROW_E5M2)
    FILL(RC_NARROW_E4M3FNUZ)
    FILL(RC_NARROW_E5M2FNUZ)
    FILL(RC_NARROW_E2M3)
    FILL(RC_NARROW_E3M2)
    FILL(RC_NARROW_E2M1)
    FILL(RC_NARROW_S8)
    }
    for (size_t c = 0; c < 256; c += 16) {
        const __m512i bits = _mm512_loadu_si512(value + c);
        _mm_storeu_si128((void *)(t->byte[0] + c), _mm512_cvtepi32_epi8(_mm512_srli_epi32(bits, 16)));
        _mm_storeu_si128((void *)(t->byte[1] + c), _mm512_cvtepi32_epi8(_mm512_srli_epi32(bits, 24)));
    }
}

RC_INLINE TARGET void fill_codebook(const float *codebook, size_t entries, struct tables *t)
{
    for (size_t c = 0; c < 256; c += 16) {
        const MASK some = v_mask(entries < c ? 0 : rc_min(entries - c, 16));
        const __m512i bits = _mm512_castps_si512(v_load_some(codebook + (c < entries ? c : 0), some));
        _mm_storeu_si128((void *)(t->byte[0] + c), _mm512_cvtepi32_epi8(bits));
        _mm_storeu_si128((void *)(t->byte[1] + c), _mm512_cvtepi32_epi8(_mm512_srli_epi32(bits, 8)));
        _mm_storeu_si128((void *)(t->byte[2] + c), _mm512_cvtepi32_epi8(_mm512_srli_epi32(bits, 16)));
        _mm_storeu_si128((void *)(t->byte[3] + c), _mm512_cvtepi32_epi8(_mm512_srli_epi32(bits, 24)));
    }
}

/* What a call looks up, of all that does not depend on the row. */
RC_INLINE TARGET void fill(const enum operation op, const struct rc_narrow *w, struct tables *t)
{
    if (op == S4)
        for (int z = 0; z < 16; z++) {
            const __m512 steps = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
            v_store(t->steps[z], _mm512_sub_ps(steps, v_set1((float)(z - 8))));
        }
    if (op == MX)
        for (int c = 0; c < 256; c++)
            t->scale[c] = power_of(c);
    if (op == NVFP4)
        for (int c = 0; c < 128; c++)
            t->scale[c] = number_of(c, FP8_E4M3) * w->factor;
    if (op == FP8 || (op == MX && w->type != RC_NARROW_E2M1))
        fill_elements(w->type, t);
    if (op == LUT8 && !w->stride && w->entries > IN_REGISTERS)
        fill_codebook(w->codebook, w->entries, t);
}

RC_INLINE int32_t eight_at(const unsigned char *codes)
{
    int32_t eight;
    memcpy(&eight, codes, sizeof eight);
    return eight;
}

/* The lanes of a vector of 16 indices, whose lowest 4 bits count: codes 16 c to 16 c + 15. Shifts have units of their
 * own (on Zen 4), where a multishift would take those of the multiplications. */
RC_INLINE TARGET __m512i indices(const int nibbles, const int zip, const unsigned char *codes, size_t c)
{
    if (nibbles && zip) {
        int64_t sixteen;
        memcpy(&sixteen, codes + 8 * c, sizeof sixteen);
        return _mm512_srlv_epi64(_mm512_set1_epi64(sixteen), _mm512_setr_epi64(0, 4, 8, 12, 16, 20, 24, 28));
    }
    if (nibbles) {
        const __m512i first = _mm512_set1_epi32(eight_at(codes + 8 * c));
        const __m512i both = _mm512_mask_set1_epi32(first, 0xFF00, eight_at(codes + 8 * c + 4));
        static const int32_t places[16] __attribute__((aligned(64))) = {0, 4, 8, 12, 16, 20, 24, 28,
                                                                        0, 4, 8, 12, 16, 20, 24, 28};
        __m512i shifted; /* from memory: with eight rows of x, sums and tables leave no register for the places */
        __asm__("vpsrlvd %2, %1, %0" : "=v"(shifted) : "v"(both), "m"(places));
        return shifted;
    }
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(codes + 16 * c)));
}

/* The floats of 16 codes, of group g. */
RC_INLINE TARGET __m512 sixteen_of(const struct how how, const struct rc_narrow *w, const struct tables *t, size_t g)
{
    const __m512 e2m1 = _mm512_setr_ps(0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6);
    const size_t zero = how.form == LESS_NIBBLES ? (size_t)(w->zero_point[g] + 8) & 15 : 8;
    switch (how.op) {
    case S4: return _mm512_mul_ps(v_load(t->steps[zero]), v_set1(((const float *)w->scale)[g]));
    case NF4: return _mm512_mul_ps(v_load(w->codebook), v_set1(((const float *)w->scale)[g]));
    case MX: case NVFP4: return _mm512_mul_ps(e2m1, v_set1(t->scale[((const uint8_t *)w->scale)[g]]));
    default: return v_load_some(w->codebook + g * w->entries, v_mask(rc_min(w->entries, 16)));
    }
}

/* The entries of a table of 256 bytes for 64 codes, upper : those of 128 and more. */
RC_INLINE TARGET __m512i bytes_of(const uint8_t *table, __m512i codes, __mmask64 upper)
{
    const __m512i low = _mm512_permutex2var_epi8(_mm512_loadu_si512(table), codes, _mm512_loadu_si512(table + 64));
    const __m512i high =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), codes, _mm512_loadu_si512(table + 192));
    return _mm512_mask_blend_epi8(upper, low, high);
}

/* The floats whose upper halves are bytes 16 c to 16 c + 15 of two vectors. */
RC_INLINE TARGET __m512 upper_halves(__m512i lower, __m512i higher, size_t c)
{
#define LANE(i) 64 + i, i, 0, 0 /* of four bytes, the highest first, which of the two vectors': the last two are 0 */
    const __m512i first = _mm512_set_epi8(LANE(15), LANE(14), LANE(13), LANE(12), LANE(11), LANE(10), LANE(9), LANE(8),
                                          LANE(7), LANE(6), LANE(5), LANE(4), LANE(3), LANE(2), LANE(1), LANE(0));
#undef LANE
    const __m512i from = _mm512_add_epi8(first, _mm512_set1_epi8((char)(16 * c)));
    return _mm512_castsi512_ps(_mm512_maskz_permutex2var_epi8(0xCCCCCCCCCCCCCCCC, lower, from, higher));
}

/* 64 values of a codebook of more than 32. */
RC_INLINE TARGET void values_of(const struct tables *t, const unsigned char *codes, VEC *v)
{
    /* What is put together of bytes below goes four by four to each quarter of v[0], then of v[1] and so on. */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i c = _mm512_permutexvar_epi32(order, _mm512_loadu_si512(codes));
    const __mmask64 upper = _mm512_movepi8_mask(c);
    const __m512i b0 = bytes_of(t->byte[0], c, upper), b1 = bytes_of(t->byte[1], c, upper);
    const __m512i b2 = bytes_of(t->byte[2], c, upper), b3 = bytes_of(t->byte[3], c, upper);
    const __m512i low01 = _mm512_unpacklo_epi8(b0, b1), high01 = _mm512_unpackhi_epi8(b0, b1);
    const __m512i low23 = _mm512_unpacklo_epi8(b2, b3), high23 = _mm512_unpackhi_epi8(b2, b3);
    v[0] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(low01, low23));
    v[1] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(low01, low23));
    v[2] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(high01, high23));
    v[3] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(high01, high23));
}

RC_INLINE TARGET void decode(const struct how how, const struct rc_narrow *w, const struct tables *t,
                             const unsigned char *codes, size_t g, size_t last, const size_t c, struct unit *u, VEC *v)
{
    const size_t mine = rc_min(g + c * 16 / how.span, last);
    if (how.form == IN_TABLE && how.op == LUT8) {
        if (c == 0)
            values_of(t, codes, u->v);
        *v = u->v[c];
    } else if (how.form == IN_TABLE) {
        if (c == 0) {
            const __m512i c64 = _mm512_loadu_si512(codes);
            const __mmask64 upper = _mm512_movepi8_mask(c64);
            u->lower = bytes_of(t->byte[0], c64, upper);
            u->higher = bytes_of(t->byte[1], c64, upper);
        }
        *v = upper_halves(u->lower, u->higher, c);
        if (how.op == MX)
            *v = _mm512_mul_ps(*v, v_set1(t->scale[((const uint8_t *)w->scale)[mine]]));
    } else if (how.op == F16) {
        *v = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(codes + 32 * c)));
    } else if (how.op == BF16) {
        const __m512i halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(codes + 32 * c)));
        *v = _mm512_castsi512_ps(_mm512_slli_epi32(halves, 16));
    } else if (how.op == S8) {
        __m512i q = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(codes + 16 * c)));
        if (how.form == LESS || how.form == LESS_SCALED)
            q = _mm512_sub_epi32(q, _mm512_set1_epi32(w->zero_point[mine]));
        *v = _mm512_cvtepi32_ps(q);
        if (how.form == SCALED || how.form == LESS_SCALED)
            *v = _mm512_mul_ps(*v, v_set1(((const float *)w->scale)[mine]));
    } else {
        if (c * 16 % how.span == 0) {
            u->v[0] = sixteen_of(how, w, t, mine);
            if (how.form == THIRTY_TWO)
                u->v[1] = v_load_some(w->codebook + mine * w->entries + 16, v_mask(w->entries - 16));
        }
        const __m512i c16 = indices(in_nibbles(how), how.zip, codes, c);
        *v = how.form == THIRTY_TWO ? _mm512_permutex2var_ps(u->v[0], c16, u->v[1])
                                    : _mm512_permutexvar_ps(c16, u->v[0]);
    }
}

#include "f32narrow_kernels.h"

KERNEL(rc_gemm_f32s8_avx512, S8, s8)
KERNEL(rc_gemm_f32s4_avx512, S4, s4)
KERNEL(rc_gemm_f32f16_avx512, F16, f16)
KERNEL(rc_gemm_f32bf16_avx512, BF16, bf16)
KERNEL(rc_gemm_f32fp8_avx512, FP8, fp8)
KERNEL(rc_gemm_f32lut4_avx512, LUT4, lut4)
KERNEL(rc_gemm_f32lut8_avx512, LUT8, lut8)
KERNEL(rc_gemm_f32nf4_avx512, NF4, nf4)
KERNEL(rc_gemm_f32mx_avx512, MX, mx)
KERNEL(rc_gemm_f32nvfp4_avx512, NVFP4, nvfp4)
#endif
