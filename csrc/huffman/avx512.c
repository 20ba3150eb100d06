/* The encoder. What changed since the portable file: the lanes are those of vectors, 16 in each, and a step of all is a
 * few instructions. vpcompressw puts the words of the lanes that give one side by side. Tables of bytes lie in
 * registers, where vpermi2b looks 64 of them up at a time. What does not fill a step of 16, 32 or 64 lanes is left to
 * the portable kernel, which takes up the same state. */
#include "../kernels.h"
#if RC_X86
#include <string.h>

#define TARGET RC_AVX512

/* 256 bytes in four registers. */
struct bytes {
    __m512i part[4];
};

RC_INLINE TARGET struct bytes load_bytes(const uint8_t *from)
{
    struct bytes table;
    RC_UNROLL for (size_t i = 0; i < 4; i++)
        table.part[i] = _mm512_load_si512(from + 64 * i);
    return table;
}

/* table[i] for each byte i of `at`; 0 where `which` is not set. */
RC_INLINE TARGET __m512i look_up(const struct bytes *table, __mmask64 which, __m512i at)
{
    const __m512i low = _mm512_maskz_permutex2var_epi8(which, table->part[0], at, table->part[1]);
    const __m512i high = _mm512_permutex2var_epi8(table->part[2], at, table->part[3]);
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(at) & which, high);
}

enum { LENGTH, LOW, HIGH };

/* The entries of the portable kernel's table, a length above a code of 16 bits, as three tables of bytes. */
TARGET static void split(const uint32_t *table, struct bytes *split)
{
    uint8_t bytes[3][256] __attribute__((aligned(64)));
    for (size_t i = 0; i < 256; i++) {
        bytes[LENGTH][i] = (uint8_t)(table[i] >> 16);
        bytes[LOW][i] = (uint8_t)table[i];
        bytes[HIGH][i] = (uint8_t)(table[i] >> 8);
    }
    for (size_t i = 0; i < 3; i++)
        split[i] = load_bytes(bytes[i]);
}

/* Add up the bits of each lane, and of all, from step begin to end; every lane has a symbol in each. */
TARGET static int measure(size_t begin, size_t end, size_t lanes, const uint8_t *symbols, const uint32_t *table,
                          struct rc_huffman_lanes *state)
{
    struct bytes tables[3];
    split(table, tables);
    const __mmask64 all = ~0ull >> (64 - lanes);
    while (begin < end) {
        __m512i sums = _mm512_setzero_si512();
        const size_t stop = begin + rc_min(end - begin, 17); /* 17 lengths of 15 are 255, the most that a byte holds */
        for (; begin < stop; begin++) {
            const __m512i symbol = _mm512_maskz_loadu_epi8(all, symbols + begin * lanes);
            const __m512i length = look_up(&tables[LENGTH], all, symbol);
            if (_mm512_test_epi8_mask(length, length) != all)
                return RC_BAD_INDEX;
            sums = _mm512_add_epi8(sums, length);
        }
        uint8_t added[64];
        _mm512_storeu_si512(added, sums);
        for (size_t lane = 0; lane < lanes; lane++) {
            state->held[lane] += added[lane];
            state->position += added[lane];
        }
    }
    return RC_OK;
}

/* The steps from end down to begin, while there are words for all lanes; returns the step where it ended. */
RC_INLINE TARGET size_t encode(const size_t vectors, size_t begin, size_t end, unsigned longest, const uint8_t *symbols,
                               const uint32_t *table, struct rc_huffman_lanes *state, uint16_t *words)
{
    const size_t lanes = 16 * vectors;
    struct bytes tables[3];
    split(table, tables);
    const __mmask64 all = ~0ull >> (64 - lanes);
    const __m256i numbers = _mm256_set_epi16(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i most = _mm512_set1_epi32((int)longest + 15), sixteen = _mm512_set1_epi32(16);
    __m512i bits[4], held[4];
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        bits[v] = _mm512_loadu_si512(state->bits + 16 * v);
        held[v] = _mm512_loadu_si512(state->held + 16 * v);
    }
    size_t position = (size_t)state->position;
    for (; end > begin && position >= lanes; end--) {
        const __m512i symbol = _mm512_maskz_loadu_epi8(all, symbols + (end - 1) * lanes);
        uint8_t part[3][64] __attribute__((aligned(64)));
        _mm512_store_si512(part[LENGTH], look_up(&tables[LENGTH], all, symbol));
        _mm512_store_si512(part[LOW], look_up(&tables[LOW], all, symbol));
        _mm512_store_si512(part[HIGH], longest > 8 ? look_up(&tables[HIGH], all, symbol) : _mm512_setzero_si512());
        RC_UNROLL for (size_t v = vectors; v-- > 0;) {
#define WIDE(name) _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(part[name] + 16 * v)))
            const __m512i length = WIDE(LENGTH), sum = _mm512_add_epi32(held[v], length);
            const __m512i code = _mm512_or_si512(WIDE(LOW), _mm512_slli_epi32(WIDE(HIGH), 8));
#undef WIDE
            /* Whether the decoder took a word after this symbol. */
            const __mmask16 took = _mm512_cmpgt_epu32_mask(sum, most);
            const __m256i word = _mm512_cvtepi32_epi16(_mm512_srlv_epi32(bits[v], _mm512_sub_epi32(held[v], sixteen)));
            const unsigned count = (unsigned)__builtin_popcount(took);
            /* The words of the lanes that give one go to the upper end of 16; what is below is written over later. */
            const __m256i last = _mm256_permutexvar_epi16(_mm256_add_epi16(numbers, _mm256_set1_epi16((short)count)),
                                                          _mm256_maskz_compress_epi16(took, word));
            _mm256_storeu_si256((__m256i *)(words + position - 16), last);
            position -= count;
            bits[v] = _mm512_or_si512(_mm512_sllv_epi32(bits[v], length), code);
            held[v] = _mm512_mask_sub_epi32(sum, took, sum, sixteen);
        }
    }
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        _mm512_storeu_si512(state->bits + 16 * v, bits[v]);
        _mm512_storeu_si512(state->held + 16 * v, held[v]);
    }
    state->position = position;
    return end;
}

/* The same for 16, 32 or 64 lanes. */
TARGET static size_t encode_lanes(size_t lanes, size_t begin, size_t end, unsigned longest, const uint8_t *symbols,
                                  const uint32_t *table, struct rc_huffman_lanes *state, uint16_t *words)
{
    switch (lanes) {
    case 16: return encode(1, begin, end, longest, symbols, table, state, words);
    case 32: return encode(2, begin, end, longest, symbols, table, state, words);
    default: return encode(4, begin, end, longest, symbols, table, state, words);
    }
}

#define LEAST_LANES 16
#define ENCODE rc_huffman_encode_avx512
#include "encode.h"
#endif
