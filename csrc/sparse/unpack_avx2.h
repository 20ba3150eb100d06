/* What unpacked.h multiplies: the entries of a row, unpacked eight at a time. */
#ifndef REFCOMPRESS_SPARSE_UNPACK_AVX2_H
#define REFCOMPRESS_SPARSE_UNPACK_AVX2_H
#include "strips.h"

RC_INLINE RC_AVX2 __m256i as_16_bits(const void *bytes)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes));
}

/* Eight bytes and eight more. */
RC_INLINE RC_AVX2 __m128i two_halves(const void *low, const void *high)
{
    const __m128 half = _mm_castsi128_ps(_mm_loadl_epi64(low));
    return _mm_castps_si128(_mm_loadh_pi(half, high));
}

/* How many bits a byte has, in the register that it is in: the compiler would take another, and clear it before. */
RC_INLINE size_t bits_of(size_t byte)
{
    __asm__("popcnt %0, %0" : "+r"(byte) : : "cc");
    return byte;
}

/* The numbers of the bits of a mask of so many bytes, at most 32, and up to seven numbers more: how many bits. */
RC_INLINE RC_AVX2 size_t numbers_of_bits(const uint64_t *bits, const uint8_t *mask, size_t bytes, uint8_t *number)
{
    __m128i from = _mm_setzero_si128();
    size_t found = 0;
    for (size_t b = 0; b < bytes; b++) {
        const size_t byte = mask[b];
        const __m128i near = _mm_loadu_si128((const void *)(bits + byte)); /* and eight bytes that do not count */
        _mm_storel_epi64((void *)(number + found), _mm_add_epi8(from, near));
        from = _mm_add_epi8(from, _mm_set1_epi8(8));
        found += bits_of(byte);
    }
    return found;
}

/* Values from `at` on as floats, `count` of them and up to seven more; nothing behind the last entry is read. */
RC_INLINE RC_AVX2 void values_of(const struct rc_sparse *a, size_t at, size_t count, float *value)
{
    const float *floats = a->data, *codebook = a->codebook;
    const uint8_t *bytes = a->data;
    const size_t whole = a->nnz - at >= count + 7 ? count : count / 8 * 8;
    size_t s = 0;
    if (a->values == RC_SPARSE_F32)
        for (; s < whole; s += 8)
            _mm256_storeu_ps(value + s, _mm256_loadu_ps(floats + at + s));
    else if (a->values == RC_SPARSE_S8)
        for (; s < whole; s += 8)
            _mm256_storeu_ps(value + s, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(
                _mm_loadl_epi64((const void *)(bytes + at + s)))));
    else
        for (; s < whole; s += 8)
            _mm256_storeu_ps(value + s, _mm256_i32gather_ps(codebook, _mm256_cvtepu8_epi32(
                _mm_loadl_epi64((const void *)(bytes + at + s))), 4));
    for (; s < count; s++)
        value[s] = value_at(a, at + s);
}

/* The columns of a row of a bitmask, eight at a time: a table has the numbers of the bits of each byte. The row has
 * `count` entries, and is refused if another thread changed that. */
RC_INLINE RC_AVX2 int columns_of_mask(const struct rc_sparse *a, size_t row, size_t count, int32_t *column)
{
    const uint64_t *const bits = a->bits;
    const size_t width = a->width;
    const uint8_t *mask = a->mask + row * width;
    __m256i from = _mm256_setzero_si256();
    size_t found = 0, b = 0;
    for (; b + 8 <= width; b += 8) {
        uint64_t word;
        memcpy(&word, mask + b, 8);
        if (found + (size_t)__builtin_popcountll(word) > count)
            return RC_BAD_INDEX;
        RC_UNROLL for (size_t t = 0; t < 8; t++) {
            const uint64_t byte = word >> 8 * t & 255;
            const __m256i near = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(bits + byte)));
            _mm256_storeu_si256((void *)(column + found), _mm256_add_epi32(near, from));
            from = _mm256_add_epi32(from, _mm256_set1_epi32(8));
            found += bits_of(byte);
        }
    }
    for (; b < width; b++)
        for (unsigned byte = mask[b]; byte; byte &= byte - 1) {
            if (found == count)
                return RC_BAD_INDEX;
            column[found++] = (int32_t)(b * 8) + __builtin_ctz(byte);
        }
    return found == count ? RC_OK : RC_BAD_INDEX;
}

