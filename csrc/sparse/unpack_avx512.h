/* What unpacked.h multiplies: the entries of a row, unpacked 64 columns of a mask at a time, or sixteen skips and
 * codes. */
#ifndef REFCOMPRESS_SPARSE_UNPACK_AVX512_H
#define REFCOMPRESS_SPARSE_UNPACK_AVX512_H
#include "bytes_avx512.h"

/* What bytes stand for: numbers, or codes that one register or two hold the codebook of, or codes of a longer one. */
enum kind { INTEGERS, CODES_16, CODES_32, CODES };

RC_INLINE enum kind kind_of(const struct rc_sparse *a)
{
    return a->values == RC_SPARSE_S8 ? INTEGERS : a->codes <= 16 ? CODES_16 : a->codes <= 32 ? CODES_32 : CODES;
}

/* Sixteen of them as floats. */
RC_INLINE RC_AVX512 __m512 as_floats(const enum kind kind, const float *codebook, __m512i bytes)
{
    if (kind == INTEGERS)
        return _mm512_cvtepi32_ps(bytes);
    const __m512 low = _mm512_loadu_ps(codebook), high = _mm512_loadu_ps(codebook + 16);
    return kind == CODES_16   ? _mm512_permutexvar_ps(bytes, low)
           : kind == CODES_32 ? _mm512_permutex2var_ps(low, bytes, high)
                              : _mm512_i32gather_ps(bytes, codebook, 4);
}

RC_INLINE RC_AVX512 __m512i as_numbers(const enum kind kind, __m128i bytes)
{
    return kind == INTEGERS ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
}

/* Values from `at` on as floats, `count` of them and up to fifteen more; nothing behind the last entry is read. */
RC_INLINE RC_AVX512 void values_of_kind(const enum kind kind, const struct rc_sparse *a, size_t at, size_t count,
                                        float *value)
{
    const uint8_t *bytes = (const uint8_t *)a->data + at;
    for (size_t s = 0; s < count; s += 16) {
        const __m128i some = _mm_maskz_loadu_epi8((__mmask16)first_64(rc_min(count - s, 16)), bytes + s);
        _mm512_storeu_ps(value + s, as_floats(kind, a->codebook, as_numbers(kind, some)));
    }
}

RC_INLINE RC_AVX512 void values_of(const struct rc_sparse *a, size_t at, size_t count, float *value)
{
    switch (kind_of(a)) {
    case INTEGERS: values_of_kind(INTEGERS, a, at, count, value); break;
    case CODES_16: values_of_kind(CODES_16, a, at, count, value); break;
    case CODES_32: values_of_kind(CODES_32, a, at, count, value); break;
    default: values_of_kind(CODES, a, at, count, value);
    }
}

/* The columns of a row of a bitmask, and up to sixteen more numbers. The row has `count` entries, and is refused if
 * another thread changed that. */
RC_INLINE RC_AVX512 int columns_of_mask(const struct rc_sparse *a, size_t row, size_t count, int32_t *column)
{
    const size_t width = a->width;
    const uint8_t *mask = a->mask + row * width;
    size_t found = 0;
    for (size_t b = 0; b < width; b += 8) {
        const uint64_t word = mask_word(mask + b, rc_min(width - b, 8));
        const size_t some = (size_t)__builtin_popcountll(word);
        if (some > count - found)
            return RC_BAD_INDEX;
        const __m512i near = compressed(word, byte_numbers()), from = _mm512_set1_epi32((int)(b * 8));
        __m512i *to = (__m512i *)(column + found);
        _mm512_storeu_si512(to, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(near))));
        if (some > 16)
            _mm512_storeu_si512(to + 1, _mm512_add_epi32(
                from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(near, 1))));
        if (some > 32)
            _mm512_storeu_si512(to + 2, _mm512_add_epi32(
                from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(near, 2))));
        if (some > 48)
            _mm512_storeu_si512(to + 3, _mm512_add_epi32(
                from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(near, 3))));
        found += some;
    }
    return found == count ? RC_OK : RC_BAD_INDEX;
}

/* Sixteen numbers of so many bits, number e the first of them; eight bytes can be read from number e + 8 on. */
RC_INLINE RC_AVX512 __m512i sixteen_packed(const uint8_t *bytes, size_t bits, size_t e)
{
    uint64_t word[2];
    for (size_t half = 0; half < 2; half++) {
        const size_t bit = (e + 8 * half) * bits;
        memcpy(word + half, bytes + bit / 8, 8);
        word[half] >>= bit % 8;
    }
    const __m128i places = _mm_set1_epi64x((int64_t)(bits * UINT64_C(0x0706050403020100)));
    const __m128i fields =
        _mm_multishift_epi64_epi8(places, _mm_set_epi64x((int64_t)word[1], (int64_t)word[0]));
    return _mm512_cvtepu8_epi32(_mm_and_si128(fields, _mm_set1_epi8((char)((1 << bits) - 1))));
}

/* The sums of the first one, two .. sixteen numbers. */
RC_INLINE RC_AVX512 __m512i sums_so_far(__m512i v)
{
    const __m512i zero = _mm512_setzero_si512();
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 15));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 14));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 12));
    return _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 8));
}

/* The entries first .. last by relative index: how many store something, their columns and values. A column outside of
 * the row is found where it multiplies. */
RC_INLINE RC_AVX512 size_t entries_of_kind(const enum kind kind, const struct rc_sparse *a, size_t first, size_t last,
                                           int32_t *column, float *value)
{
    const uint8_t *skips = a->mask, *codes = a->data;
    const float *codebook = a->codebook;
    const size_t skip_bits = a->skip_bits, code_bits = a->code_bits;
    const size_t bits = skip_bits < code_bits ? skip_bits : code_bits;
    /* Entries before which eight bytes can be read in both arrays. */
    const size_t readable = a->nnz * bits / 8 >= 8 ? (a->nnz * bits / 8 - 8) * 8 / bits : 0;
    const __m512i top = _mm512_set1_epi32(15);
    __m512i before = _mm512_set1_epi32(-1);
    size_t found = 0, e = first;
    for (; e + 16 <= last && e + 8 < readable; e += 16) {
        const __m512i skip = sixteen_packed(skips, skip_bits, e), code = sixteen_packed(codes, code_bits, e);
        const __m512i at = _mm512_add_epi32(before, sums_so_far(_mm512_add_epi32(skip, _mm512_set1_epi32(1))));
        const __mmask16 stored = _mm512_test_epi32_mask(code, code);
        _mm512_storeu_si512(column + found, compressed_words(stored, at));
        _mm512_storeu_si512(value + found, compressed_words(stored, _mm512_castps_si512(
            as_floats(kind, codebook, code))));
        found += (size_t)__builtin_popcount(stored);
        before = _mm512_permutexvar_epi32(top, at);
    }
    int32_t next = _mm_cvtsi128_si32(_mm512_castsi512_si128(before)) + 1;
    for (; e < last; e++) {
        const unsigned code = packed_at(codes, code_bits, e);
        next += (int32_t)packed_at(skips, skip_bits, e);
        column[found] = next++;
        value[found] = codebook[code];
        found += code != 0;
    }
    return found;
}

RC_INLINE RC_AVX512 size_t entries_of_skips(const struct rc_sparse *a, size_t first, size_t last, int32_t *column,
                                            float *value)
{
    switch (kind_of(a)) {
    case CODES_16: return entries_of_kind(CODES_16, a, first, last, column, value);
    case CODES_32: return entries_of_kind(CODES_32, a, first, last, column, value);
    default: return entries_of_kind(CODES, a, first, last, column, value);
    }
}
#endif
