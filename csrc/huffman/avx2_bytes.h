/* Tables of bytes for AVX2, looked up 32 bytes at a time: vpshufb knows 16 entries, so a byte is looked up in each part
 * of 16, and its upper bits choose among these, half of them at each bit. */
#define TARGET RC_AVX2

struct bytes {
    uint8_t part[16][16];
};

RC_INLINE TARGET __m256i part_of(const struct bytes *table, size_t part, __m256i at)
{
    const __m128i entries = _mm_loadu_si128((const __m128i *)table->part[part]);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), at);
}

/* table[i] for each byte i of `at`, all below 16 * parts; parts is 1, 2, 4, 8 or 16. */
RC_INLINE TARGET __m256i look_up(const size_t parts, const struct bytes *table, __m256i at)
{
    __m256i found[16];
    const __m256i low = _mm256_and_si256(at, _mm256_set1_epi8(15));
    RC_UNROLL for (size_t i = 0; i < parts; i++)
        found[i] = part_of(table, i, low);
    /* A blend looks at the highest bit of a byte: bit 4 first. Bits of the byte below come in from the right alone. */
    RC_UNROLL for (size_t half = 1; half < parts; half *= 2) {
        const __m256i bit = half == 1   ? _mm256_slli_epi16(at, 3)
                            : half == 2 ? _mm256_slli_epi16(at, 2)
                            : half == 4 ? _mm256_slli_epi16(at, 1)
                                        : at;
        RC_UNROLL for (size_t i = 0; i < parts; i += 2 * half)
            found[i] = _mm256_blendv_epi8(found[i], found[i + half], bit);
    }
    return found[0];
}

/* The least number of parts, of those that look_up knows, for so many entries. */
RC_INLINE size_t parts_of(size_t entries)
{
    size_t parts = 1;
    while (parts < 16 && 16 * parts < entries)
        parts *= 2;
    return parts;
}