/* Eight numbers of so many bits, number e the first of them; eight bytes from its own on can be read. */
RC_INLINE RC_AVX2 __m256i eight_packed(const uint8_t *bytes, size_t bits, size_t e)
{
    uint64_t word;
    memcpy(&word, bytes + e * bits / 8, 8);
    const __m256i words = _mm256_set1_epi64x((int64_t)(word >> e * bits % 8)), b = _mm256_set1_epi64x((int64_t)bits);
    const __m256i places = _mm256_mul_epu32(b, _mm256_setr_epi64x(0, 1, 2, 3));
    const __m256i low = _mm256_srlv_epi64(words, places);
    const __m256i high = _mm256_srlv_epi64(words, _mm256_add_epi64(places, _mm256_slli_epi64(b, 2)));
    const __m256 both = _mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), 0x88);
    const __m256i in_order = _mm256_permute4x64_epi64(_mm256_castps_si256(both), 0xd8);
    return _mm256_and_si256(in_order, _mm256_set1_epi32((1 << bits) - 1));
}

/* The sums of the first one, two .. eight numbers. */
RC_INLINE RC_AVX2 __m256i sums_so_far(__m256i v)
{
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
    const __m256i of_low = _mm256_permutevar8x32_epi32(v, _mm256_set1_epi32(3));
    return _mm256_add_epi32(v, _mm256_blend_epi32(_mm256_setzero_si256(), of_low, 0xf0));
}

/* The entries first .. last by relative index: how many store something, their columns and values. A column outside of
 * the row is found where it multiplies. */
RC_INLINE RC_AVX2 size_t entries_of_skips(const struct rc_sparse *a, size_t first, size_t last, int32_t *column,
                                          float *value)
{
    const uint8_t *skips = a->mask, *codes = a->data;
    const float *codebook = a->codebook;
    const size_t skip_bits = a->skip_bits, code_bits = a->code_bits;
    const size_t bits = skip_bits < code_bits ? skip_bits : code_bits;
    /* Entries before which eight bytes can be read in both arrays. */
    const size_t readable = a->nnz * bits / 8 >= 8 ? (a->nnz * bits / 8 - 8) * 8 / bits : 0;
    __m256i before = _mm256_set1_epi32(-1);
    size_t found = 0, e = first;
    for (; e + 8 <= last && e < readable; e += 8) {
        const __m256i skip = eight_packed(skips, skip_bits, e), code = eight_packed(codes, code_bits, e);
        const __m256i at = _mm256_add_epi32(before, sums_so_far(_mm256_add_epi32(skip, _mm256_set1_epi32(1))));
        const __m256i none = _mm256_cmpeq_epi32(code, _mm256_setzero_si256());
        const unsigned stored = ~(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(none)) & 255;
        const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(a->bits + stored)));
        _mm256_storeu_si256((void *)(column + found), _mm256_permutevar8x32_epi32(at, order));
        _mm256_storeu_ps(value + found, _mm256_permutevar8x32_ps(_mm256_i32gather_ps(codebook, code, 4), order));
        found += (size_t)__builtin_popcount(stored);
        before = _mm256_permutevar8x32_epi32(at, _mm256_set1_epi32(7));
    }
    int32_t next = _mm256_extract_epi32(before, 0) + 1;
    for (; e < last; e++) {
        const unsigned code = packed_at(codes, code_bits, e);
        next += (int32_t)packed_at(skips, skip_bits, e);
        column[found] = next++;
        value[found] = codebook[code];
        found += code != 0;
    }
    return found;
}
#endif
