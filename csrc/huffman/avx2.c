/* The encoder. What changed since the portable file: 8 lanes are a vector, their codes and lengths are gathered, and a
 * shuffle, from a table by the lanes that give a word, puts their words side by side. */
#include "../kernels.h"
#if RC_X86
#include <string.h>

#define TARGET RC_AVX2

/* The entries of 8 symbols: a length above a code. */
RC_INLINE TARGET __m256i entries_of(const uint32_t *table, const uint8_t *symbols)
{
    const __m128i symbol = _mm_loadl_epi64((const __m128i *)symbols);
    return _mm256_i32gather_epi32((const int *)table, _mm256_cvtepu8_epi32(symbol), 4);
}

/* Add up the bits of each lane, and of all, from step begin to end; every lane has a symbol in each. */
TARGET static int measure(size_t begin, size_t end, size_t lanes, const uint8_t *symbols, const uint32_t *table,
                          struct rc_huffman_lanes *state)
{
    while (begin < end) {
        __m256i total = _mm256_setzero_si256(), missing = total;
        const size_t stop = begin + rc_min(end - begin, 1 << 20); /* 8 vectors of lengths of 15: below 2^27 */
        for (; begin < stop; begin++)
            for (size_t lane = 0; lane < lanes; lane += 8) {
                __m256i *const held = (__m256i *)(state->held + lane);
                const __m256i length = _mm256_srli_epi32(entries_of(table, symbols + begin * lanes + lane), 16);
                missing = _mm256_or_si256(missing, _mm256_cmpeq_epi32(length, _mm256_setzero_si256()));
                total = _mm256_add_epi32(total, length);
                _mm256_storeu_si256(held, _mm256_add_epi32(_mm256_loadu_si256(held), length));
            }
        if (_mm256_movemask_epi8(missing))
            return RC_BAD_INDEX;
        uint32_t sums[8];
        _mm256_storeu_si256((__m256i *)sums, total);
        for (size_t i = 0; i < 8; i++)
            state->position += sums[i];
    }
    return RC_OK;
}

/* For lanes that give a word, as bits: the bytes of 8 words that go to the upper end, one after the other. */
struct gathered {
    uint8_t bytes[256][16];
};

static void fill_gathered(struct gathered *g)
{
    memset(g->bytes[0], 0x80, 16);
    for (size_t lane = 0; lane < 8; lane++)
        for (size_t set = 0; set < (size_t)1 << lane; set++) {
            uint8_t *const with = g->bytes[set | (size_t)1 << lane];
            memcpy(with, g->bytes[set] + 2, 14); /* one place lower, and this lane's behind */
            with[14] = (uint8_t)(2 * lane);
            with[15] = (uint8_t)(2 * lane + 1);
        }
}

/* The steps from end down to begin, while there are words for all lanes; returns the step where it ended. */
TARGET static size_t encode_lanes(size_t lanes, size_t begin, size_t end, unsigned longest, const uint8_t *symbols,
                                  const uint32_t *table, struct rc_huffman_lanes *state, uint16_t *words)
{
    struct gathered g __attribute__((aligned(16)));
    fill_gathered(&g);
    const __m256i most = _mm256_set1_epi32((int)longest + 15), sixteen = _mm256_set1_epi32(16);
    const __m256i lower = _mm256_set1_epi32(0xffff);
    size_t position = (size_t)state->position;
    for (; end > begin && position >= lanes; end--)
        for (size_t lane = lanes; lane > 0;) {
            lane -= 8;
            __m256i *const bits = (__m256i *)(state->bits + lane), *const held = (__m256i *)(state->held + lane);
            const __m256i entry = entries_of(table, symbols + (end - 1) * lanes + lane);
            const __m256i holds = _mm256_loadu_si256(held), queue = _mm256_loadu_si256(bits);
            const __m256i length = _mm256_srli_epi32(entry, 16), sum = _mm256_add_epi32(holds, length);
            /* Whether the decoder took a word after this symbol. */
            const __m256i took = _mm256_cmpgt_epi32(sum, most);
            const __m256i word = _mm256_and_si256(_mm256_srlv_epi32(queue, _mm256_sub_epi32(holds, sixteen)), lower);
            const unsigned set = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(took));
            const __m128i narrow = _mm_packus_epi32(_mm256_castsi256_si128(word), _mm256_extracti128_si256(word, 1));
            /* What is below is written over later. */
            _mm_storeu_si128((__m128i *)(words + position - 8),
                             _mm_shuffle_epi8(narrow, _mm_load_si128((const __m128i *)g.bytes[set])));
            position -= (size_t)__builtin_popcount(set);
            _mm256_storeu_si256(bits,
                                _mm256_or_si256(_mm256_sllv_epi32(queue, length), _mm256_and_si256(entry, lower)));
            _mm256_storeu_si256(held, _mm256_sub_epi32(sum, _mm256_and_si256(took, sixteen)));
        }
    state->position = position;
    return end;
}

#define LEAST_LANES 8
#define ENCODE rc_huffman_encode_avx2
#include "encode.h"
#endif
